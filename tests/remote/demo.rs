//! The components of `manifests/demo`.

use super::casd::Casd;
use super::project::{Project, shown_on, turn};

/// The demo's toolchains and components, without the rest of its image.
fn components() -> String {
    let manifest = include_str!("../../manifests/demo/zos.kdl");
    let mut kept = String::new();
    let mut inside = false;
    for line in manifest.lines() {
        inside |= ["toolchain ", "source "]
            .iter()
            .any(|start| line.starts_with(start));
        if inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= line.starts_with("    ") || !line.ends_with('}');
    }
    kept
}

#[test]
fn the_demos_components_are_built_to_the_local_digests() {
    let _turn = turn();
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = Project::empty() else {
        return;
    };
    if std::env::var_os("ZOSC_SLOW_TESTS").is_none() {
        println!("skipped: ZOSC_SLOW_TESTS is not set");
        return;
    }
    let components = components();
    assert!(components.contains("source zinit"), "{components}");
    project.manifest(&components);
    let there = project.build(&shown_on(&casd.url()));
    there.assert_remote();
    let here = project.kept("demo").build(&[]);
    assert_eq!(here.outputs(), there.outputs());
    let asked = casd.asked();
    let second = project.elsewhere().build(&shown_on(&casd.url()));
    assert_eq!(here.outputs(), second.outputs());
    second.assert_shared();
    assert_eq!(casd.asked(), asked);
}
