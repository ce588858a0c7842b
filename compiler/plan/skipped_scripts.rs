//! What is lost where the manifest skips scripts of packages.
//!
//! Comes in: an image and its locked packages. Goes out: a warning for each package whose scripts or trigger would have run, with
//! what is known to be missing without them. Never reads a script: what well-known ones do is listed here.

use crate::check::Image;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lock::{LockedPackage, Role};

/// Scripts that an installation runs, and what most of them are for.
const SCRIPTS: [(&str, &str); 3] = [
    ("pre-install", "users and groups that it makes are missing"),
    (
        "post-install",
        "what it sets up after the installation is missing",
    ),
    (
        "trigger",
        "what it derives from files of other packages is missing or stale",
    ),
];

/// What scripts of well-known packages do.
const KNOWN: [(&str, &str, &str); 11] = [
    (
        "alpine-baselayout",
        "pre-install",
        "the group `shadow` is missing",
    ),
    (
        "alpine-baselayout",
        "post-install",
        "`/etc/shadow` keeps the group and the mode that it is packed with",
    ),
    (
        "busybox",
        "post-install",
        "the links to its programs, such as `/bin/ls`, are missing",
    ),
    (
        "busybox",
        "trigger",
        "`modules.dep` and the other lists of `depmod` are missing in `/lib/modules`",
    ),
    (
        "ca-certificates",
        "trigger",
        "`/etc/ssl/certs` does not name the certificates that packages and files add",
    ),
    (
        "chrony",
        "pre-install",
        "the user and the group `chrony` are missing",
    ),
    (
        "dhcpcd",
        "pre-install",
        "the user and the group `dhcpcd` are missing",
    ),
    (
        "eudev",
        "trigger",
        "nothing: it speaks to a running udev, and there is none",
    ),
    (
        "kmod",
        "trigger",
        "`modules.dep` and the other lists of `depmod` are missing in `/lib/modules`",
    ),
    (
        "openrc",
        "post-install",
        "nothing: it takes over settings of older releases, and there are none",
    ),
    (
        "shared-mime-info",
        "trigger",
        "the database of file types in `/usr/share/mime` is missing",
    ),
];

/// A warning for each package of the image that has scripts which the manifest skips.
pub fn skipped_scripts(image: &Image, packages: &[LockedPackage]) -> Diagnostics {
    let mut warnings = Diagnostics::new();
    let installed = packages.iter();
    for package in installed.filter(|package| package.role == Role::Image) {
        if image.packages.runs_scripts_of(&package.name) {
            continue;
        }
        let skipped: Vec<_> = SCRIPTS
            .into_iter()
            .filter(|(script, _)| package.scripts.contains(*script))
            .collect();
        if !skipped.is_empty() {
            warnings.push(warning(image, package, &skipped));
        }
    }
    warnings
}

fn warning(image: &Image, package: &LockedPackage, skipped: &[(&str, &str)]) -> Diagnostic {
    let name = &package.name;
    let scripts: Vec<&str> = skipped.iter().map(|(script, _)| *script).collect();
    let site = image
        .packages
        .install
        .iter()
        .find(|request| request.name.value == *name)
        .map(|request| request.name.span);
    let warning = Diagnostic::warning(
        "zosc::plan::skipped-scripts",
        format!("`{name}` has scripts that are skipped: {}", scripts.join(", ")),
    )
    .at_maybe(site)
    .help(format!(
        "let them run with `scripts run {name}`, or put what is missing into the image with nodes such as `account`, `group` and `file`"
    ));
    skipped.iter().fold(warning, |warning, (script, usual)| {
        let known = KNOWN
            .iter()
            .find(|(package, of, _)| package == name && of == script);
        let loss = known.map_or(*usual, |(_, _, loss)| loss);
        warning.note(format!("{script}: {loss}"))
    })
}
