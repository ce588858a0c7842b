//! Whole manifests through [`decode`].

use proptest::prelude::*;

use super::model::{Kind, Member, Model, Role, Scalar, Shape};
use super::value::{Data, SpannedValue};
use super::*;
use crate::source::{SourceId, SourceMap, Span};
use crate::syntax;

fn decoded(text: &str) -> (Manifest, Diagnostics) {
    let mut sink = Diagnostics::new();
    let document = syntax::parse(SourceId(0), text, &mut sink);
    let manifest = decode(&document, &mut sink);
    (manifest, sink)
}

/// Codes with the text that their first label covers.
fn expect(text: &str, expected: &[(&str, &str)]) {
    let (_, sink) = decoded(text);
    let mut sources = SourceMap::new();
    sources.add("zos.kdl", text);
    let found: Vec<(&str, &str)> = sink
        .iter()
        .map(|problem| {
            let place = problem.labels.first().map(|label| label.span);
            (
                problem.code.rsplit("::").next().unwrap_or_default(),
                place.map_or("", |span| sources.slice(span)),
            )
        })
        .collect();
    assert_eq!(found, expected, "in:\n{text}\n{sink:#?}");
}

#[test]
fn the_minimal_manifest_decodes() {
    let (manifest, sink) = decoded(include_str!("../../manifests/minimal/zos.kdl"));
    assert!(sink.is_empty(), "{sink:#?}");
    assert_eq!(manifest.image.as_ref().expect("image").name.value, "my-zos");
    assert_eq!(manifest.packages[0].install[0].names.len(), 2);
    let source = &manifest.source[0];
    let build = source.build.as_ref().expect("build");
    let no_default_features = build.no_default_features.as_ref();
    assert!(no_default_features.is_some_and(|flag| flag.value));
    assert_eq!(
        source.registry.as_ref().expect("crate").version.value,
        "=0.3.8"
    );
    assert_eq!(manifest.kernel.as_ref().expect("kernel").cmdline.len(), 2);
    assert!(manifest.account[0].open().is_some());
    assert!(manifest.damaged.is_empty());
}

#[test]
fn spans_reach_the_types() {
    let text = "unit web { exec \"/bin/web -v\"; env A=b }";
    let (manifest, _) = decoded(text);
    let unit = &manifest.unit[0];
    assert_eq!(&text[unit.name.span.range()], "web");
    let exec = unit.exec.as_ref().expect("exec");
    assert_eq!(&text[exec.span.range()], "\"/bin/web -v\"");
    assert_eq!(&text[unit.env["A"].span.range()], "b");
}

#[test]
fn names_that_nobody_knows() {
    expect("imag zos", &[("unknown-node", "imag")]);
    expect("stage1 nvme", &[("wrong-place", "stage1")]);
    expect("kernel { instal x }", &[("unknown-node", "instal")]);
    expect("image a verson=\"1\"", &[("unknown-property", "verson")]);
    expect("image a title=\"A\"", &[("wrong-place", "title")]);
    expect("image a { version \"1\" }", &[("wrong-place", "version")]);
    expect("unit a { exec x; disabled=#true }", &[("unexpected", "=")]);
    expect(
        "kernel { cmdline console=ttyS0 }",
        &[("unknown-property", "console=ttyS0")],
    );
    expect("(t)image (u)a", &[("annotation", "t"), ("annotation", "u")]);
}

#[test]
fn too_little_and_too_much() {
    expect("image", &[("missing", "image")]);
    expect("packages { install }", &[("missing", "install")]);
    expect("source a { install x }", &[("missing", "install")]);
    expect("unit a { exec }", &[("missing", "exec")]);
    expect("image a b", &[("extra-argument", "b")]);
    expect(
        "unit a { exec sleep \"1\" }",
        &[("extra-argument", "\"1\"")],
    );
    expect("unit a { oneshot yes }", &[("extra-argument", "yes")]);
    expect("unit a { oneshot { } }", &[("no-children", "{")]);
    expect("image a\nimage b", &[("duplicate", "image")]);
    expect(
        "image a version=\"1\" version=\"2\"",
        &[("duplicate", "version=\"2\"")],
    );
    expect("unit a { env X }", &[("extra-argument", "X")]);
}

