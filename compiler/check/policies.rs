//! Rules across sections: what several of them together make impossible or unsafe.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::accounts::{self as written, Risk};
use crate::source::{Span, Spanned};
use crate::zinit::{Command, Kind, Unit};

use super::units::Units;
use super::{
    Ctx, Firmware, Flist, Kernel, KernelOrigin, OutputKind, OutputRequest, Packages, Packed,
    StubOrigin, Toolchain, ToolchainRoot,
};

/// Packages with an SSH server.
const SSH_PACKAGES: &[&str] = &[
    "dropbear",
    "openssh",
    "openssh-server",
    "openssh-server-pam",
    "tinyssh",
];

/// Programs that let people in from the network.
const SSH_PROGRAMS: &[&str] = &["dropbear", "sshd", "sshd.pam", "tinysshd"];

/// Refuses packages without a place to take them from.
pub(super) fn alpine_where_needed(
    ctx: &mut Ctx<'_>,
    packages: &Packages,
    toolchains: &BTreeMap<String, Toolchain>,
    firmware: &Firmware,
    kernel: Option<&Kernel>,
    outputs: &[OutputRequest],
    flists: &[Flist],
) {
    if ctx.declared.has_section("alpine") {
        return;
    }
    let stub_is_used = outputs.iter().any(|output| output.kind == OutputKind::Efi);
    let kernel_package = kernel.and_then(|kernel| match &kernel.from {
        KernelOrigin::Package(package) => Some(package),
        KernelOrigin::Prebuilt { .. } | KernelOrigin::Built(_) => None,
    });
    let stub_package = kernel.and_then(|kernel| match &kernel.stub {
        Some(StubOrigin::Package(package)) if stub_is_used => Some(package),
        _ => None,
    });
    let toolchain_package = toolchains
        .values()
        .find_map(|toolchain| match &toolchain.root {
            ToolchainRoot::Alpine { packages, .. } => packages.first(),
            _ => None,
        });
    let packed = flists.iter().find_map(|flist| match &flist.pack {
        Packed::Firmware(package) => Some(package),
        Packed::Folder(_) => None,
    });
    let microcode = kernel.and_then(|kernel| kernel.microcode.first());
    let installed = packages.install.first().map(|request| &request.name);
    let first: Option<&Spanned<String>> = installed
        .or(toolchain_package)
        .or(kernel_package)
        .or(microcode)
        .or(firmware.packages.first())
        .or(packed)
        .or(stub_package);
    let Some(package) = first else { return };
    let name = &package.value;
    let mut problem = Diagnostic::error(
        "zosc::check::no-alpine",
        format!("the package `{name}` is needed, and nothing says where packages come from"),
    )
    .at(package.span)
    .help("add an `alpine` section: `alpine \"3.22\" { mirror …; repository main; key … }`");
    let is_default_stub = stub_package.is_some_and(|stub| {
        std::ptr::eq(stub, package) && ctx.sources.slice(stub.span).trim_matches('"') != name
    });
    if is_default_stub {
        problem = problem
            .note("it holds the EFI stub that the kernel and the initramfs are put into")
            .help("add an `alpine` section, or `stub path=\"linuxx64.efi.stub\"` to the kernel");
    }
    ctx.push(problem);
}

/// Refuses an account that anyone may enter from afar, unless that is said to be meant.
pub(super) fn open_login(ctx: &mut Ctx<'_>, packages: &Packages, units: &Units) {
    let manifest = ctx.manifest;
    let server = server(packages, units);
    let publish = manifest.publish.first();
    let publish = publish.map(|publish| ("it goes here".to_owned(), publish.kind.span));
    for account in &manifest.account {
        let Some(open) = account.open() else { continue };
        let name = &account.name.value;
        if let Some(server) = &server {
            let problem = Diagnostic::error(
                "zosc::check::open-login",
                format!("`{name}` has no password, and the image has an SSH server"),
            )
            .help("give it a `password-hash` or `authorized-keys`; if the server refuses empty passwords, or they are meant, add `accept open-ssh`");
            unless_meant(
                ctx,
                account,
                open,
                server,
                problem,
                (Risk::OpenSsh, "open-ssh"),
            );
        }
        if let Some(publish) = &publish {
            let problem = Diagnostic::error(
                "zosc::check::open-login",
                format!("`{name}` has no password, and the image is published"),
            )
            .help("give it a `password-hash`; if everyone with the image may sit at its console, add `accept published`");
            unless_meant(
                ctx,
                account,
                open,
                publish,
                problem,
                (Risk::Published, "published"),
            );
        }
    }
}

/// Tells of a risk that an account does not accept.
fn unless_meant(
    ctx: &mut Ctx<'_>,
    account: &written::Account,
    open: Span,
    cause: &(String, Span),
    problem: Diagnostic,
    (risk, word): (Risk, &str),
) {
    if account.accept.iter().any(|accepted| accepted.value == risk) {
        return;
    }
    let mut problem = problem
        .label(account.name.span, "passwordless")
        .label(cause.1, cause.0.clone());
    if ctx.is_editable(open) {
        let before = Span {
            end: open.start,
            ..open
        };
        problem = problem.replace("say that it is meant", before, format!("accept {word}; "));
    }
    ctx.push(problem);
}

/// What of the image lets people in from the network.
fn server(packages: &Packages, units: &Units) -> Option<(String, Span)> {
    let package = packages
        .install
        .iter()
        .find(|request| SSH_PACKAGES.contains(&request.name.as_str()));
    if let Some(package) = package {
        return Some((
            "this package has an SSH server".to_owned(),
            package.name.span,
        ));
    }
    let unit = units.list.iter().find(|unit| runs_server(&unit.unit))?;
    Some(("this unit is an SSH server".to_owned(), unit.span))
}

fn runs_server(unit: &Unit) -> bool {
    let is_server = |word: &str| {
        let program = word.rsplit('/').next().unwrap_or(word);
        SSH_PROGRAMS.contains(&program)
    };
    match &unit.command {
        _ if unit.kind == Kind::Target => false,
        Some(Command::Argv(argv)) => argv.first().is_some_and(|program| is_server(program)),
        Some(Command::Shell(script)) => script.split_whitespace().any(is_server),
        None => false,
    }
}
