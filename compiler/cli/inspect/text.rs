//! A report as text for people.

use crate::cli::page::{Cell, Page, Tone};
use crate::cli::render::Style;
use crate::diagnostic::bytes;
use crate::efi::SignatureFacts;
use crate::inspect::{
    ContentsReport, EfiReport, Kind, ListedEntry, OriginsFrom, Report, SizeReport, UnitReport,
};

use super::parts::{By, Detail, Parts};

/// Origins, folders and missing firmware that a summary names.
const SHOWN: usize = 12;

/// Shows a report.
pub(super) fn text(report: &Report, parts: Parts, style: Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, report);
    if let Some(program) = &report.efi {
        efi(&mut page, program, parts.detail(parts.efi));
    }
    if parts.detail(parts.kernel) != Detail::None {
        kernel(&mut page, report);
    }
    let Some(contents) = &report.initramfs else {
        return page.finish();
    };
    if parts.detail(parts.segments) != Detail::None {
        segments(&mut page, contents);
    }
    sizes(&mut page, contents, parts);
    units(&mut page, contents, parts.detail(parts.units));
    modules(&mut page, contents, parts.detail(parts.modules));
    flists(&mut page, contents, parts.detail(parts.flists));
    if parts.files {
        files(&mut page, contents);
    }
    if !parts.is_any() && !contents.remarks.is_empty() {
        page.head("remarks", "");
        for remark in &contents.remarks {
            page.row(2, &[Cell::plain(remark)]);
        }
    }
    page.finish()
}

fn head(page: &mut Page, report: &Report) {
    let kind = match report.kind {
        Kind::UnifiedKernelImage => "unified kernel image",
        Kind::Kernel => "kernel",
        Kind::EfiProgram => "EFI program",
        Kind::Initramfs => "initramfs",
    };
    page.head(&report.name, &format!("{kind}, {}", bytes(report.size)));
    let mut rows = vec![named("sha256", &report.digest.to_string())];
    if let Some(id) = &report.build_id {
        rows.push(named("build id", id));
    }
    if let Some(build) = &report.build {
        let text = format!("build {} of {}", build.number, build.manifest.display());
        rows.push(named("written by", &text));
    }
    page.table(2, &rows);
}

fn named(name: &str, value: &str) -> Vec<Cell> {
    vec![Cell::faint(name), Cell::plain(value)]
}

fn efi(page: &mut Page, program: &EfiReport, detail: Detail) {
    if detail == Detail::None {
        return;
    }
    let signed = if program.signed {
        "signed"
    } else {
        "not signed"
    };
    page.head("efi", &format!("for {}, {signed}", program.machine));
    let sections = program.sections.iter().map(|section| {
        let place = format!(
            "{:#010x} in memory, {:#x} in the file",
            section.address, section.offset
        );
        let (name, size) = (
            Cell::plain(&section.name),
            Cell::number(bytes(section.size)),
        );
        vec![name, size, Cell::faint(place)]
    });
    page.table(2, &sections.collect::<Vec<_>>());
    for signature in &program.signatures {
        signed_by(page, signature);
    }
    let mut rows = Vec::new();
    if let Some(line) = &program.command_line {
        rows.push(named("command line", line));
    }
    let pretty = program.os_release.as_deref().and_then(|text| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix("PRETTY_NAME="))
    });
    if let Some(name) = pretty {
        rows.push(named("system", name.trim_matches('"')));
    }
    if let Some(release) = &program.uname {
        rows.push(named("kernel release", release));
    }
    if let Some(register) = &program.pcr11 {
        rows.push(named("PCR 11", &register.to_string()));
    }
    let revocation = program.sbat.as_deref().unwrap_or("").lines();
    for (index, row) in revocation.filter(|row| !row.is_empty()).enumerate() {
        rows.push(named(if index == 0 { "SBAT" } else { "" }, row));
    }
    page.table(2, &rows);
}

fn signed_by(page: &mut Page, signature: &SignatureFacts) {
    let (tone, verdict) = match (signature.digest_matches, signature.valid) {
        (false, _) => (Tone::Bad, "the file is not the one that was signed"),
        (true, true) => (Tone::Good, "the digest matches, the signature is right"),
        (true, false) => (Tone::Bad, "the digest matches, the signature is wrong"),
    };
    let who = format!(
        "by {}, issued by {}:",
        signature.subject.as_deref().unwrap_or("nobody known"),
        signature.issuer.as_deref().unwrap_or("nobody known"),
    );
    page.row(2, &[Cell::plain(who), Cell::new(tone, verdict)]);
}

