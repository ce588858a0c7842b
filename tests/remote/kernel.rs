//! A kernel from its sources, configured, compiled and linked by a server.

use super::casd::Casd;
use super::linux_source;
use super::project::{Project, shown_on, turn};

/// A manifest with a kernel of this version whose initramfs is linked in.
fn with_kernel(version: &str) -> Option<Project> {
    let project = Project::empty()?;
    project.write("tiny.config", linux_source::CONFIG);
    project.manifest(&linux_source::kernel(version, "builtin"));
    project.edit("outputs { ", "outputs { efi \"vmlinuz.efi\"; ");
    Some(project)
}

#[test]
fn a_kernel_is_built_to_the_local_digests() {
    let _turn = turn();
    let Some(version) = linux_source::version(&[], &[]) else {
        return;
    };
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = with_kernel(&version) else {
        return;
    };
    let there = project.build(&shown_on(&casd.url()));
    there.assert_remote();
    let ran = ["configure kernel", "build kernel", "link kernel"];
    assert!(
        ran.iter().all(|name| there.ran().contains_key(name)),
        "{there:?}"
    );
    // The sources lie unpacked there. Another initramfs first, so that what is compared with a kernel from scratch was linked anew.
    let local = project.kept("kernel-build");
    local.edit("text=\"init\"", "text=\"before\"");
    assert_ne!(local.build(&[]).outputs(), there.outputs());
    local.edit("text=\"before\"", "text=\"init\"");
    let here = local.build(&[]);
    assert_eq!(here.outputs(), there.outputs());
    // A second machine is given the kernel before its initramfs, and links another one to it.
    let asked = casd.asked();
    let second = project.elsewhere();
    let shared = second.build(&shown_on(&casd.url()));
    assert_eq!(here.outputs(), shared.outputs());
    shared.assert_shared();
    assert_eq!(casd.asked(), asked);
    second.edit("text=\"init\"", "text=\"another\"");
    let linked = second.build(&shown_on(&casd.url()));
    assert_eq!(
        linked.ran().keys().copied().collect::<Vec<_>>(),
        ["link kernel"]
    );
}
