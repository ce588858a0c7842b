//! The `toolchain` sections.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;

use super::{Ctx, Toolchain, ToolchainRoot};

/// Resolves the sections.
pub(super) fn resolve(ctx: &mut Ctx<'_>) -> BTreeMap<String, Toolchain> {
    let manifest = ctx.manifest;
    let mut toolchains: BTreeMap<String, Toolchain> = BTreeMap::new();
    for toolchain in &manifest.toolchain {
        let name = &toolchain.name;
        if !toolchain.host && ctx.is_whole("toolchain") {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::empty-toolchain",
                    format!("the toolchain `{}` consists of nothing", name.value),
                )
                .at(name.span)
                .help(format!(
                    "write `toolchain {} {{ host }}` for this machine's own compilers",
                    name.value
                )),
            );
        }
        if let Some(earlier) = toolchains.get(&name.value) {
            let message = format!("two toolchains are named `{}`", name.value);
            let earlier = earlier.span;
            ctx.clash(
                "zosc::check::duplicate-name",
                message,
                name.span,
                earlier,
                "rename or remove one",
            );
            continue;
        }
        let toolchain = Toolchain {
            root: ToolchainRoot::Host,
            span: name.span,
        };
        toolchains.insert(name.value.clone(), toolchain);
    }
    toolchains
}