fn kernel(page: &mut Page, report: &Report) {
    let Some(facts) = &report.kernel else {
        return;
    };
    page.head("kernel", &facts.machine.name());
    let yes = |fact: bool| if fact { "yes" } else { "no" };
    let mut rows = Vec::new();
    if let Some(version) = &facts.version {
        rows.push(named("version", version));
    }
    rows.extend([
        named("EFI stub", yes(facts.efi_stub)),
        named("initrd by LoadFile2", yes(facts.takes_initrd)),
        named("EFI handover", yes(facts.handover())),
        named("strict memory protection", yes(facts.nx_compatible)),
    ]);
    page.table(2, &rows);
}

fn segments(page: &mut Page, contents: &ContentsReport) {
    let starts = match &contents.init {
        Some(init) => format!("starts {init}"),
        None => "starts nothing: there is no /init".to_owned(),
    };
    let remark = format!(
        "{} entries, {} files, {} of content; {starts}",
        contents.entries,
        contents.files,
        bytes(contents.content)
    );
    page.head("initramfs", &remark);
    let rows = contents
        .segments
        .iter()
        .enumerate()
        .map(|(index, segment)| {
            vec![
                Cell::plain(format!("segment {}", index + 1)),
                Cell::plain(segment.algorithm.name()),
                Cell::number(bytes(segment.stored)),
                Cell::faint("unpacked"),
                Cell::number(bytes(segment.unpacked)),
                Cell::number(segment.entries.to_string()),
                Cell::faint("entries"),
            ]
        });
    page.table(2, &rows.collect::<Vec<_>>());
}

fn sizes(page: &mut Page, contents: &ContentsReport, parts: Parts) {
    let detail = parts.detail(parts.sizes());
    let source = match contents.origins {
        OriginsFrom::Record => "",
        OriginsFrom::Image => ", as far as the image tells",
    };
    let (shares, how) = match parts.by.unwrap_or(By::Origin) {
        By::Origin => (&contents.sizes.origins, format!("by origin{source}")),
        By::Kind => (&contents.sizes.kinds, format!("by kind of origin{source}")),
        By::Folder => (&contents.sizes.folders, "by folder".to_owned()),
    };
    if detail == Detail::None {
        return;
    }
    let remark = format!("{} before compression, {how}", bytes(contents.content));
    page.head("sizes", &remark);
    let shown = match detail {
        Detail::Full => shares.len(),
        Detail::Short | Detail::None => SHOWN,
    };
    let rows: Vec<Vec<Cell>> = shares.iter().take(shown).map(share).collect();
    page.table(2, &rows);
    if shares.len() > shown {
        let more = format!("and {} more: see --sizes", shares.len() - shown);
        page.row(2, &[Cell::faint(more)]);
    }
}

fn share(share: &SizeReport) -> Vec<Cell> {
    let (whole, rest) = (share.per_mille / 10, share.per_mille % 10);
    let files = if share.files == 1 { "file" } else { "files" };
    vec![
        Cell::number(bytes(share.content)),
        Cell::number(format!("{whole}.{rest} %")),
        Cell::number(share.files.to_string()),
        Cell::faint(files),
        Cell::plain(&share.name),
    ]
}

fn units(page: &mut Page, contents: &ContentsReport, detail: Detail) {
    let units = &contents.units;
    if detail == Detail::None || units.is_empty() && detail == Detail::Short {
        return;
    }
    let waves = units.iter().filter_map(|unit| unit.wave).max();
    let waves = waves.map_or_else(String::new, |waves| match waves {
        1 => ", 1 wave".to_owned(),
        many => format!(", {many} waves"),
    });
    let count = units.len();
    let dialect = units.first().map_or("", |unit| unit.dialect);
    page.head("units", &format!("{count} {dialect}{waves}"));
    if detail == Detail::Full {
        page.table(2, &units.iter().map(unit).collect::<Vec<_>>());
        return;
    }
    let mut rows: Vec<(Option<usize>, Vec<&str>)> = Vec::new();
    for unit in units {
        match rows.last_mut() {
            Some((wave, names)) if *wave == unit.wave => names.push(&unit.name),
            _ => rows.push((unit.wave, vec![&unit.name])),
        }
    }
    let rows = rows.into_iter().map(|(wave, names)| {
        let wave = wave.map_or_else(|| "order unknown".to_owned(), |wave| format!("wave {wave}"));
        vec![Cell::faint(wave), Cell::plain(names.join(" "))]
    });
    page.table(2, &rows.collect::<Vec<_>>());
}

