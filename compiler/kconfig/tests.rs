use std::collections::BTreeMap;

use super::*;

const KCONFIG: &str = r#"# comment
mainmenu "Linux/$(ARCH)"
source "arch/$(SRCARCH)/Kconfig"

config EXPERT
	bool "Experts"
	help
	  config NOT_A_SYMBOL
	  depends on nothing

menu "Networking"
	depends on HAVE_NET

config NET
	bool "Networking"
	select LIB_CRC

if NET
config DUMMY
	tristate "Dummy" if \
		EXPERT
	depends on PCI && (X86 || \
		!EXPERT)
endif
endmenu

config LIB_CRC
	tristate

config HZ
	int "Ticks" # how many

choice
	prompt "Compression"
	depends on EXPERT

config GZIP
	bool "gzip"

config XZ
	bool "xz"
	depends on $(success,xz)
endchoice

config LIMITED
	tristate "Limited"
	depends on PCI
"#;

const ARCH: &str =
    "config X86\n\tdef_bool y\n\nconfig HAVE_NET\n\tbool\n\nconfig PCI\n\ttristate \"PCI's\"\n";

fn language() -> Language {
    Language::read("x86_64", &mut |path| match path {
        "Kconfig" => Some(KCONFIG.to_owned()),
        "arch/x86/Kconfig" => Some(ARCH.to_owned()),
        _ => None,
    })
}

/// What is said of a wish under a configuration: message, notes and help in lines.
fn said(wish: (&str, &str), config: &str) -> String {
    let wanted = BTreeMap::from([(wish.0.to_owned(), wish.1.to_owned())]);
    let unheeded = verify(&wanted, &Config::read(config), &language());
    let lines = unheeded.into_iter().flat_map(|unheeded| {
        let problem = unheeded.diagnostic;
        let mut lines = vec![problem.message];
        lines.extend(problem.notes);
        lines.extend(problem.help);
        lines
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_surrounds_a_symbol_counts_for_it_and_texts_for_people_do_not() {
    let language = language();
    let symbols: Vec<&str> = language.symbols().collect();
    let expected = [
        "DUMMY", "EXPERT", "GZIP", "HAVE_NET", "HZ", "LIB_CRC", "LIMITED", "NET", "PCI", "X86",
        "XZ",
    ];
    assert_eq!(symbols, expected);
    let dummy = &language.definitions("DUMMY")[0];
    let depends: Vec<String> = dummy.depends.iter().map(ToString::to_string).collect();
    assert_eq!(depends, ["PCI && (X86 || !EXPERT)", "HAVE_NET", "NET"]);
    assert!(dummy.prompt.as_deref() == Some("Dummy") && dummy.asked_if.len() == 1);
    assert!(language.definitions("X86")[0].prompt.is_none());
    let pci = &language.definitions("PCI")[0];
    assert_eq!(pci.prompt.as_deref(), Some("PCI's"));
    assert_eq!(pci.kind, Some(ValueKind::Tristate));
    let help = "config NOT_A_SYMBOL\ndepends on nothing\n\n";
    assert_eq!(language.definitions("EXPERT")[0].help, help);
}

#[test]
fn a_wish_that_holds_is_no_problem() {
    assert_eq!(said(("CONFIG_NET", "y"), "CONFIG_NET=y\n"), "");
    assert_eq!(said(("CONFIG_NET", "n"), "# CONFIG_NET is not set\n"), "");
    assert_eq!(said(("CONFIG_GONE", "n"), ""), "");
    assert_eq!(said(("CONFIG_HZ", "250"), "CONFIG_HZ=250\n"), "");
    // What the compiler is, is not for people to decide.
    assert_eq!(said(("CONFIG_LIB_CRC", "\"x\""), ""), "");
}

#[test]
fn an_unmet_dependency_is_named_with_its_values() {
    let said_of = said(
        ("CONFIG_DUMMY", "m"),
        "CONFIG_HAVE_NET=y\nCONFIG_EXPERT=y\nCONFIG_X86=y\nCONFIG_NET=y\n",
    );
    assert_eq!(
        said_of,
        "Kconfig makes `CONFIG_DUMMY=m` into `n`\nit depends on `PCI`, and now PCI=n\nadd `CONFIG_PCI=y`, with what that depends on"
    );
    let said_of = said(("CONFIG_LIMITED", "y"), "CONFIG_LIMITED=m\nCONFIG_PCI=m\n");
    assert!(
        said_of.contains("it depends on `PCI`, and now PCI=m"),
        "{said_of}"
    );
    let said_of = said(("CONFIG_NET", "y"), "");
    assert!(said_of.contains("now HAVE_NET=n"), "{said_of}");
}

#[test]
fn other_obstacles_are_named_as_well() {
    let said_of = said(("CONFIG_LIB_CRC", "y"), "");
    assert!(said_of.contains("`CONFIG_NET` on instead"), "{said_of}");
    let said_of = said(("CONFIG_EXPRT", "y"), "");
    assert!(
        said_of.contains("did you mean `CONFIG_EXPERT`?"),
        "{said_of}"
    );
    let said_of = said(("CONFIG_XZ", "y"), "CONFIG_EXPERT=y\nCONFIG_GZIP=y\n");
    assert!(said_of.contains("`CONFIG_GZIP` is chosen"), "{said_of}");
    let said_of = said(("CONFIG_PCI", "n"), "CONFIG_PCI=y\n");
    assert!(said_of.contains("CONFIG_EXPERT"), "{said_of}");
}

#[test]
fn conditions_are_weighed_as_kconfig_weighs_them() {
    let config = Config::read("CONFIG_A=y\nCONFIG_B=m\nCONFIG_N=12\nCONFIG_S=\"text\"\n");
    let value = |text: &str| {
        let expression = Expression::parse(text).expect(text);
        expression.value(&config).map(Tristate::letter)
    };
    for (text, expected) in [
        ("A", Some("y")),
        ("A && B", Some("m")),
        ("!B", Some("m")),
        ("A && !A || B", Some("m")),
        ("C || y", Some("y")),
        ("A = y", Some("y")),
        ("B != n && N >= 12", Some("y")),
        ("N < 9", Some("n")),
        ("S = \"text\"", Some("y")),
        ("$(cc-option,-m(x)) && A", None),
        ("$(cc-option,-mx) && C", Some("n")),
        ("(A && B) || C", Some("m")),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
    for broken in ["", "A &&", "(A", "A B", "\"x", "$(x", "&"] {
        assert_eq!(Expression::parse(broken), None, "{broken}");
    }
    let nested = format!("{}A{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(Expression::parse(&nested), None);
}

#[test]
fn much_around_an_entry_is_not_copied_into_each() {
    let text = "if A\n".repeat(5_000) + &"config B\n\tbool \"b\"\n".repeat(5_000);
    let language = Language::read("x86_64", &mut |_| Some(text.clone()));
    let definitions = language.definitions("B");
    assert_eq!(definitions.len(), 5_000);
    assert!(
        definitions
            .iter()
            .all(|definition| definition.depends.len() < 100)
    );
}
