//! Whole manifests through [`decode`].

use super::*;
use crate::source::{SourceId, SourceMap};
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
    assert_eq!(manifest.packages[0].install[0].names.len(), 3);
    let source = &manifest.source[0];
    assert!(source.build.as_ref().expect("build").no_default_features);
    assert_eq!(
        source.registry.as_ref().expect("crate").version.value,
        "=0.3.8"
    );
    assert_eq!(manifest.kernel.as_ref().expect("kernel").cmdline.len(), 2);
    assert_eq!(manifest.unit[0].name.value, "hello");
    assert!(manifest.unit[0].oneshot);
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
