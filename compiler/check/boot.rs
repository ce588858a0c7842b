//! The `boot` section.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::manifest::boot as written;
use crate::source::{Span, Spanned};
use crate::zinit::{Dialect, Kind, Restart, Unit};

use super::quantities::duration;
use super::units::Units;
use super::{Boot, Ctx, Expectation, Expected, LARGEST_DISK, OutputKind, OutputRequest, UnitState};

/// Resolves the section.
pub(super) fn resolve(ctx: &mut Ctx<'_>, units: &Units, outputs: &[OutputRequest]) -> Boot {
    let manifest = ctx.manifest;
    let mut boot = Boot::default();
    let Some(section) = &manifest.boot else {
        return boot;
    };
    if let Some(memory) = &section.memory {
        boot.memory = memory_size(ctx, memory).unwrap_or(boot.memory);
    }
    boot.cpus = section.cpus.as_ref().map_or(boot.cpus, |cpus| cpus.value);
    if let Some(firmware) = &section.firmware {
        boot.firmware = firmware.value;
        needs_efi(ctx, firmware, outputs);
        needs_signature(ctx, firmware);
    }
    let disks = section.disk.iter();
    boot.disks = disks
        .filter_map(|disk| disk_size(ctx, &disk.size))
        .collect();
    let whole = section.within.as_ref();
    let limit = whole.and_then(|within| ctx.duration(within));
    let expect = section.expect.iter();
    boot.expect = expect
        .filter_map(|expect| {
            in_time(ctx, expect, whole.zip(limit));
            expectation(ctx, expect, units, limit)
        })
        .collect();
    boot
}

/// Refuses an expectation that may take longer than the whole boot.
fn in_time(
    ctx: &mut Ctx<'_>,
    expect: &written::Expect,
    whole: Option<(&Spanned<String>, Duration)>,
) {
    let (Some(within), Some((whole, limit))) = (&expect.within, whole) else {
        return;
    };
    if duration(within).is_none_or(|within| within <= limit) {
        return;
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::late-expectation",
            format!(
                "the boot is over after {}, and this may come later",
                whole.value
            ),
        )
        .at(within.span)
        .label(whole.span, "the end of the whole boot")
        .help(format!(
            "write at most `within=\"{}\"`, or give the boot more time",
            whole.value
        )),
    );
}

/// Less memory than this holds no kernel with an initramfs.
const LEAST_MEMORY: u64 = 64 << 20;

fn memory_size(ctx: &mut Ctx<'_>, memory: &Spanned<String>) -> Option<u64> {
    let size = ctx.size(memory)?;
    if size < LEAST_MEMORY {
        ctx.out_of_range(memory, "a machine needs at least \"64MiB\"");
        return None;
    }
    Some(size)
}

fn disk_size(ctx: &mut Ctx<'_>, text: &Spanned<String>) -> Option<u64> {
    let size = ctx.positive_size(text)?;
    if size > LARGEST_DISK {
        ctx.out_of_range(text, "a disk has at most \"1048576GiB\"");
        return None;
    }
    Some(size)
}

fn needs_efi(ctx: &mut Ctx<'_>, firmware: &Spanned<written::Firmware>, outputs: &[OutputRequest]) {
    let has_efi = outputs.iter().any(|output| output.kind == OutputKind::Efi);
    // A section that is there but could not be decoded may well ask for one.
    let undecoded = ctx.manifest.outputs.is_none() && ctx.declared.has_section("outputs")
        || ctx.manifest.kernel.is_none() && ctx.declared.has_section("kernel");
    if firmware.value == written::Firmware::Direct || has_efi || undecoded {
        return;
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::boot-without-efi",
            "the machine is to start an EFI program, and none is made",
        )
        .at(firmware.span)
        .help("add a `kernel` section and `efi \"vmlinuz.efi\"` to `outputs`, or write `firmware=direct`"),
    );
}

/// Firmware that trusts the certificate of `sign` needs one.
fn needs_signature(ctx: &mut Ctx<'_>, firmware: &Spanned<written::Firmware>) {
    let kernel = ctx.manifest.kernel.as_ref();
    let is_signed = kernel.is_some_and(|kernel| kernel.sign.is_some());
    let undecoded = ctx.manifest.damaged.contains("kernel");
    if firmware.value != written::Firmware::SecureBoot || is_signed || undecoded {
        return;
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::boot-without-signature",
            "the machine is to start signed programs only, and nothing is signed",
        )
        .at(firmware.span)
        .help(
            "add `sign key=(env)SB_KEY cert=\"keys/db.crt\"` to `kernel`, or write `firmware=uefi`",
        ),
    );
}

fn expectation(
    ctx: &mut Ctx<'_>,
    expect: &written::Expect,
    units: &Units,
    limit: Option<Duration>,
) -> Option<Expectation> {
    let within = match &expect.within {
        Some(within) => ctx.duration(within),
        None => Some(limit.unwrap_or(Duration::from_mins(2))),
    };
    let what = &expect.what;
    let (kind, rest) = what.split_once(' ')?;
    let expected = match kind {
        "console" => Expected::Console(rest.to_owned()),
        "pid1" => Expected::Pid1(rest.to_owned()),
        "tcp" => Expected::Tcp(port(ctx, what, rest)?),
        "http" => {
            let (number, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            Expected::Http {
                port: port(ctx, what, number)?,
                path: if path.is_empty() { "/" } else { path }.to_owned(),
            }
        }
        _ => {
            let (name, state) = rest.rsplit_once(' ')?;
            let state = match state {
                "running" => UnitState::Running,
                "success" => UnitState::Success,
                _ => UnitState::Up,
            };
            let span = ctx.within(what.span, name);
            let unit = units.known(ctx, name, span)?;
            possible(ctx, unit, state, units.dialect, what.span);
            Expected::Unit {
                name: name.to_owned(),
                state,
            }
        }
    };
    Some(Expectation {
        what: expected,
        within: u64::try_from(within?.as_millis()).ok()?,
        span: what.span,
    })
}

/// A port as it is written behind `tcp` or `http`.
fn port(ctx: &mut Ctx<'_>, what: &Spanned<String>, number: &str) -> Option<u16> {
    let port = number.parse().ok().filter(|port| *port != 0);
    if port.is_none() {
        ctx.out_of_range(what, "a port is a number from 1 to 65535");
    }
    port
}

/// Refuses a state that a unit can never be in.
fn possible(
    ctx: &mut Ctx<'_>,
    unit: &Unit,
    state: UnitState,
    dialect: Option<Dialect>,
    span: Span,
) {
    let (fact, instead) = match (unit.kind, state) {
        (Kind::Oneshot, UnitState::Running) => ("a oneshot does not keep running", "success"),
        (Kind::Daemon, UnitState::Success) if unit.restart == Restart::Always => {
            ("a daemon is started again when it ends", "running")
        }
        (Kind::Target, UnitState::Running) if dialect == Some(Dialect::Yaml) => {
            ("a target is a oneshot for zinit 0.2", "up")
        }
        (Kind::Target, UnitState::Success) if dialect == Some(Dialect::Toml) => {
            ("a target counts as running for zinit 0.3", "up")
        }
        _ => return,
    };
    ctx.push(
        Diagnostic::error(
            "zosc::check::impossible-expectation",
            format!("`{}` never comes to this state: {fact}", unit.name),
        )
        .at(span)
        .help(format!("write `unit {} {instead}`", unit.name)),
    );
}