#[test]
fn values_that_do_not_fit() {
    expect("alpine 3.20", &[("quote-it", "3.20")]);
    expect("edition 2", &[("bad-value", "2")]);
    expect("edition \"1\"", &[("wrong-type", "\"1\"")]);
    expect(
        "edition 99999999999999999999999",
        &[("bad-value", "99999999999999999999999")],
    );
    expect("zinit dialect=tom", &[("not-a-choice", "tom")]);
    expect("boot memory=\"512MB\"", &[("bad-value", "\"512MB\"")]);
    expect("boot cpus=300", &[("bad-value", "300")]);
    expect(
        "modules { stage1 a optional=yes }",
        &[("wrong-type", "yes")],
    );
    expect("unit a { requires \"b c\" d }", &[("bad-value", "\"b c\"")]);
    expect("image a version=#null", &[("wrong-type", "#null")]);
}

#[test]
fn secrets_are_named_and_never_written() {
    let sign = |key: &str| format!("kernel {{ sign key={key} cert=c }}");
    for sound in ["(env)SB_KEY", "\"keys/db.key\"", "\"pkcs11:object=db\""] {
        expect(&sign(sound), &[]);
    }
    for secret in [
        "\"a\\nb\"",
        "\"${SB_KEY}\"",
        "\"(env)SB_KEY\"",
        "SB_KEY",
        "17",
        "\"\"",
    ] {
        expect(&sign(secret), &[("literal-secret", secret)]);
    }
    expect(&sign("(evn)SB_KEY"), &[("annotation", "evn")]);
    expect(&sign("(u8)SB_KEY"), &[("annotation", "u8")]);
    expect(&sign("(env)\"1A\""), &[("bad-value", "\"1A\"")]);
    let (manifest, _) = decoded(&sign("(env)SB_KEY"));
    let sign = manifest
        .kernel
        .as_ref()
        .and_then(|kernel| kernel.sign.clone());
    let key = &sign.as_ref().expect("it is there").key.value;
    assert_eq!(*key, secret::Secret::Environment("SB_KEY".to_owned()));
}

#[test]
fn no_message_repeats_a_secret() {
    let (_, sink) = decoded("kernel { sign key=\"-----BEGIN hunter2\" cert=c }");
    assert_eq!(sink.len(), 1);
    assert!(!format!("{sink:?}").contains("hunter2"));
}

#[test]
fn the_sound_rest_is_decoded() {
    let (manifest, _) = decoded(
        "image a version=1 { title \"A\" }\nunit \"b c\"\nunit d { exec x; log nowhere }\nkernel 6.6.30 {\n  cmdline a true\n}\nsize {",
    );
    let image = manifest.image.as_ref().expect("image");
    assert!(image.version.is_none());
    assert_eq!(image.title.as_ref().expect("title").value, "A");
    assert_eq!(manifest.unit.len(), 1);
    assert!(manifest.unit[0].log.is_none());
    assert_eq!(manifest.kernel.as_ref().expect("kernel").cmdline.len(), 1);
    for section in ["image", "unit", "kernel", "size"] {
        assert!(!manifest.is_whole(section), "{section}");
    }
    assert!(manifest.is_whole("boot"));
}

#[test]
fn more_than_fifty_problems_are_counted() {
    let (_, sink) = decoded(&"imagine\n".repeat(60));
    assert_eq!(sink.len(), MAXIMUM_PROBLEMS + 1);
    let last = sink.iter().last().expect("the last");
    assert_eq!(last.code, "zosc::manifest::too-many");
    assert_eq!(last.message, "10 more problems are not shown");
}

#[test]
fn a_projection_keeps_the_schema() {
    let mut sink = Diagnostics::new();
    let text = include_str!("../../manifests/minimal/zos.kdl");
    let document = syntax::parse(SourceId(0), text, &mut sink);
    let projection = project(&document);
    assert!(Language::manifest().is_valid(&projection));
    assert_eq!(projection["image"]["version"], "1");
    assert_eq!(projection["source"][0]["build"]["features"][1], "server");
    assert_eq!(
        projection["packages"][0]["install"][0]["names"][1],
        "busybox"
    );
}

