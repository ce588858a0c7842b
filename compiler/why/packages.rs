//! Why a package is in the image: who needs it, from one to the next, up to a wish of the manifest.

use crate::check::{KernelOrigin, Packed, StubOrigin};
use crate::lock::{Because, LockedPackage, ResolvedPackage, Role};
use crate::source::Span;

use super::{Answer, Known};

/// What there is to say about the packages of a name: one for the image, others for its kernel, firmware or toolchains.
pub(super) fn package(known: &Known<'_>, asked: &str) -> Vec<Answer> {
    let lock = &known.inputs.lock;
    let is_asked = |package: &&LockedPackage| package.name == asked || package.full_name() == asked;
    let mut answers = Vec::new();
    for package in lock.packages.iter().filter(is_asked) {
        let mut answer = Answer::new("package", package.full_name());
        purpose_of(known, package, &mut answer);
        answers.push(answer);
    }
    for (name, toolchain) in &lock.toolchains {
        let Some(package) = toolchain.packages().iter().find(is_asked) else {
            continue;
        };
        let mut answer = Answer::new("package", package.full_name());
        let site = known
            .image
            .toolchains
            .get(name)
            .map(|toolchain| toolchain.span);
        let because = package.because.join(", ");
        answer.at(
            format!("it is in the toolchain `{name}`, for {because}, and not in the image"),
            site,
        );
        answers.push(answer);
    }
    if answers.is_empty() {
        answers.extend(provider(known, asked));
    }
    let mut excluded = known.image.packages.exclude.iter();
    if let Some(name) = excluded.find(|name| name.value == asked) {
        let mut answer = Answer::new("package", asked);
        answer.at("the manifest keeps it out", name.span);
        answers.push(answer);
    }
    answers
}

/// From a locked package to what it is there for.
pub(super) fn purpose_of(known: &Known<'_>, package: &LockedPackage, answer: &mut Answer) {
    match package.role {
        Role::Image => chain(known, &package.name, answer),
        role => answer.at(purpose(role), place(known, role, &package.name)),
    }
}

/// The package that brings a name: a library (`so:…`), a command (`cmd:…`), a role.
fn provider(known: &Known<'_>, asked: &str) -> Option<Answer> {
    let mut packages = known.packages?.iter();
    let package = packages.find(|package| package.provides.iter().any(|role| role == asked))?;
    let mut answer = Answer::new("package", package.full_name());
    answer.say(format!("it brings `{asked}`"));
    chain(known, &package.name, &mut answer);
    Some(answer)
}

/// From a package to the wish that it is there for, and who else needs it.
pub(super) fn chain(known: &Known<'_>, name: &str, answer: &mut Answer) {
    let found = known.packages.and_then(|packages| {
        let position = packages.iter().position(|package| package.name == name)?;
        Some((packages, position))
    });
    let Some((packages, position)) = found else {
        return locked(known, name, answer);
    };
    let mut at = packages.get(position);
    let mut steps = 0;
    // A chain cannot be longer than the answer, whatever cycles its packages have.
    while let Some(package) = at.filter(|_| steps <= packages.len()) {
        steps += 1;
        at = match &package.because {
            Because::Wished(wish) => {
                let text = format!("the manifest installs `{wish}`");
                answer.at(text, wished(known, wish, &package.name));
                None
            }
            Because::Companion(conditions) => {
                let conditions = conditions.join("`, `");
                answer.say(format!("`{conditions}` bring {} along", package.name));
                None
            }
            Because::Needed { by, dependency } => {
                let asker = packages.get(*by);
                let full_name = asker.map_or_else(String::new, ResolvedPackage::full_name);
                answer.say(format!("{full_name} needs `{dependency}`"));
                asker
            }
        };
    }
    let package = packages.get(position);
    let first = match package.map(|package| &package.because) {
        Some(Because::Needed { by, .. }) => Some(*by),
        _ => None,
    };
    let others = package.into_iter().flat_map(|package| &package.needed_by);
    for (asker, dependency) in others.filter(|(asker, _)| Some(*asker) != first) {
        if let Some(asker) = packages.get(*asker) {
            answer.say(format!("{} needs `{dependency}` too", asker.full_name()));
        }
    }
}

/// What the lock alone tells, without the indexes.
fn locked(known: &Known<'_>, name: &str, answer: &mut Answer) {
    let mut packages = known.inputs.lock.packages.iter();
    let found = packages.find(|package| package.name == name && package.role == Role::Image);
    let because = found.map(|package| package.because.join("`, `"));
    let because = because.unwrap_or_default();
    answer.at(
        format!("the lock has it for `{because}`; who else needs it is known once the indexes are there: run `zosc fetch`"),
        known.site(&format!("package {name}")),
    );
}

fn wished(known: &Known<'_>, wish: &str, name: &str) -> Option<Span> {
    let end = wish.find(['<', '=', '>', '~', '@']).unwrap_or(wish.len());
    let wish = wish.get(..end).unwrap_or(wish);
    let site = known.site(&format!("package {wish}"));
    site.or_else(|| known.site(&format!("package {name}")))
}

fn purpose(role: Role) -> &'static str {
    match role {
        Role::Image => "it is installed in the image",
        Role::Kernel => "the kernel and its modules are taken from it; it is not installed",
        Role::Stub => "the EFI stub is taken from it; it is not installed",
        Role::Firmware => "firmware is taken from it; it is not installed",
        Role::Microcode => "microcode is taken from it; it is not installed",
        Role::Flist => "its firmware is in an flist; it is not installed",
    }
}

/// Where the manifest names a package that something is taken from.
fn place(known: &Known<'_>, role: Role, name: &str) -> Option<Span> {
    let kernel = known.image.kernel.as_ref();
    match role {
        Role::Image => known.site(&format!("package {name}")),
        Role::Kernel => kernel.map(|kernel| match &kernel.from {
            KernelOrigin::Package(package) => package.span,
            KernelOrigin::Prebuilt { .. } | KernelOrigin::Built(_) => kernel.span,
        }),
        Role::Stub => match kernel?.stub.as_ref()? {
            StubOrigin::Package(package) => Some(package.span),
            StubOrigin::File(_) => None,
        },
        Role::Firmware => {
            let mut packages = known.image.firmware.packages.iter();
            packages
                .find(|package| package.value == name)
                .map(|package| package.span)
        }
        Role::Microcode => {
            let mut packages = kernel?.microcode.iter();
            packages
                .find(|package| package.value == name)
                .map(|package| package.span)
        }
        Role::Flist => {
            let mut packages = known.inputs.lock.packages.iter();
            let locked =
                packages.find(|package| (package.role, package.name.as_str()) == (role, name))?;
            let mut flists = known.image.flists.iter();
            flists.find_map(|flist| match &flist.pack {
                Packed::Firmware(set) if locked.because.contains(&set.value) => Some(set.span),
                _ => None,
            })
        }
    }
}
