//! What is known of a package: in the lock, in the image, in the repositories.

use super::page::{Page, count, some};
use crate::diagnostic::bytes;
use crate::lock::{LockedPackage, LockedToolchain, Role};
use crate::lsp::knowledge::{Knowledge, Known, Locked, Packages};

/// Most names that a line shows.
const SHOWN: usize = 6;

/// What is known of a package; `toolchain` names the toolchain that it is meant for, else it is meant for the image.
pub(super) fn package(name: &str, toolchain: Option<&str>, knowledge: &Knowledge, page: &mut Page) {
    let offered = knowledge.packages();
    let best = offered.ready().and_then(|packages| packages.get(name));
    let locked = knowledge.locked();
    let own = locked.and_then(|locked| meant(locked, name, toolchain));
    let version = own.map(|package| package.version.as_str());
    let version = version.or(best.map(|best| best.version));
    page.title(
        name,
        version.map_or_else(
            || "package".to_owned(),
            |version| format!("package {version}"),
        ),
    );
    page.foreign(best.map_or("", |best| best.description));
    match own {
        Some(package) => lock_facts(package, offered.ready(), page),
        None if locked.is_some() => {
            page.fact("not in the lock: `zosc lock` adds what is asked for");
        }
        None => page.fact("no lock yet: `zosc lock` makes one"),
    }
    if let (Some(locked), None) = (locked, toolchain) {
        image_facts(locked, name, page);
    }
    match offered {
        Known::Ready(packages) => offers(packages, name, version, page),
        Known::Missing { command } => {
            page.fact(format!("no package index is here: run `{command}`"));
        }
        Known::Loading => page.fact("package indexes are being read"),
    }
}

/// The locked package that a name means.
fn meant<'a>(locked: &'a Locked, name: &str, toolchain: Option<&str>) -> Option<&'a LockedPackage> {
    let lock = locked.lock();
    let packages = match toolchain {
        Some(toolchain) => lock
            .toolchains
            .get(toolchain)
            .map(LockedToolchain::packages)?,
        None => &lock.packages,
    };
    packages.iter().find(|package| package.name == name)
}

fn lock_facts(package: &LockedPackage, offered: Option<&Packages>, page: &mut Page) {
    let role = match package.role {
        Role::Image => "",
        Role::Kernel => " as the kernel",
        Role::Stub => " for its EFI stub",
        Role::Firmware => " for its firmware",
        Role::Microcode => " for its microcode",
        Role::Flist => " for an flist",
    };
    let same = offered.and_then(|offered| {
        let mut offers = offered.offers_of(&package.name);
        offers.find(|offer| offer.version == package.version)
    });
    let from = same.map_or_else(String::new, |offer| format!(" from {}", offer.repository));
    let size = match same.map(|offer| offer.installed_size) {
        Some(installed) if installed > 0 => {
            format!(
                "{} to fetch, {} installed",
                bytes(package.size),
                bytes(installed)
            )
        }
        _ => format!("{} to fetch", bytes(package.size)),
    };
    page.fact(format!("locked at {}{role}{from}: {size}", package.version));
}

/// Who needs it in the image, and what comes with it.
fn image_facts(locked: &Locked, name: &str, page: &mut Page) {
    let needed_by = locked.needed_by(name);
    if !needed_by.is_empty() {
        page.fact(format!(
            "needed in the image by {}",
            some(&needed_by, SHOWN)
        ));
    }
    if let Some(share) = locked.share(name) {
        page.fact(match share.packages {
            0 => "others bring it in as well".to_owned(),
            packages => format!(
                "brings in {}, {}",
                count(packages, "package", "packages"),
                bytes(share.installed_size)
            ),
        });
    }
}

/// What the repositories offer.
fn offers(packages: &Packages, name: &str, version: Option<&str>, page: &mut Page) {
    let Some(best) = packages.get(name) else {
        page.fact("no repository of the manifest has a package of this name");
        return;
    };
    if version != Some(best.version) {
        let what = format!("{} has {}", best.repository, best.version);
        page.fact(what);
    }
    for offer in packages.offers_of(name).filter(|offer| offer.tag.is_some()) {
        let tag = offer.tag.unwrap_or_default();
        page.fact(format!(
            "{} has {} for `tag={tag}`",
            offer.repository, offer.version
        ));
    }
    let dependants = packages.dependants(name).count();
    page.fact(match dependants {
        0 => "no other package of the repositories depends on it".to_owned(),
        many => format!(
            "{} of the repositories {} on it",
            count(many, "package", "packages"),
            if many == 1 { "depends" } else { "depend" }
        ),
    });
}