/// The types of all languages.
fn shapes() -> impl Iterator<Item = &'static Shape> {
    let recipe = Language::recipe().model();
    let configuration = Language::configuration().model();
    let others = recipe.shapes.iter().chain(&configuration.shapes);
    Model::get().shapes.iter().chain(others)
}

#[test]
fn every_field_has_one_role_that_fits_its_type() {
    assert!(Model::get().shapes.len() > 30, "the model is read");
    for shape in shapes() {
        for role in [Role::Arg, Role::Args] {
            let count = shape
                .members
                .iter()
                .filter(|member| member.role == role)
                .count();
            assert!(count <= 1, "{} has several {role:?}", shape.name);
        }
        for member in &shape.members {
            let place = format!("{}.{}", shape.name, member.name);
            let is_node = matches!(member.kind, Kind::Shape(_));
            match member.role {
                Role::List => assert!(is_node, "{place}: a list holds nodes"),
                Role::Child => {}
                Role::Flag => assert_eq!(member.kind, Kind::Scalar(Scalar::Truth), "{place}"),
                _ => assert!(!is_node, "{place}: only scalars here"),
            }
        }
    }
}

#[test]
fn everything_is_documented() {
    for shape in shapes() {
        assert!(!shape.description.is_empty(), "{} lacks words", shape.name);
        for member in &shape.members {
            let place = format!("{}.{}", shape.name, member.name);
            assert!(!member.description.is_empty(), "{place} lacks words");
            if let Kind::Scalar(Scalar::Choice(choices)) = &member.kind {
                for (word, meaning) in choices {
                    assert!(!meaning.is_empty(), "{place}: `{word}` lacks words");
                }
            }
        }
    }
}

#[test]
fn no_serde_form_that_loses_spans_is_used() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/compiler/manifest");
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for line in text
            .lines()
            .filter(|line| line.trim().starts_with("#[serde("))
        {
            for form in ["flatten", "untagged", "tag =", "content ="] {
                assert!(!line.contains(form), "{}: {line}", path.display());
            }
        }
    }
}

/// A stream of decisions, from which a value of any shape can be made.
struct Decisions<'a>(std::slice::Iter<'a, u8>);

impl Decisions<'_> {
    fn next(&mut self) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0))
    }
}

fn anywhere() -> Span {
    Span::new(SourceId(0), 0, 0)
}

const TEXTS: [&str; 19] = [
    "a",
    "edge",
    "3.22",
    "https://e/",
    "/bin/a",
    "0755",
    "512MiB",
    "30s",
    "~6.14",
    "=1.2.3",
    "unit a up",
    "127.0.0.1:22",
    "SIGTERM",
    "(env)NAME",
    "docs",
    "a b",
    "",
    "\u{e9}/~",
    "0000000000000000000000000000000000000000000000000000000000000000",
];

fn any_scalar(scalar: &Scalar, decisions: &mut Decisions<'_>) -> Data {
    let number = decisions.next();
    match scalar {
        _ if number == 255 => Data::Poisoned,
        Scalar::Text | Scalar::Secret(_) => Data::Text(TEXTS[number % TEXTS.len()].to_owned()),
        Scalar::Choice(choices) => Data::Text(choices[number % choices.len()].0.clone()),
        Scalar::Number => Data::Number([0, 1, 5, 64, 65, 70_000, i64::MAX, -1][number % 8]),
        Scalar::Truth => Data::Truth(number.is_multiple_of(2)),
    }
}

fn any_member(member: &Member, decisions: &mut Decisions<'_>, depth: usize) -> SpannedValue {
    let one = |decisions: &mut Decisions<'_>| match &member.kind {
        Kind::Scalar(scalar) => SpannedValue::new(anywhere(), any_scalar(scalar, decisions)),
        Kind::Shape(index) => any_shape(Model::get().shape(*index), decisions, depth + 1),
    };
    let data = match member.role {
        Role::Args | Role::Words | Role::List => {
            let count = decisions.next() % 3;
            Data::List((0..count).map(|_| one(decisions)).collect())
        }
        Role::Pairs => Data::Map(
            (0..decisions.next() % 3)
                .map(|number| (format!("N{number}"), one(decisions)))
                .collect(),
        ),
        _ => return one(decisions),
    };
    SpannedValue::new(anywhere(), data)
}

