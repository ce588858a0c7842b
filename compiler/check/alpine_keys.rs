//! Which of Alpine's own keys signs which releases for which processors.
//!
//! The facts are those of Alpine's package `alpine-keys`; `docs/alpine-keys.md` tells them to people. Keys of anyone else are none of
//! this module's business.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::manifest::alpine as written;

use super::{Alpine, Arch, Ctx, Key, library, listed, quoted};

/// What a key of Alpine is called but for its eight digits.
const NAME: (&str, &str) = ("alpine-devel@lists.alpinelinux.org-", ".rsa.pub");

/// The last release for which old keys may have signed, and the first for which new ones may have.
///
/// The keys were replaced in 2021 and 2022, architecture by architecture; in between both are taken.
const OLD_UNTIL: Release = Release(3, 16);
const NEW_SINCE: Release = Release(3, 15);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Release(u32, u32);

/// `edge` has no number; it comes after all that have one.
const EDGE: Release = Release(u32::MAX, 0);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Old,
    New,
    /// One key for all releases of the architecture.
    Only,
}

/// Digits of a key's name, the architectures that it signs for, and when.
const KEYS: [(&str, &[&str], Age); 18] = [
    ("4a6a0840", &["x86", "x86_64"], Age::Old),
    ("5243ef4b", &["x86"], Age::Old),
    ("5261cecb", &["x86_64"], Age::Old),
    ("524d27bb", &["armhf", "armv7"], Age::Old),
    ("58199dcc", &["aarch64"], Age::Old),
    ("58cbb476", &["ppc64le"], Age::Old),
    ("58e4f17d", &["s390x"], Age::Old),
    ("5e69ca50", &["mips64"], Age::Only),
    ("60ac2099", &["riscv64"], Age::Old),
    ("6165ee59", &["x86_64"], Age::New),
    ("61666e3f", &["x86"], Age::New),
    ("616a9724", &["armhf"], Age::New),
    ("616abc23", &["ppc64le"], Age::New),
    ("616ac3bc", &["s390x"], Age::New),
    ("616adfeb", &["armv7"], Age::New),
    ("616ae350", &["aarch64"], Age::New),
    ("616db30d", &["riscv64"], Age::New),
    ("66ba20fe", &["loongarch64"], Age::Only),
];

/// What is known of a key by its file name; nothing of a key that is not Alpine's, or newer than this.
fn known(name: &str) -> Option<(&'static [&'static str], Age)> {
    let digits = name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?;
    let mut keys = KEYS.iter();
    keys.find(|(known, ..)| *known == digits)
        .map(|(_, architectures, age)| (*architectures, *age))
}

fn signs(age: Age, release: Release) -> bool {
    match age {
        Age::Old => release <= OLD_UNTIL,
        Age::New => release >= NEW_SINCE,
        Age::Only => true,
    }
}

/// Says which keys cannot be those that the repositories are signed with, and which are.
pub(super) fn check(ctx: &mut Ctx<'_>, written: &written::Alpine, alpine: &Alpine, arch: &str) {
    let releases = releases(written);
    let fits = |key: &Key| {
        known(&key.name).is_some_and(|(architectures, age)| {
            architectures.contains(&arch) && releases.iter().all(|release| signs(age, *release))
        })
    };
    let one_fits = alpine.keys.iter().any(fits);
    for key in &alpine.keys {
        let Some((architectures, age)) = known(&key.name) else {
            continue;
        };
        if one_fits && is_for_another(architectures, arch) {
            continue;
        }
        let signs_any = releases.is_empty() || releases.iter().any(|release| signs(age, *release));
        let fact = if !architectures.contains(&arch) {
            format!(
                "signs for {}, and the image is for `{arch}`",
                listed(architectures.iter().copied())
            )
        } else if !signs_any && age == Age::Old {
            let Release(major, minor) = OLD_UNTIL;
            format!("signs no release after {major}.{minor}")
        } else if !signs_any {
            let Release(major, minor) = NEW_SINCE;
            format!("signs no release before {major}.{minor}")
        } else {
            continue;
        };
        let message = format!("the key `{}` {fact}", key.name);
        let problem = if one_fits {
            Diagnostic::warning("zosc::check::other-key", message)
        } else {
            Diagnostic::error("zosc::check::other-key", message)
        };
        let right: BTreeSet<&str> = KEYS
            .iter()
            .filter(|(_, architectures, age)| {
                architectures.contains(&arch)
                    && releases.iter().any(|release| signs(*age, *release))
            })
            .map(|(digits, ..)| *digits)
            .collect();
        let problem = problem.at(key.span);
        ctx.push(match right.iter().next_back() {
            Some(_) if one_fits => problem.help("take it out: what it signs is not used here"),
            Some(digits) => instead(problem, digits, key),
            None => problem.help("docs/alpine-keys.md lists the keys of each architecture"),
        });
    }
}

/// Whether a key signs for another processor than the image's, and for one that the same manifest may be built for.
fn is_for_another(architectures: &[&str], arch: &str) -> bool {
    let builds = |name: &&str| Arch::ALL.iter().any(|arch| arch.name() == *name);
    !architectures.contains(&arch) && architectures.iter().any(builds)
}

/// Takes out the keys of Alpine's that sign for other processors: a manifest for several names all of them, and each image trusts its own.
pub(super) fn keep_own(keys: &mut Vec<Key>, arch: &str) {
    keys.retain(|key| {
        known(&key.name).is_none_or(|(architectures, _)| architectures.contains(&arch))
    });
}

/// Names the right key: the one that ships with zosc, where it does.
fn instead(problem: Diagnostic, digits: &str, key: &Key) -> Diagnostic {
    let shipped = format!("alpine/{digits}");
    if !library::keys().contains_key(&shipped) {
        return problem.help(format!("the key is `{}{digits}{}`", NAME.0, NAME.1));
    }
    let name = format!("{}{shipped}", library::PREFIX);
    let fix = format!("write `{name}`");
    problem
        .help(format!("the key is `{name}`"))
        .replace(fix, key.span, quoted(&name))
}

/// The releases whose repositories are used; none where any repository is an address of its own, which may be anyone's.
fn releases(written: &written::Alpine) -> BTreeSet<Release> {
    let named = |name: &str| !name.contains('/');
    if !written
        .repository
        .iter()
        .all(|repository| named(&repository.name))
    {
        return BTreeSet::new();
    }
    let branches = written.repository.iter().map(|repository| {
        let branch = repository.branch.as_ref().unwrap_or(&written.release);
        release(branch)
    });
    branches.flatten().collect()
}

fn release(branch: &str) -> Option<Release> {
    if matches!(branch, "edge" | "latest-stable") {
        return Some(EDGE);
    }
    let (major, minor) = branch.strip_prefix('v').unwrap_or(branch).split_once('.')?;
    Some(Release(major.parse().ok()?, minor.parse().ok()?))
}
