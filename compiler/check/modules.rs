//! The `modules` sections.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::modules::ModuleNames;
use crate::source::Span;

use super::{Ctx, Kernel, KernelOrigin, ModuleRequest};

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
            });
        }
    }
    requests
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
