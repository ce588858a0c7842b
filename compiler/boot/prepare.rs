//! Lays out what a machine is started from: the parts of the image, firmware with its variables, disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::folder::{Folder, unusable};
use super::network::{self, Forward};
use super::plan::{Bare, Flash, Hypervisor, Plan, Source, Start};
use super::probe;
use super::settings::{Image, Settings};
use super::{Boot, disks, firmware, tools, uki, variables};
use crate::check::Arch;
use crate::diagnostic::Diagnostic;
use crate::efi::{self, Machine};
use crate::io::{self, Files as _, System, run_program};
use crate::manifest::boot::Firmware;
use crate::tools::installing;

/// The largest file that QEMU's FAT disks can hold.
const LARGEST_ON_FAT: u64 = 480 << 20;

/// How much of a program tells what processor it is for.
const TELLING: usize = 4096;

/// Where firmware looks for a program on a disk (UEFI specification, "Removable Media Boot Behavior").
fn program_of(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "EFI/BOOT/BOOTX64.EFI",
        Arch::Aarch64 => "EFI/BOOT/BOOTAA64.EFI",
    }
}

/// Writes what the hypervisor needs into a folder; the machine, and for each expectation the port of this machine that leads to what it
/// asks about.
pub(super) fn prepare(
    image: Image<'_>,
    boot: &Boot,
    settings: &Settings,
    folder: &Folder,
) -> Result<(Plan, Vec<Option<u16>>), Diagnostic> {
    let asked: Vec<Option<u16>> = boot.expect.iter().map(probe::port).collect();
    let has_probes = asked.iter().any(Option::is_some);
    let arch = processor(image, settings.arch)?;
    settings.possible(boot.firmware, has_probes, arch)?;
    let network = settings.wiring();
    network::look(&network)?;
    let program = match &settings.program {
        Some(program) => program.clone(),
        None => settings.hypervisor.tool(arch).find()?,
    };
    let start = match settings.hypervisor {
        Hypervisor::Qemu => Start::Qemu(in_qemu(image, boot.firmware, arch, settings, folder)?),
        Hypervisor::CloudHypervisor => {
            Start::CloudHypervisor(in_cloud(image, boot.firmware, arch, folder)?)
        }
    };
    let mut forwards = settings.forwards.clone();
    if let Some(port) = settings.ssh {
        forwards.push(Forward::local(port, 22));
    }
    let mut ports = Vec::new();
    for guest in &asked {
        let port = guest.map(|guest| forward_to(guest, &mut forwards));
        ports.push(port.transpose()?);
    }
    let plan = Plan {
        program,
        arch,
        start,
        memory: boot.memory,
        cpus: boot.cpus,
        disks: disks::lay_out(&settings.disks, &boot.disks, settings.hypervisor, folder)?,
        network,
        forwards,
        control: has_probes.then(|| folder.file("control")),
    };
    Ok((plan, ports))
}

/// The processor that an image is for: what its program says, and x86 where it says nothing, as kernels without an EFI stub do.
pub(super) fn processor(image: Image<'_>, said: Option<Arch>) -> Result<Arch, Diagnostic> {
    let (Image::Uki(path) | Image::Kernel { kernel: path, .. }) = image;
    let start = System.read_start(path, TELLING);
    let start = start.map_err(|error| unusable(path, &error))?;
    let found = match efi::machine_of(&start) {
        Some(Machine::Aarch64) => Arch::Aarch64,
        Some(Machine::X86_64) | None => Arch::X86_64,
        Some(other) => {
            return Err(
                other_processor(path, &other.name()).help("give an image for x86_64 or aarch64")
            );
        }
    };
    match said.filter(|said| *said != found) {
        None => Ok(found),
        Some(said) => Err(other_processor(path, &found.to_string())
            .note(format!("the manifest says {said}"))
            .help(format!(
                "build it for {said} first, or boot what is there: `--set image.arch={found}`"
            ))),
    }
}

fn other_processor(path: &Path, found: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::boot::other-processor",
        format!("`{}` is an image for {found}", path.display()),
    )
}

/// A port of this machine that leads to one of the guest's, for asking there.
fn forward_to(guest: u16, forwards: &mut Vec<Forward>) -> Result<u16, Diagnostic> {
    let port = free_port()?;
    forwards.push(Forward::local(port, guest));
    Ok(port)
}

/// A port of this machine that nothing listens on.
///
/// # Errors
/// `zosc::boot::no-port`
pub fn free_port() -> Result<u16, Diagnostic> {
    io::free_port().map_err(|error| {
        Diagnostic::error(
            "zosc::boot::no-port",
            format!("this machine has no free port to ask the machine through: {error}"),
        )
        .help("end what holds so many ports, then run it again")
    })
}

fn in_qemu(
    image: Image<'_>,
    firmware: Firmware,
    arch: Arch,
    settings: &Settings,
    folder: &Folder,
) -> Result<Source<Flash>, Diagnostic> {
    match (image, firmware) {
        (image, Firmware::Direct) => direct(image, folder),
        (Image::Kernel { kernel, .. }, Firmware::Uefi | Firmware::SecureBoot) => {
            Err(bare_kernel(kernel))
        }
        (Image::Uki(path), Firmware::Uefi) => {
            through_firmware(path, folder, &firmware::find(arch)?, arch, None)
        }
        (Image::Uki(path), Firmware::SecureBoot) => {
            let trusted = settings.trusted.as_deref().ok_or_else(nobody_trusted)?;
            through_firmware(path, folder, &firmware::find_secure()?, arch, Some(trusted))
        }
    }
}

