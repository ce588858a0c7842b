//! What is known of the kernel's modules, of firmware, and of what the kernel can be configured with.

use super::page::{Page, code, count, some};
use crate::check::Image;
use crate::diagnostic::bytes;
use crate::lsp::knowledge::{Firmware, Knowledge, Known, ModuleFacts, Modules};

/// Most names that a line shows.
const SHOWN: usize = 6;

/// What a module is and what it pulls in.
pub(super) fn module(name: &str, knowledge: &Knowledge, page: &mut Page) {
    let modules = match knowledge.modules() {
        Known::Ready(modules) => modules,
        Known::Missing { command } => {
            page.title(name, "module");
            return page.fact(format!(
                "the kernel's modules are not here: run `{command}`"
            ));
        }
        Known::Loading => {
            page.title(name, "module");
            return page.fact("the kernel's modules are being read");
        }
    };
    let Some(facts) = modules.get(name) else {
        page.title(name, "module");
        return page.fact(format!(
            "the kernel {} has no module of this name",
            code(modules.release())
        ));
    };
    let size = match facts.size {
        0 => String::new(),
        size => format!(", {}", bytes(size)),
    };
    page.title(facts.name, format!("module{size}"));
    page.foreign(facts.description);
    if facts.builtin {
        page.fact(format!(
            "part of the kernel {} itself",
            code(modules.release())
        ));
    }
    pulled_in(&facts, modules, page);
    asked_for(&facts, knowledge.firmware(), page);
}

fn pulled_in(facts: &ModuleFacts<'_>, modules: &Modules, page: &mut Page) {
    if facts.dependencies.is_empty() {
        return;
    }
    let others = facts.dependencies.iter();
    let size: u64 = others
        .filter_map(|name| modules.get(name))
        .map(|other| other.size)
        .sum();
    page.fact(format!(
        "pulls in {}: {}, {}",
        count(facts.dependencies.len(), "module", "modules"),
        some(&facts.dependencies, SHOWN),
        bytes(size)
    ));
}

fn asked_for(facts: &ModuleFacts<'_>, firmware: Known<&Firmware>, page: &mut Page) {
    if facts.firmware.is_empty() {
        return;
    }
    let there = firmware
        .ready()
        .map(|firmware| firmware.matched(&facts.firmware));
    let there = there.map_or_else(String::new, |there| {
        format!(
            "; the firmware packages have {}, {}",
            count(there.files.len(), "file", "files"),
            bytes(there.bytes)
        )
    });
    page.fact(format!(
        "may ask for the firmware {}{there}",
        some(&facts.firmware, SHOWN)
    ));
}

/// What a pattern of firmware matches.
pub(super) fn firmware(pattern: &str, knowledge: &Knowledge, page: &mut Page) {
    page.title(pattern, "firmware");
    let firmware = match knowledge.firmware() {
        Known::Ready(firmware) => firmware,
        Known::Missing { command } => {
            return page.fact(format!(
                "the firmware packages are not here: run `{command}`"
            ));
        }
        Known::Loading => return page.fact("the firmware packages are being read"),
    };
    let matched = firmware.matched(&[pattern]);
    if matched.files.is_empty() {
        return page.fact("no firmware package of the manifest has such a file");
    }
    let files = count(matched.files.len(), "file", "files");
    page.fact(format!("{files}, {}", bytes(matched.bytes)));
    if matched.files != [pattern] {
        page.fact(some(&matched.files, SHOWN));
    }
}

/// What firmware the modules of a stage ask for.
pub(super) fn stage(stage: &str, image: &Image, knowledge: &Knowledge, page: &mut Page) {
    let requests = match stage {
        "stage1" => &image.stage1,
        "stage2" => &image.stage2,
        _ => return,
    };
    let (Some(modules), Some(firmware)) =
        (knowledge.modules().ready(), knowledge.firmware().ready())
    else {
        return;
    };
    let mut names: Vec<&str> = Vec::new();
    for request in requests {
        let Some(facts) = modules.get(&request.name) else {
            continue;
        };
        let others = facts
            .dependencies
            .iter()
            .filter_map(|name| modules.get(name));
        names.extend(others.flat_map(|other| other.firmware));
        names.extend(facts.firmware);
    }
    names.sort_unstable();
    names.dedup();
    let there = firmware.matched(&names);
    page.fact(format!(
        "its modules may ask for {}; the firmware packages have {}, {}",
        count(names.len(), "file", "files"),
        there.files.len(),
        bytes(there.bytes)
    ));
}

/// What a symbol of Kconfig is, and what the manifest makes of it.
pub(super) fn symbol(name: &str, image: Option<&Image>, knowledge: &Knowledge, page: &mut Page) {
    let facts = knowledge
        .symbols()
        .ready()
        .and_then(|symbols| symbols.get(name));
    page.title(name, facts.map_or("", |facts| facts.kind));
    if let Some(facts) = facts {
        page.foreign(facts.prompt);
        page.foreign(facts.help);
        if facts.prompt.is_empty() {
            page.fact("nobody is asked for it: other symbols turn it on");
        }
    }
    match knowledge.symbols() {
        Known::Ready(_) if facts.is_none() => {
            page.fact("the kernel's sources have no symbol of this name");
        }
        Known::Missing { command } => page.fact(format!(
            "the kernel's sources are not unpacked here: run `{command}`"
        )),
        Known::Loading => page.fact("the kernel's sources are being read"),
        Known::Ready(_) => {}
    }
    let kernel = image.and_then(|image| image.kernel.as_ref());
    if let Some(crate::check::KernelOrigin::Built(built)) = kernel.map(|kernel| &kernel.from)
        && let Some(value) = built.config.values.get(name)
    {
        page.fact(format!("in effect here: {}", code(value)));
    }
}