fn any_shape(shape: &Shape, decisions: &mut Decisions<'_>, depth: usize) -> SpannedValue {
    let mut members = indexmap::IndexMap::new();
    for member in &shape.members {
        if member.required || depth < 6 && decisions.next() % 2 == 1 {
            members.insert(member.name.clone(), any_member(member, decisions, depth));
        }
    }
    SpannedValue::new(anywhere(), Data::Map(members))
}

/// A sound manifest with some of its bytes changed.
fn mutated(text: &str, changes: &[(usize, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (place, byte) in changes {
        let place = place % bytes.len();
        match byte {
            0..=9 => {
                bytes.remove(place);
            }
            10..=19 => bytes.insert(place, b"{}\"=/;#\\( "[usize::from(byte % 10)]),
            byte => bytes[place] = *byte,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_keeps_the_schema_decodes(decisions in prop::collection::vec(any::<u8>(), 0..600)) {
        let root = any_shape(Model::get().root(), &mut Decisions(decisions.iter()), 0);
        let mut root = prune::prune(Model::get(), root);
        validate::validate(Language::manifest(), &mut root, &mut Diagnostics::new());
        let root = prune::prune(Model::get(), root);
        prop_assert!(Language::manifest().is_valid(&root.project()), "{:?}", root.project());
        if let Err(error) = Manifest::deserialize(&root) {
            prop_assert!(false, "{error}: {}", root.project());
        }
    }

    #[test]
    fn a_manifest_cut_off_anywhere_is_told_about(length in 0_usize..2000) {
        let text = include_str!("../../manifests/minimal/zos.kdl");
        let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= length).last();
        decoded(&text[..cut.unwrap_or(0)]);
    }

    #[test]
    fn a_manifest_changed_anywhere_is_told_about(
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..8)
    ) {
        let text = mutated(include_str!("../../manifests/minimal/zos.kdl"), &changes);
        let (_, sink) = decoded(&text);
        for problem in &sink {
            prop_assert_ne!(problem.code, "zosc::manifest::undecodable");
            for label in &problem.labels {
                prop_assert!(text.get(label.span.range()).is_some(), "{problem:?}");
            }
            for edit in problem.fixes.iter().flat_map(|fix| &fix.edits) {
                prop_assert!(text.get(edit.span.range()).is_some(), "{problem:?}");
            }
        }
    }

    #[test]
    fn any_text_is_decoded_without_a_panic(text in "\\PC{0,200}") {
        decoded(&text);
    }
}

/// Kinds of names that the world outside the manifest gives.
const OUTSIDE: [&str; 2] = ["module", "package"];

#[test]
fn every_reference_is_to_names_that_something_declares() {
    let model = Model::get();
    let members = || model.shapes.iter().flat_map(|shape| &shape.members);
    let declared: BTreeSet<&str> = members()
        .flat_map(|member| [&member.naming.names, &member.naming.declares])
        .filter_map(|kind| kind.as_deref())
        .collect();
    let variables: BTreeSet<&str> = members()
        .filter_map(|member| member.naming.variable.as_deref())
        .collect();
    for shape in &model.shapes {
        for member in &shape.members {
            let naming = &member.naming;
            let place = format!("{}.{}", shape.name, member.name);
            for kind in naming
                .refers
                .iter()
                .chain(naming.implies.iter().map(|implied| &implied.kind))
            {
                let known = declared.contains(kind.as_str()) || OUTSIDE.contains(&kind.as_str());
                assert!(
                    known,
                    "{place} refers to a `{kind}`, which nothing declares"
                );
            }
            for variable in &naming.template {
                let known = variables.contains(variable.as_str());
                assert!(
                    known,
                    "{place} may hold `{variable}`, which stands for nothing"
                );
            }
            if let Some(implied) = &naming.implies {
                let known = shape.member(&implied.member).is_some();
                assert!(known, "{place} depends on `{}`", implied.member);
            }
        }
    }
}
