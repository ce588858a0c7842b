//! cloud-hypervisor's arguments, by its documentation. They are tested as data; no test runs the program, which needs KVM.

use std::path::Path;

use super::network::Network;
use super::plan::{Arguments, Bare, Plan, Source};

/// Adds everything that makes up a machine.
pub(super) fn arguments(plan: &Plan, source: &Source<Bare>, list: &mut Arguments) {
    let mut disks: Vec<&Path> = Vec::new();
    match source {
        Source::Kernel {
            kernel,
            initramfs,
            cmdline,
        } => {
            list.word("--kernel").word(kernel);
            if let Some(initramfs) = initramfs {
                list.word("--initramfs").word(initramfs);
            }
            list.pair("--cmdline", cmdline);
        }
        Source::Firmware(Bare { code, disk }) => {
            list.word("--firmware").word(code);
            // The firmware looks at all disks in order. So that those of the manifest are /dev/vda and on, this one comes last.
            disks.push(disk);
        }
    }
    list.pair("--cpus", &format!("boot={}", plan.cpus))
        .pair("--memory", &format!("size={}M", plan.mebibytes()))
        .pair("--serial", "tty")
        .pair("--console", "off")
        .pair("--rng", "src=/dev/urandom");
    let kept = plan.disks.iter().map(|disk| disk.path.as_path());
    let all: Vec<&Path> = kept.chain(disks).collect();
    if !all.is_empty() {
        list.word("--disk");
    }
    for path in all {
        let mut word = std::ffi::OsString::from("path=");
        word.push(path);
        list.word(word);
    }
    if let Network::Tap(name) = &plan.network {
        list.pair("--net", &format!("tap={name}"));
    }
}
