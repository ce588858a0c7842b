//! Why a kernel module or a firmware file is in the image: which module needs it, up to a list of the manifest.

use crate::check::ModuleRequest;
use crate::kmod::{Kernel, Selection, Why, module_name, select_firmware};
use crate::plan::{Action, ContentOf, Input};
use crate::tree::Tree;

use super::{Answer, Known, image_path};

/// Endings of packed firmware and modules, which count for the plain name.
const ENDINGS: [&str; 3] = [".zst", ".xz", ".gz"];

/// What there is to say about a module.
pub(super) fn module(known: &Known<'_>, asked: &str) -> Option<Answer> {
    if asked.contains('/') {
        return None;
    }
    let name = module_name(asked);
    let is_asked = |module: &&ModuleRequest| module_name(&module.name.value) == name;
    let requests = || known.image.stage1.iter().chain(&known.image.stage2);
    let Some(tree) = kernel_tree(known) else {
        let request = requests().find(is_asked)?;
        let mut answer = Answer::new("module", name.as_str());
        asked_for(known, &request.name.value, &mut answer);
        answer.say("what it needs is known once the kernel is in the store: run `zosc build`");
        return Some(answer);
    };
    let kernel = Kernel::read(&tree, known.store).ok()?;
    let selection = selection(known, &kernel);
    let mut answer = Answer::new("module", name.as_str());
    let built_in = selection.built_in.iter();
    let mut built_in = built_in.filter(|found| found.name == name || found.asked == asked);
    if let Some(found) = built_in.next() {
        answer.say(format!("`{}` is part of the kernel itself", found.asked));
        if requests().any(|module| module.name.value == found.asked) {
            asked_for(known, &found.asked, &mut answer);
        }
        return Some(answer);
    }
    if !chain(known, &selection, &name, &mut answer) {
        kernel.path(&name)?;
        let mut flists = known.plan.flists.iter();
        let flist = flists.find(|flist| flist.content_of == ContentOf::Kernel)?;
        let text = format!(
            "it is not in the image: it is in the flist `{}`, which has all modules of the kernel",
            flist.name.value
        );
        answer.at(text, flist.name.span);
    }
    if let Ok(facts) = kernel.facts(&name) {
        for firmware in facts.values("firmware") {
            answer.say(format!("it may ask for the firmware {firmware}"));
        }
    }
    Some(answer)
}

/// What there is to say about a firmware file, by its path below `/lib/firmware`.
pub(super) fn firmware(known: &Known<'_>, asked: &str) -> Option<Answer> {
    let plain = ENDINGS.iter().find_map(|ending| asked.strip_suffix(ending));
    let plain = plain.unwrap_or(asked);
    let mut answer = Answer::new("firmware", asked);
    for pattern in &known.image.firmware.keep {
        let is_meant = pattern.value == plain
            || known
                .tree
                .is_some_and(|tree| covers(tree, &pattern.value, asked));
        if is_meant {
            answer.at("the manifest keeps it", pattern.span);
        }
    }
    let tree = kernel_tree(known);
    let kernel = tree
        .as_ref()
        .and_then(|tree| Kernel::read(tree, known.store).ok());
    if let Some(kernel) = kernel {
        let selection = selection(known, &kernel);
        let wanted = selection.firmware.iter();
        for wanted in wanted.filter(|wanted| wanted.name == plain) {
            for module in &wanted.by {
                answer.say(format!("the module {module} may ask for it"));
                chain(known, &selection, module, &mut answer);
            }
        }
    }
    if answer.links.is_empty() {
        return packed_firmware(known, asked, answer);
    }
    let is_there = known.tree.is_none_or(|tree| covers(tree, plain, asked));
    if !is_there {
        answer.say("it is not in the image: no firmware package has it");
    }
    Some(answer)
}

