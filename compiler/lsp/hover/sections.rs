//! What a section comes to, with everything that it leaves to its defaults.

use super::page::{Page, code, count};
use crate::archive::Compression;
use crate::check::{Image, KernelOrigin};
use crate::diagnostic::bytes;
use crate::lock::Lock;
use crate::lsp::knowledge::Knowledge;
use crate::plan;

/// Adds what is in effect for a section of this name.
pub(super) fn section(name: &str, image: &Image, knowledge: &Knowledge, page: &mut Page) {
    let nothing = Lock::default();
    let lock = knowledge.locked().map_or(&nothing, |locked| locked.lock());
    match name {
        "image" => page.fact(format!(
            "in effect: {} {} for {}",
            code(&image.name),
            image.version,
            image.arch
        )),
        "alpine" => alpine(image, knowledge, page),
        "packages" => packages(lock, page),
        "kernel" => kernel(image, lock, page),
        "boot" => {
            let boot = &image.boot;
            let firmware = serde_json::to_value(boot.firmware).unwrap_or_default();
            page.fact(format!(
                "in effect: {} of memory, {}, firmware {}, {}",
                bytes(boot.memory),
                count(boot.cpus as usize, "processor", "processors"),
                code(firmware.as_str().unwrap_or_default()),
                count(boot.disks.len(), "disk", "disks")
            ));
        }
        "initramfs" => {
            let segments = if image.segments {
                ", in segments"
            } else {
                ", in one segment"
            };
            page.fact(format!(
                "in effect: {}{segments}",
                compression(image.compression)
            ));
        }
        "outputs" => {
            for output in &image.outputs {
                page.fact(code(&plan::filled(&output.name, image, lock)));
            }
        }
        _ => {}
    }
}

fn alpine(image: &Image, knowledge: &Knowledge, page: &mut Page) {
    if let Some(alpine) = &image.alpine {
        page.fact(format!(
            "in effect: release {}, {}",
            code(&alpine.release),
            count(alpine.repositories.len(), "repository", "repositories")
        ));
    }
    if let Some(packages) = knowledge.packages().ready() {
        page.fact(format!(
            "{} known here",
            count(packages.len(), "package", "packages")
        ));
    }
}

fn packages(lock: &Lock, page: &mut Page) {
    if !lock.packages.is_empty() {
        let size = lock.packages.iter().map(|package| package.size).sum();
        page.fact(format!(
            "{}, {} to fetch",
            count(lock.packages.len(), "locked package", "locked packages"),
            bytes(size)
        ));
    }
}

fn kernel(image: &Image, lock: &Lock, page: &mut Page) {
    let Some(kernel) = &image.kernel else { return };
    let release = match (&kernel.from, &lock.kernel) {
        (_, Some(locked)) => Some(locked.release.clone()),
        (KernelOrigin::Built(built), None) => Some(built.release()),
        _ => None,
    };
    if let Some(release) = release {
        page.fact(format!("in effect: release {}", code(&release)));
    }
    if !kernel.cmdline.is_empty() {
        page.fact(format!("command line: {}", code(&kernel.cmdline)));
    }
}

fn compression(compression: Compression) -> String {
    match compression {
        Compression::None => "not compressed".to_owned(),
        Compression::Gzip => "gzip".to_owned(),
        Compression::Xz { level } => format!("xz at level {level}"),
        Compression::Zstd { level } => format!("zstd at level {level}"),
    }
}