fn in_cloud(
    image: Image<'_>,
    firmware: Firmware,
    arch: Arch,
    folder: &Folder,
) -> Result<Source<Bare>, Diagnostic> {
    match (image, firmware) {
        (image, Firmware::Direct) => direct(image, folder),
        (Image::Kernel { kernel, .. }, _) => Err(bare_kernel(kernel)),
        (Image::Uki(path), _) => Ok(Source::Firmware(Bare {
            code: firmware::find_cloud(arch)?,
            disk: fat_disk(&existing(path)?, arch, folder)?,
        })),
    }
}

fn direct<F>(image: Image<'_>, folder: &Folder) -> Result<Source<F>, Diagnostic> {
    let path = match image {
        Image::Uki(path) => path,
        Image::Kernel {
            kernel,
            initramfs,
            cmdline,
        } => {
            return Ok(Source::Kernel {
                kernel: existing(kernel)?,
                initramfs: Some(existing(initramfs)?),
                cmdline: cmdline.to_owned(),
            });
        }
    };
    let bytes = fs::read(path).map_err(|error| unusable(path, &error))?;
    let parts = uki::take_apart(&bytes, path)?;
    Ok(Source::Kernel {
        kernel: folder.write("kernel", &parts.kernel)?,
        initramfs: match &parts.initramfs {
            Some(initramfs) => Some(folder.write("initramfs", initramfs)?),
            None => None,
        },
        cmdline: parts.cmdline,
    })
}

/// Lays the program out on a disk beside variables of the machine's own; with a certificate, Secure Boot trusts that alone.
fn through_firmware(
    path: &Path,
    folder: &Folder,
    found: &firmware::Firmware,
    arch: Arch,
    trusted: Option<&[u8]>,
) -> Result<Source<Flash>, Diagnostic> {
    let path = existing(path)?;
    let size = fs::metadata(&path)
        .map_err(|error| unusable(&path, &error))?
        .len();
    if size > LARGEST_ON_FAT {
        return Err(Diagnostic::error(
            "zosc::boot::image-too-large",
            format!(
                "`{}` has {} MiB, more than QEMU's own FAT disks hold (480 MiB)",
                path.display(),
                size >> 20
            ),
        )
        .help("boot without firmware: `--firmware direct`"));
    }
    // QEMU follows the link when it lays the folder out as a disk.
    folder.link(&format!("disk/{}", program_of(arch)), &path)?;
    let mut flash =
        fs::read(&found.variables).map_err(|error| unusable(&found.variables, &error))?;
    if let Some(certificate) = trusted {
        flash = variables::enroll(flash, certificate).map_err(|fault| {
            Diagnostic::error(
                "zosc::boot::no-firmware",
                format!("`{}` cannot be used: {fault}", found.variables.display()),
            )
            .help(format!(
                "install it anew: {}; or boot without Secure Boot: `--firmware uefi`",
                installing("OVMF")
            ))
        })?;
    }
    Ok(Source::Firmware(Flash {
        code: found.code.clone(),
        variables: folder.write("variables.fd", &flash)?,
        disk: folder.file("disk"),
        guarded: trusted.is_some(),
    }))
}

/// A FAT disk with the program on it, for hypervisors that show no folders.
fn fat_disk(program: &Path, arch: Arch, folder: &Folder) -> Result<PathBuf, Diagnostic> {
    const MIB: u64 = 1 << 20;
    for tool in tools::MTOOLS {
        tool.find()?;
    }
    let size = fs::metadata(program)
        .map_err(|error| unusable(program, &error))?
        .len();
    // Room for the tables; a FAT32 file system has 64 MiB at least.
    let disk = folder.sparse(
        "start.raw",
        (size + size / 64).next_multiple_of(MIB) + 64 * MIB,
    )?;
    if !folder.is_written() {
        return Ok(disk);
    }
    let (image, from) = (disk.to_string_lossy(), program.to_string_lossy());
    let place = format!("::{}", program_of(arch));
    let steps: [(tools::Tool, &[&str]); 3] = [
        (tools::MTOOLS[0], &["-i", &image, "-F", "::"]),
        (tools::MTOOLS[1], &["-i", &image, "::EFI", "::EFI/BOOT"]),
        (tools::MTOOLS[2], &["-i", &image, &from, &place]),
    ];
    for (tool, arguments) in steps {
        let never = AtomicBool::new(false);
        let done = run_program(tool.name, arguments, Path::new("/"), &[], &never)
            .map_err(|error| tool.cannot_start(Path::new(tool.name), &error))?;
        if !done.success {
            let why = std::io::Error::other(done.errors.trim().to_owned());
            return Err(unusable(&disk, &why));
        }
    }
    Ok(disk)
}

fn bare_kernel(kernel: &Path) -> Diagnostic {
    Diagnostic::error(
        "zosc::boot::not-a-uki",
        format!(
            "`{}` is a kernel by itself, which UEFI firmware does not start here",
            kernel.display()
        ),
    )
    .help("give the `.efi` file that `zosc build` wrote to `dist/`, or boot without firmware: `--firmware direct`")
}

fn nobody_trusted() -> Diagnostic {
    Diagnostic::error(
        "zosc::boot::no-certificate",
        "the firmware is to trust the certificate of `sign`, and the manifest has none",
    )
    .help("add `sign key=(env)SB_KEY cert=\"keys/db.crt\"` to `kernel`, or boot without Secure Boot: `--firmware uefi`")
}

fn existing(path: &Path) -> Result<PathBuf, Diagnostic> {
    path.canonicalize().map_err(|error| unusable(path, &error))
}
