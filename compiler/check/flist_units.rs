//! Units that `mount` brings: one for each flist, one that handles devices once more, one that loads modules out of an flist.
//!
//! They are those of the library's file with other names and places, so that how an flist is mounted is told once. A unit of the
//! author's with one of these names stays as it is. Each of them stands where `mount` does, since that asks for it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::diagnostic::Diagnostics;
use crate::manifest::flist::Flist;
use crate::manifest::unit::{Log, Unit};
use crate::manifest::{self, Manifest};
use crate::source::{SourceId, Span, Spanned};
use crate::syntax;
use crate::tree::ImagePath;
use crate::zinit::quote_all;

use super::units::is_switch;
use super::{Ctx, FileContent, FileRequest, library};

/// The file of the library that has these units.
const LIBRARY: &str = "std:zero-os/rfs";

/// Scripts in the image and in the library: the one that mounts, and the one that loads modules.
const MOUNTS: (&str, &str) = ("/usr/libexec/zosc/rfs", "zero-os/rfs.sh");
const LOADS: (&str, &str) = ("/usr/libexec/zosc/modules", "zero-os/modules.sh");

/// The script that handles devices; an image without it has its own way.
const DEVICES: &str = "/usr/libexec/zosc/devices";

/// The unit that handles devices once more.
const AGAIN: &str = "udev-rfs";

/// The unit that loads modules out of an flist.
const MODULES: &str = "flist-modules";

/// Folders that devices are handled with.
const DRIVERS: [&str; 2] = ["/lib/modules", "/lib/firmware"];

/// The library's file.
static SHIPPED: LazyLock<Manifest> = LazyLock::new(|| {
    let mut sink = Diagnostics::new();
    let text = library::text(LIBRARY).unwrap_or_default();
    let document = syntax::parse(SourceId(0), text, &mut sink);
    manifest::decode(&document, &mut sink)
});

/// The name of the unit that mounts an flist.
pub(super) fn name(flist: &str) -> String {
    format!("rfs-{flist}")
}

/// The units of a manifest, those that `mount` brings first; how many these are. The scripts that they run join `files`.
pub(super) fn with_generated(ctx: &Ctx<'_>, files: &mut Vec<FileRequest>) -> (Vec<Unit>, usize) {
    let is_shipped = |unit: &Unit| {
        let source = ctx.sources.get(unit.name.span.source);
        source.is_some_and(|source| source.file.is_none() && source.name == LIBRARY)
    };
    let written = &ctx.manifest.unit;
    let own: BTreeSet<&str> = written
        .iter()
        .filter(|unit| !is_switch(unit) && !is_shipped(unit))
        .map(|unit| unit.name.as_str())
        .collect();
    let mut units = generated(ctx, files);
    units.retain(|unit| !own.contains(unit.name.as_str()));
    for script in [MOUNTS, LOADS] {
        bring(files, &units, script);
    }
    let count = units.len();
    let names: BTreeSet<String> = units.iter().map(|unit| unit.name.value.clone()).collect();
    let rest = written.iter();
    let rest = rest.filter(|unit| !is_shipped(unit) || !names.contains(&unit.name.value));
    units.extend(rest.cloned());
    (units, count)
}

fn generated(ctx: &Ctx<'_>, files: &[FileRequest]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut drivers = Vec::new();
    for flist in &ctx.manifest.flist {
        let Some(mount) = &flist.mount else { continue };
        let unit = name(&flist.name);
        // Two flists of one name have been told of.
        if units.iter().any(|known| known.name.value == unit) {
            continue;
        }
        let place = filled(flist, mount);
        let path = ImagePath::new(&place);
        let is_driver = |folder: &str| match (&path, ImagePath::new(folder)) {
            (Ok(path), Ok(folder)) => path.starts_with(&folder),
            _ => false,
        };
        if DRIVERS.iter().any(|folder| is_driver(folder)) {
            drivers.push((unit.clone(), mount.span));
        }
        let list = filled(flist, &flist.embed);
        units.extend(mounting(ctx, flist, mount.span, (&place, &list)));
    }
    let handles_devices = files.iter().any(|file| file.to.as_str() == DEVICES);
    if let Some((_, span)) = drivers.first().filter(|_| handles_devices) {
        let mut waits_for = existing(ctx, "coldplug");
        waits_for.extend(drivers.iter().map(|(unit, _)| unit.clone()));
        units.extend(shipped(AGAIN, *span).map(|unit| waiting(unit, waits_for)));
    }
    units.extend(loading(ctx));
    units
}

