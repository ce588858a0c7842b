//! Whole manifests: where names stand, and what they come to when they change.

use std::path::PathBuf;

use super::*;
use crate::check;

/// Files of a manifest, the entry first.
pub(super) fn names(files: &[(&str, &str)]) -> Names {
    let entry = Location::Disk(PathBuf::from(files[0].0));
    Names::of(entry, &|location| match location {
        Location::Disk(path) => {
            let file = files.iter().find(|(name, _)| path.as_os_str() == *name)?;
            Some(file.1.into())
        }
        Location::Library(path) => library(path),
    })
}

fn library(path: &str) -> Option<Arc<str>> {
    let name = format!("std:{}", path.strip_suffix(".kdl")?);
    check::library_text(&name).map(Arc::from)
}

/// The text with every name in brackets, and what it is before it.
fn marked(text: &str) -> String {
    let file = NamedFile::of(Location::Disk("/zos.kdl".into()), text.into());
    let mut marks: Vec<(usize, bool, String)> = Vec::new();
    for found in &file.occurrences {
        let kind = found.symbol.kind;
        let sign = match found.role {
            Use::Names => "=",
            Use::Declares => "+",
            Use::Refers => "→",
            Use::Implies(_) => {
                marks.push((
                    found.place.end,
                    true,
                    format!("[⇒{kind} {}]", found.symbol.name),
                ));
                continue;
            }
        };
        marks.push((found.place.start, true, format!("[{sign}{kind} ")));
        marks.push((found.place.end, false, "]".to_owned()));
    }
    marks.sort();
    let mut marked = text.to_owned();
    for (at, _, mark) in marks.iter().rev() {
        marked.insert_str(*at, mark);
    }
    marked
}

#[test]
fn every_kind_of_name_is_found() {
    let text = r##"image zos version="1" arch=x86_64 { title "Z" }
alpine "3.22" { repository testing tag=edge }
packages { install busybox "musl" tag=edge; exclude x; scripts skip busybox }
toolchain rust { alpine packages="build-base rust" }
source zinit {
    git "https://example.org/zinit" rev=v1
    build cargo toolchain=rust { bin zinit }
    install zinit to="/sbin/zinit"
}
kernel "6.12" { toolchain rust; localversion "-z"; microcode intel-ucode }
modules { stage1 nvme }
firmware { for-modules stage1; tag edge; package linux-firmware }
unit sshd {
    exec "/usr/sbin/sshd -D"
    requires network "udev"
    after #"net"#
}
/-unit gone { after sshd }
account zos uid=1000 { groups wheel; shell "/bin/sh" }
group wheel gid=10
file "/etc/x" uid=1000 gid=10
flist modules { pack "/lib/modules/{kernel}"; embed "/etc/m-{tag}.fl"; mount "/lib/modules/{kernel}"; tag "1" }
branding { os-release id=z pretty="{title} {version}"; motd text="{build-id} {name}" }
outputs { efi "v-{kernel}-{source.zinit.rev}.efi" }
boot { expect "unit sshd running"; expect "pid1 zinit" }
"##;
    insta::assert_snapshot!(marked(text));
}

#[test]
fn names_are_found_in_broken_texts() {
    let text = "unit é {\n  target\nunit a {\n  after b\n  exec \"/x\nunit c { requires \"a }\nboot { expect \"unit a";
    insta::assert_snapshot!(marked(text));
}

#[test]
fn names_are_one_across_imports() {
    let names = names(&[
        (
            "/w/zos.kdl",
            "import \"units/a.kdl\"\nimport \"std:zero-os/udev\"\nunit b { after a }\n",
        ),
        (
            "/w/units/a.kdl",
            "import \"../zos.kdl\"\nunit a { requires udevd b }\n",
        ),
    ]);
    let of: Vec<String> = names.files.iter().map(NamedFile::name).collect();
    assert_eq!(of[..2], ["zos.kdl", "a.kdl"]);
    let symbol = |name: &str| Symbol {
        kind: "unit",
        name: name.to_owned(),
        section: None,
    };
    let files = |name: &str| -> Vec<String> {
        let symbol = symbol(name);
        let found = names.places(&names.files[0], &symbol);
        found.map(|found| found.file.name()).collect()
    };
    assert_eq!(files("a"), ["zos.kdl", "a.kdl"]);
    assert_eq!(files("b"), ["zos.kdl", "a.kdl"]);
    assert!(files("udevd").contains(&"std:zero-os/udev".to_owned()));
}

/// What a rename comes to: the edited files, or why not. The cursor stands at `‸` in the first file.
fn renamed(files: &[(&str, &str)], new: &str) -> Result<String, String> {
    let offset = files[0].1.find('‸').expect("a cursor");
    let first = files[0].1.replace('‸', "");
    let mut files = files.to_vec();
    files[0].1 = &first;
    let names = names(&files);
    let file = &names.files[0];
    let (symbol, _) = renameable(&names, file, offset)?;
    let edits = rename(&names, file, &symbol, new)?;
    let mut all = String::new();
    for (location, ranges) in &edits {
        let text = &names.file(location).expect("a file of it").text;
        let shown = names.file(location).expect("a file of it").name();
        all += &format!("{shown}: {}", edited(text, ranges));
    }
    Ok(all)
}

