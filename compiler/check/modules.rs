//! The `modules` sections.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::manifest::modules::ModuleNames;
use crate::source::{Span, Spanned};

use super::{Ctx, Flist, Kernel, KernelOrigin, ModuleRequest, Packed, suggest};

/// Where the kernel's modules are looked for.
const TREE: &str = "/lib/modules/{kernel}";

/// Whether a folder is that, for the kernel at hand or for one by name.
fn is_tree(path: &str) -> bool {
    let release = path.strip_prefix("/lib/modules/");
    release.is_some_and(|release| !release.contains('/'))
}

/// Modules that were met: by name with `_`, their place and stage.
type Met = BTreeMap<String, (Span, &'static str)>;

/// Resolves the sections to the modules of both stages.
pub(super) fn resolve(
    ctx: &mut Ctx<'_>,
    kernel: Option<&Kernel>,
) -> (Vec<ModuleRequest>, Vec<ModuleRequest>) {
    let manifest = ctx.manifest;
    let mut met = Met::new();
    let first = manifest.modules.iter().flat_map(|section| &section.stage1);
    let stage1 = stage(ctx, first, "stage1", &mut met);
    let first = manifest.modules.iter().flat_map(|section| &section.stage1);
    for flist in first.filter_map(|list| list.flist.as_ref()) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::module-flist",
                "the modules of `stage1` come before any flist is mounted",
            )
            .at(flist.span)
            .help("name them in `stage2`, or leave `flist` out"),
        );
    }
    let second = manifest.modules.iter().flat_map(|section| &section.stage2);
    let stage2 = stage(ctx, second, "stage2", &mut met);
    if let Some(module) = stage1.first().or(stage2.first()) {
        needs_kernel(ctx, module.name.span, kernel);
    }
    (stage1, stage2)
}

fn stage<'a>(
    ctx: &mut Ctx<'_>,
    lists: impl Iterator<Item = &'a ModuleNames>,
    stage: &'static str,
    met: &mut Met,
) -> Vec<ModuleRequest> {
    let mut requests = Vec::new();
    for list in lists {
        for name in &list.names {
            let key = name.replace('-', "_");
            if let Some((earlier, first_stage)) = met.insert(key, (name.span, stage)) {
                let message = if first_stage == stage {
                    format!("the module `{}` is in {stage} twice", name.value)
                } else {
                    format!(
                        "the module `{}` is in {first_stage} and in {stage}",
                        name.value
                    )
                };
                let problem = Diagnostic::error("zosc::check::duplicate-module", message)
                    .label(name.span, "again here")
                    .label(earlier, "first here")
                    .help("remove one: a module is loaded once (`-` and `_` are the same)");
                ctx.push(without(ctx, problem, list, name.span));
                continue;
            }
            requests.push(ModuleRequest {
                name: name.clone(),
                optional: list
                    .optional
                    .as_ref()
                    .is_some_and(|optional| optional.value),
                flist: list.flist.clone().filter(|_| stage == "stage2"),
            });
        }
    }
    requests
}

/// Refuses modules that are to come out of an flist that does not have them where they are looked for.
pub(super) fn in_flists(ctx: &mut Ctx<'_>, stage2: &[ModuleRequest], flists: &[Flist]) {
    let mut told = BTreeSet::new();
    for named in stage2.iter().filter_map(|module| module.flist.as_ref()) {
        if !told.insert((named.span.start, named.span.end)) {
            continue;
        }
        let Some(flist) = flists.iter().find(|flist| flist.name == *named) else {
            unknown_flist(ctx, named, flists);
            continue;
        };
        let Some((fact, span)) = lacks_modules(flist) else {
            continue;
        };
        ctx.push(
            Diagnostic::error(
                "zosc::check::module-flist",
                format!("the flist `{}` {fact}", named.value),
            )
            .label(named.span, "modules are to come out of it")
            .label(span, "here it is")
            .help(format!(
                "let it have `pack \"{TREE}\"` and `mount \"{TREE}\"`, or leave `flist` out"
            )),
        );
    }
}

/// Why no module comes out of an flist, and what says so.
fn lacks_modules(flist: &Flist) -> Option<(&'static str, Span)> {
    if !matches!(&flist.pack, Packed::Folder(folder) if is_tree(folder)) {
        return Some(("holds no modules", flist.name.span));
    }
    let mount = flist.mount.as_ref();
    let place = mount.map_or(flist.name.span, |mount| mount.span);
    let is_elsewhere = mount.is_none_or(|mount| !is_tree(mount));
    is_elsewhere.then_some(("is not mounted where modules are looked for", place))
}

fn unknown_flist(ctx: &mut Ctx<'_>, named: &Spanned<String>, flists: &[Flist]) {
    if ctx.declared.may_have("flist", named) {
        return;
    }
    let problem = Diagnostic::error(
        "zosc::check::module-flist",
        format!("there is no flist `{}`", named.value),
    )
    .at(named.span);
    let fit = flists.iter().filter(|flist| lacks_modules(flist).is_none());
    let names = fit.map(|flist| flist.name.as_str());
    let otherwise = format!("add `flist {} {{ pack \"{TREE}\"; … }}`", named.value);
    ctx.push(suggest(problem, named, named.span, names, &otherwise));
}

/// Offers to take a name out of a list that has others.
fn without(ctx: &Ctx<'_>, problem: Diagnostic, list: &ModuleNames, name: Span) -> Diagnostic {
    if list.names.len() < 2 {
        return problem;
    }
    let source = ctx.sources.get(name.source);
    let before = source.and_then(|source| source.text.get(..name.start as usize));
    let start = before.map_or(name.start as usize, |before| {
        before.trim_end_matches(' ').len()
    });
    let cut = Span::new(name.source, start, name.end as usize);
    problem.replace("remove the second", cut, "")
}

fn needs_kernel(ctx: &mut Ctx<'_>, span: Span, kernel: Option<&Kernel>) {
    let help = match kernel.map(|kernel| &kernel.from) {
        Some(KernelOrigin::Prebuilt { modules: None, .. }) => {
            "name their folder: `prebuilt image=… modules=\"lib/modules\"`"
        }
        Some(_) => return,
        None if ctx.declared.has_section("kernel") => return,
        None => "add `kernel { package linux-virt }`",
    };
    ctx.push(
        Diagnostic::error(
            "zosc::check::no-kernel-modules",
            "modules are asked for, and there is no kernel that could bring them",
        )
        .at(span)
        .help(help),
    );
}