/// The unit that mounts an flist at a place.
fn mounting(ctx: &Ctx<'_>, flist: &Flist, span: Span, (place, list): (&str, &str)) -> Option<Unit> {
    let mut unit = shipped(&name("modules"), span)?;
    let command = |words: &[&str]| {
        let all = [&[MOUNTS.0], words].concat().into_iter();
        quote_all(&all.map(str::to_owned).collect::<Vec<_>>())
    };
    let (flist, store) = (&flist.name, &flist.store.read);
    unit.name.value = name(flist);
    if let Some(exec) = &mut unit.exec {
        exec.value = command(&["mount", flist, place, list, store]);
    }
    if let Some(test) = &mut unit.test {
        test.command.value = command(&["ready", flist, place, list]);
    }
    Some(waiting(unit, existing(ctx, "network")))
}

/// The unit that loads the modules that the manifest takes out of flists.
fn loading(ctx: &Ctx<'_>) -> Option<Unit> {
    let lists = ctx.manifest.modules.iter();
    let lists = lists.flat_map(|section| &section.stage2);
    let asked: Vec<&Spanned<String>> = lists.filter_map(|list| list.flist.as_ref()).collect();
    let names: BTreeSet<&str> = asked.iter().map(|flist| flist.as_str()).collect();
    let mounted = ctx.manifest.flist.iter();
    let mounted = mounted.filter(|flist| flist.mount.is_some());
    let mounted = mounted.filter(|flist| names.contains(flist.name.as_str()));
    let mounted: Vec<String> = mounted.map(|flist| name(&flist.name)).collect();
    let span = asked.first()?.span;
    let mut unit = shipped(AGAIN, span)?;
    MODULES.clone_into(&mut unit.name.value);
    if let Some(exec) = &mut unit.exec {
        exec.value = format!("{} flist", LOADS.0);
    }
    unit.log = Some(Spanned::new(Log::Stdout, span));
    (!mounted.is_empty()).then(|| waiting(unit, mounted))
}

/// A path of an flist with its tag; `{kernel}` is for the script to fill in, which knows what runs.
fn filled(flist: &Flist, path: &str) -> String {
    match &flist.tag {
        Some(tag) => path.replace("{tag}", tag),
        None => path.to_owned(),
    }
}

/// The unit of this name, if the image has one.
fn existing(ctx: &Ctx<'_>, name: &str) -> Vec<String> {
    let units = &ctx.manifest.unit;
    let is_off = units
        .iter()
        .any(|unit| unit.disabled && unit.name.value == name);
    let is_there = !is_off && ctx.declared.may_have("unit", name);
    is_there.then(|| name.to_owned()).into_iter().collect()
}

/// A unit of the library's file, at a place of the manifest.
fn shipped(name: &str, span: Span) -> Option<Unit> {
    let mut units = SHIPPED.unit.iter();
    let mut unit = units.find(|unit| unit.name.value == name)?.clone();
    unit.name.span = span;
    for text in [&mut unit.exec, &mut unit.shell].into_iter().flatten() {
        text.span = span;
    }
    if let Some(test) = &mut unit.test {
        test.command.span = span;
        if let Some(within) = &mut test.within {
            within.span = span;
        }
    }
    if let Some(log) = &mut unit.log {
        log.span = span;
    }
    for word in &mut unit.accept {
        word.span = span;
    }
    Some(unit)
}

/// A unit that requires these, and no others.
fn waiting(mut unit: Unit, units: Vec<String>) -> Unit {
    let span = unit.name.span;
    let units = units.into_iter();
    unit.requires = units.map(|name| Spanned::new(name, span)).collect();
    unit
}

/// Adds a script that units run, where the manifest does not have it yet.
fn bring(files: &mut Vec<FileRequest>, units: &[Unit], (path, shipped): (&str, &str)) {
    let runs = |unit: &&Unit| {
        let exec = unit.exec.as_ref();
        exec.is_some_and(|exec| exec.split(' ').next() == Some(path))
    };
    let Some(unit) = units.iter().find(runs) else {
        return;
    };
    let has_it = files.iter().any(|file| file.to.as_str() == path);
    let (Some(bytes), Ok(to), false) = (library::read(shipped), ImagePath::new(path), has_it)
    else {
        return;
    };
    files.push(FileRequest {
        to: Spanned::new(to, unit.name.span),
        content: FileContent::Bytes(bytes.into()),
        mode: 0o755,
        uid: 0,
        gid: 0,
    });
}