fn edited(text: &str, ranges: &std::collections::BTreeMap<(usize, usize), String>) -> String {
    let mut text = text.to_owned();
    for ((start, end), new) in ranges.iter().rev() {
        text.replace_range(*start..*end, new);
    }
    text
}

#[test]
fn a_name_keeps_its_form_everywhere() {
    let text = r##"// é
unit "ss‸hd" { requires a; target }
unit a { after sshd #"sshd"# "s\u{73}hd" /-sshd "x" }
/-unit b { after sshd }
boot { expect "unit sshd running"; expect "console sshd" }
"##;
    let expected = r##"zos.kdl: // é
unit "ssh" { requires a; target }
unit a { after ssh #"ssh"# "ssh" /-sshd "x" }
/-unit b { after sshd }
boot { expect "unit ssh running"; expect "console sshd" }
"##;
    assert_eq!(
        renamed(&[("/zos.kdl", text)], "ssh").as_deref(),
        Ok(expected)
    );
    let text = "source a.b { path x }\noutputs { efi \"{source.‸a.b.rev}-{source.a.rev}.efi\" }\n";
    let expected = "zos.kdl: source \"8x\" { path x }\noutputs { efi \"{source.8x.rev}-{source.a.rev}.efi\" }\n";
    assert_eq!(
        renamed(&[("/zos.kdl", text)], "8x").as_deref(),
        Ok(expected)
    );
}

#[test]
fn names_that_hang_together_change_together() {
    let text = "flist mo‸dules { mount \"/lib\"; pack \"/lib\" }\nunit rfs-modules { target }\nunit a { after rfs-modules }\n";
    let expected = "zos.kdl: flist mods { mount \"/lib\"; pack \"/lib\" }\nunit rfs-mods { target }\nunit a { after rfs-mods }\n";
    assert_eq!(
        renamed(&[("/zos.kdl", text)], "mods").as_deref(),
        Ok(expected)
    );
    let from_unit = text.replace('‸', "").replace("after rfs", "after ‸rfs");
    assert_eq!(
        renamed(&[("/zos.kdl", &from_unit)], "rfs-mods").as_deref(),
        Ok(expected)
    );
    assert_eq!(
        renamed(&[("/zos.kdl", &from_unit)], "mods"),
        Err("the unit `rfs-modules` belongs to the flist `modules`, so its name is `rfs-` and that of the flist".to_owned())
    );
    let brought = |name: &str| {
        format!("flist {name} {{ mount \"/lib\"; pack \"/lib\" }}\nunit a {{ after rfs-{name} }}\n")
    };
    let from_reference = brought("modules").replace("after rfs", "after ‸rfs");
    assert_eq!(
        renamed(&[("/zos.kdl", &from_reference)], "rfs-mods"),
        Ok(format!("zos.kdl: {}", brought("mods")))
    );
    let alone = text.replace("mount \"/lib\"; ", "");
    assert!(
        renamed(&[("/zos.kdl", &alone)], "m")
            .expect("alone")
            .contains("unit rfs-modules")
    );
    let text = "account zos { }\ngroup z‸os gid=10\naccount b gid=1\n";
    let expected = "zos.kdl: account z { }\ngroup z gid=10\naccount b gid=1\n";
    assert_eq!(renamed(&[("/zos.kdl", text)], "z").as_deref(), Ok(expected));
}

#[test]
fn what_cannot_be_renamed_is_refused() {
    let refused = |text: &str, new: &str, why: &str| {
        assert_eq!(
            renamed(&[("/w/zos.kdl", text)], new),
            Err(why.to_owned()),
            "{text}"
        );
    };
    let two = "unit ‸a { target }\nunit b { target }\n";
    refused(two, "b", "there is a unit `b` already, in `zos.kdl`");
    refused(
        two,
        "a b",
        "a unit name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `-`",
    );
    refused(
        two,
        "",
        "a unit name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `-`",
    );
    refused(
        "account ‸a { }\n",
        "A",
        "a login name has lowercase letters, digits, `_` and `-`, at most 32",
    );
    refused(
        "unit a { after ‸b }\n",
        "c",
        "nothing in this manifest is the unit `b`",
    );
    refused("un‸it a { }\n", "c", "nothing here has a name of its own");
    refused(
        "file \"/‸a\" text=x\n",
        "/b",
        "`/a` is a file, not a name that a manifest gives",
    );
    refused(
        "source a { build cargo { bin ‸x } }\n",
        "y",
        "`x` is a program, not a name that a manifest gives",
    );
    refused(
        "import \"std:zero-os/udev\"\nunit a { after ude‸vd }\n",
        "x",
        "the unit `udevd` stands in `std:zero-os/udev`, which ships with zosc and cannot be changed",
    );
    refused(
        "import \"std:zero-os/rfs\"\nflist mo‸dules { mount \"/x\" }\n",
        "x",
        "the unit `rfs-modules`, which goes with it, stands in `std:zero-os/rfs`, which ships with zosc and cannot be changed",
    );
}
