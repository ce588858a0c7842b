//! QEMU's arguments. This is the one place that knows them.

use std::path::Path;

use super::disks::Disk;
use super::network::{Forward, Network};
use super::plan::{Accelerator, Arguments, Flash, Plan, Source};
use crate::check::Arch;

/// Adds everything that makes up a machine.
pub(super) fn arguments(
    plan: &Plan,
    source: &Source<Flash>,
    accelerator: Accelerator,
    list: &mut Arguments,
) {
    let guarded = matches!(source, Source::Firmware(Flash { guarded: true, .. }));
    board(plan.arch, guarded, accelerator, list);
    // Whole MiB: QEMU takes `M` for that.
    list.pair("-m", &format!("{}M", plan.mebibytes()))
        .pair("-smp", &plan.cpus.to_string())
        .pair("-display", "none")
        .pair("-monitor", "none")
        .pair("-serial", "stdio")
        .word("-nodefaults")
        .word("-no-user-config")
        // A restart is an end: a boot loop is seen at once.
        .word("-no-reboot")
        .pair("-device", "virtio-rng-pci");
    network(plan, list);
    start(source, plan.arch, list);
    for (index, disk) in plan.disks.iter().enumerate() {
        add_disk(index + 1, disk, list);
    }
    if let Some(control) = &plan.control {
        list.pair(
            "-qmp",
            &format!("unix:{},server=on,wait=off", file(control)),
        );
    }
}

/// The board and its processor.
fn board(arch: Arch, guarded: bool, accelerator: Accelerator, list: &mut Arguments) {
    let smm = if guarded { ",smm=on" } else { "" };
    let (accelerator, processor) = match (accelerator, arch) {
        (Accelerator::Kvm, _) => ("kvm", "host"),
        (Accelerator::Emulation, Arch::X86_64) => ("tcg", "max,la57=off"),
        // Signed pointers by QEMU's own means: by those of the architecture, emulation takes twice as long.
        (Accelerator::Emulation, Arch::Aarch64) => ("tcg", "max,pauth-impdef=on"),
    };
    let board = match arch {
        Arch::X86_64 => "q35",
        Arch::Aarch64 => "virt",
    };
    list.pair("-machine", &format!("{board},accel={accelerator}{smm}"))
        .pair("-cpu", processor);
}

fn network(plan: &Plan, list: &mut Arguments) {
    let back = match &plan.network {
        Network::User => {
            let rules = plan.forwards.iter().map(Forward::rule);
            let words: Vec<String> = std::iter::once("user,id=network".to_owned())
                .chain(rules)
                .collect();
            words.join(",")
        }
        Network::Bridge(name) => format!("bridge,id=network,br={name}"),
        Network::Tap(name) => {
            format!("tap,id=network,ifname={name},script=no,downscript=no")
        }
        Network::None => return,
    };
    list.pair("-netdev", &back)
        .pair("-device", "virtio-net-pci,netdev=network,romfile=");
}

fn start(source: &Source<Flash>, arch: Arch, list: &mut Arguments) {
    match source {
        Source::Kernel {
            kernel,
            initramfs,
            cmdline,
        } => {
            list.word("-kernel").word(kernel);
            if let Some(initramfs) = initramfs {
                list.word("-initrd").word(initramfs);
            }
            list.pair("-append", cmdline);
        }
        Source::Firmware(Flash {
            code,
            variables,
            disk,
            guarded,
        }) => {
            if *guarded {
                list.pair("-global", "driver=cfi.pflash01,property=secure,value=on");
            }
            drive("if=pflash,format=raw,readonly=on,file=", code, list);
            drive("if=pflash,format=raw,file=", variables, list);
            drive(
                "if=none,id=start,format=raw,snapshot=on,file=fat:",
                disk,
                list,
            );
            start_disk(arch, list);
        }
    }
}

/// The disk that the firmware starts from. It is on another bus than the other disks, so that these are /dev/vda and on either way.
fn start_disk(arch: Arch, list: &mut Arguments) {
    match arch {
        // IDE disks must be writable: what is written goes to a snapshot that nobody keeps.
        Arch::X86_64 => list.pair("-device", "ide-hd,drive=start,bootindex=1"),
        Arch::Aarch64 => list
            .pair("-device", "qemu-xhci")
            .pair("-device", "usb-storage,drive=start,bootindex=1"),
    };
}

fn add_disk(number: usize, disk: &Disk, list: &mut Arguments) {
    let format = disk.format.name();
    let snapshot = if disk.is_snapshot { ",snapshot=on" } else { "" };
    // What the guest frees takes no room any more.
    let options = format!("if=none,id=disk{number},format={format},discard=unmap{snapshot},file=");
    drive(&options, &disk.path, list);
    list.pair(
        "-device",
        &format!("virtio-blk-pci,drive=disk{number},serial=disk{number}"),
    );
}

/// A drive whose file comes last.
fn drive(options: &str, path: &Path, list: &mut Arguments) {
    list.pair("-drive", &format!("{options}{}", file(path)));
}

/// A path among options: a comma in it is doubled, as QEMU wants it.
fn file(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}