fn unit(unit: &UnitReport) -> Vec<Cell> {
    let edges = [("requires", &unit.requires), ("after", &unit.after)];
    let edges = edges.iter().filter(|(_, names)| !names.is_empty());
    let edges: Vec<String> = edges
        .map(|(kind, names)| format!("{kind} {}", names.join(" ")))
        .collect();
    vec![
        Cell::number(unit.wave.map_or_else(String::new, |wave| wave.to_string())),
        Cell::plain(&unit.name),
        Cell::plain(unit.kind.unwrap_or("unreadable")),
        Cell::faint(edges.join(", ")),
    ]
}

fn modules(page: &mut Page, contents: &ContentsReport, detail: Detail) {
    let modules = &contents.modules;
    if detail == Detail::None || modules.is_empty() && detail == Detail::Short {
        return;
    }
    let size = modules.iter().map(|module| module.size).sum();
    let release = modules.first().map_or("", |module| &module.release);
    let lacking = modules.iter().flat_map(|module| &module.missing_firmware);
    let mut lacking: Vec<&str> = lacking.map(String::as_str).collect();
    lacking.sort_unstable();
    lacking.dedup();
    let mut remark = format!("{} of kernel {release}, {}", modules.len(), bytes(size));
    if !lacking.is_empty() {
        let count = lacking.len();
        remark.push_str(&format!(
            "; {count} of the firmware files that they may ask for are missing"
        ));
    }
    page.head("modules", &remark);
    if detail == Detail::Short {
        let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
        for line in names.chunks(SHOWN) {
            page.row(2, &[Cell::plain(line.join(" "))]);
        }
        return;
    }
    let rows = modules.iter().map(|module| {
        let there = module.firmware.iter();
        let there = there.filter(|name| !module.missing_firmware.contains(name));
        let there: Vec<&str> = there.map(String::as_str).collect();
        let missing = module.missing_firmware.join(" ");
        let missing = if missing.is_empty() {
            missing
        } else {
            format!("missing: {missing}")
        };
        vec![
            Cell::plain(&module.name),
            Cell::number(bytes(module.size)),
            Cell::new(Tone::Bad, missing),
            Cell::faint(there.join(" ")),
        ]
    });
    page.list(2, &rows.collect::<Vec<_>>(), 2);
}

fn flists(page: &mut Page, contents: &ContentsReport, detail: Detail) {
    let lists = &contents.flists;
    if detail == Detail::None || lists.is_empty() && detail == Detail::Short {
        return;
    }
    let content = lists.iter().map(|list| list.content).sum();
    page.head("flists", &format!("{} that a store keeps", bytes(content)));
    let rows = lists.iter().map(|list| {
        let version = list.tags.get("version").map_or("", String::as_str);
        let files = if list.files == 1 { "file" } else { "files" };
        vec![
            Cell::plain(list.path.as_str()),
            Cell::plain(version),
            Cell::number(bytes(list.content)),
            Cell::number(list.files.to_string()),
            Cell::faint(files),
            Cell::faint(format!("from {}", list.routes.join(", "))),
        ]
    });
    page.table(2, &rows.collect::<Vec<_>>());
}

fn files(page: &mut Page, contents: &ContentsReport) {
    page.head("files", &format!("{} entries", contents.entries));
    let rows: Vec<Vec<Cell>> = contents.listing.iter().map(file).collect();
    page.table(0, &rows);
}

fn file(entry: &ListedEntry) -> Vec<Cell> {
    let size = entry.size.map_or(String::new(), |size| size.to_string());
    let hard = entry.mode.starts_with('-');
    let target = match &entry.target {
        Some(to) if hard => format!(" = {to}"),
        Some(to) if entry.mode.starts_with('l') => format!(" -> {to}"),
        Some(numbers) => format!(" ({numbers})"),
        None => String::new(),
    };
    vec![
        Cell::plain(&entry.mode),
        Cell::number(entry.uid.to_string()),
        Cell::number(entry.gid.to_string()),
        Cell::number(size),
        Cell::faint(entry.origin.as_str()),
        Cell::plain(format!("{}{target}", entry.path)),
    ]
}