/// Firmware that an flist has and nothing else asks for.
fn packed_firmware(known: &Known<'_>, asked: &str, mut answer: Answer) -> Option<Answer> {
    let mut flists = known.plan.flists.iter();
    let flist = flists.find(|flist| {
        let content = known.tree_of(&flist.content);
        let has = |tree: &Tree| {
            let names = ["", ".zst", ".xz"].map(|ending| format!("/{asked}{ending}"));
            let mut paths = names.iter().filter_map(|name| image_path(name));
            paths.any(|path| tree.contains(&path))
        };
        flist.content_of == ContentOf::Packages && content.as_ref().is_some_and(has)
    })?;
    let name = &flist.name.value;
    let text = format!("it is not in the image: it is in the flist `{name}`");
    answer.at(text, flist.name.span);
    Some(answer)
}

/// Whether a name or pattern of firmware stands for a file of a tree.
fn covers(tree: &Tree, pattern: &str, file: &str) -> bool {
    let found = select_firmware(tree, &[pattern]).tree;
    ["/lib/firmware", "/usr/lib/firmware"].iter().any(|folder| {
        ["", ".zst", ".xz"].iter().any(|ending| {
            image_path(&format!("{folder}/{file}{ending}"))
                .is_some_and(|path| found.contains(&path))
        })
    })
}

/// From a module to the list of the manifest that it is there for; whether it is there at all.
pub(super) fn chain(
    known: &Known<'_>,
    selection: &Selection,
    name: &str,
    answer: &mut Answer,
) -> bool {
    let mut name = name.to_owned();
    for _ in 0..=selection.modules.len() {
        let found = selection.modules.iter().find(|module| module.name == name);
        let Some(module) = found else {
            return false;
        };
        name = match &module.why {
            Why::Asked(asked) => {
                asked_for(known, asked, answer);
                return true;
            }
            Why::NeededBy(by) => {
                answer.say(format!(
                    "the module {by} cannot be loaded without {name} (depends)"
                ));
                by.clone()
            }
            Why::WantedBy(by) => {
                answer.say(format!(
                    "the module {by} works better with {name} (softdep)"
                ));
                by.clone()
            }
        };
    }
    true
}

/// The lists of the manifest that name a module.
fn asked_for(known: &Known<'_>, asked: &str, answer: &mut Answer) {
    let stages = [
        ("stage1", &known.image.stage1),
        ("stage2", &known.image.stage2),
    ];
    for (stage, requests) in stages {
        let mut requests = requests.iter();
        if let Some(request) = requests.find(|request| request.name.value == asked) {
            let text = match &request.flist {
                Some(flist) => {
                    format!(
                        "the manifest loads `{asked}` in {stage}, out of the flist `{}`",
                        flist.value
                    )
                }
                None => format!("the manifest loads `{asked}` in {stage}"),
            };
            answer.at(text, request.name.span);
        }
    }
}

/// All that the lists of the manifest come to; what an optional name does not find is left out.
pub(super) fn selection(known: &Known<'_>, kernel: &Kernel<'_>) -> Selection {
    let requests = known.image.stage1.iter().chain(&known.image.stage2);
    let mut names: Vec<&str> = requests.map(|module| module.name.value.as_str()).collect();
    match kernel.select(&names) {
        Ok(selection) => selection,
        Err(refused) => {
            names.retain(|name| !refused.iter().any(|error| error.name == *name));
            kernel.select(&names).unwrap_or_default()
        }
    }
}

/// The tree with the kernel's modules, where the store has it.
pub(super) fn kernel_tree(known: &Known<'_>) -> Option<Tree> {
    let kernels = known.plan.actions.iter().filter_map(|planned| {
        let kernel: &Input = match &planned.action {
            Action::Modules { kernel, .. } | Action::AllModules { kernel, .. } => kernel,
            Action::Firmware { kernel, .. } => kernel.as_ref()?,
            _ => return None,
        };
        known.tree_of(kernel)
    });
    kernels.into_iter().next()
}
