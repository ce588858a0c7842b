//! What another processor changes in a plan.

use super::*;
use crate::check::Arch;

const BUILT: &str = r#"image test arch=aarch64
toolchain c { host }
source cross { path tool; build cargo; install tool to="/usr/bin/cross" }
source musl { path tool; build cargo target="{arch}-unknown-linux-musl"; install tool to="/usr/bin/musl" }
source go { path tool; build go; install tool to="/usr/bin/go" }
outputs { initramfs "initramfs-{arch}" }
"#;

/// What is planned under a label.
fn labelled<'p>(plan: &'p Plan, label: &str) -> &'p PlannedAction {
    let mut all = plan.actions.iter();
    all.find(|planned| planned.label == label)
        .unwrap_or_else(|| panic!("no `{label}` in\n{}", listing(plan)))
}

/// The command and one variable of a build.
fn command<'p>(plan: &'p Plan, label: &str, variable: &str) -> (String, Option<&'p str>) {
    match &labelled(plan, label).action {
        Action::Run {
            arguments,
            environment,
            ..
        } => (
            arguments.fixed.join(" "),
            environment.get(variable).map(String::as_str),
        ),
        other => panic!("{other:?}"),
    }
}

fn on_x86(manifest: &str) -> Plan {
    let mut inputs = inputs();
    let folder = Digest::of(b"tool");
    inputs.folders.insert("/m/tool".into(), folder);
    inputs.host = Some(HostToolchain {
        facts: "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\n".into(),
        path: vec!["/usr/bin".into()],
        folders: vec!["/usr".into()],
    });
    lower(&image(manifest), &inputs).expect("lowers")
}

#[test]
fn compilers_of_this_machine_build_for_the_image() {
    let plan = on_x86(BUILT);
    assert_eq!(plan.outputs[0].name, "initramfs-aarch64");
    let linker = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER";
    let (words, value) = command(&plan, "build cross", linker);
    assert!(
        words.contains("--target aarch64-unknown-linux-gnu"),
        "{words}"
    );
    assert_eq!(value, Some("aarch64-linux-gnu-gcc"));
    let linker = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER";
    let (words, value) = command(&plan, "build musl", linker);
    assert!(
        words.contains("--target aarch64-unknown-linux-musl"),
        "{words}"
    );
    assert_eq!(value, Some("rust-lld"));
    assert_eq!(command(&plan, "build go", "GOARCH").1, Some("arm64"));
    let builds = plan
        .actions
        .iter()
        .filter(|planned| planned.label.starts_with("build "));
    assert!(
        builds
            .into_iter()
            .all(|planned| planned.processor.is_none())
    );
}

#[test]
fn nothing_is_crossed_where_the_processor_is_the_same() {
    let plan = on_x86(&BUILT.replace(" arch=aarch64", ""));
    let (words, _) = command(&plan, "build cross", "PATH");
    assert!(!words.contains("--target"), "{words}");
    let linker = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER";
    let (words, value) = command(&plan, "build musl", linker);
    assert!(
        words.contains("--target x86_64-unknown-linux-musl"),
        "{words}"
    );
    assert_eq!(value, None);
    assert_eq!(command(&plan, "build go", "GOARCH").1, Some("amd64"));
}

#[test]
fn scripts_of_packages_run_programs_of_the_image() {
    let manifest = MANIFEST.replace("version=\"7\"", "version=\"7\" arch=aarch64");
    let plan = lower(&image(&manifest), &inputs()).expect("lowers");
    for script in [
        "pre-install of base",
        "post-install of base",
        "trigger of marks",
    ] {
        assert_eq!(labelled(&plan, script).processor, Some(Arch::Aarch64));
    }
    let Action::PickFile { path, .. } = &labelled(&plan, "stub").action else {
        panic!("the stub is a file of its package");
    };
    assert_eq!(path.file_name(), "linuxaa64.efi.stub");
    labelled(&plan, "kernel as a program");
    let plan = lower(&image(MANIFEST), &inputs()).expect("lowers");
    let mut labels = plan.actions.iter().map(|planned| planned.label.as_str());
    assert!(labels.all(|label| label != "kernel as a program"));
}
