//! The Go modules that were downloaded for a source, or that it brings itself.

use std::collections::BTreeSet;

use super::super::Context;
use super::text_above;
use crate::diagnostic::Diagnostic;
use crate::plan::BuiltFrom;
use crate::sbom::{Bill, Component, LockedModule, module_of_archive, purl, vendored_modules};
use crate::tree::{Digest, Node};

/// Adds a source's modules to a list.
pub(super) fn list(
    context: &Context<'_>,
    bill: &mut Bill,
    source: &BuiltFrom,
) -> Result<(), Diagnostic> {
    let mut modules: BTreeSet<(LockedModule, Option<Digest>)> = BTreeSet::new();
    if let Some(vendored) = &source.vendored {
        for (path, entry) in context.tree(vendored)?.iter() {
            if let Node::File { digest, .. } = &entry.node {
                let module = module_of_archive(path.as_str());
                modules.extend(module.map(|module| (module, Some(*digest))));
            }
        }
    } else {
        let files = context.tree(&source.files)?;
        let text = text_above(context, &files, &source.subdir, "vendor/modules.txt")?;
        let named = vendored_modules(&text.unwrap_or_default());
        modules.extend(named.into_iter().map(|module| (module, None)));
    }
    let mut references = Vec::new();
    for (module, archive) in modules {
        let (namespace, name) = module.path.rsplit_once('/').unwrap_or(("", &module.path));
        let component = Component {
            name: module.path.clone(),
            version: module.version.clone(),
            purl: Some(purl("golang", namespace, name, &module.version, &[])),
            sha256: archive,
            ..Component::default()
        };
        let reference = format!("module/{}@{}", module.path, module.version);
        references.push(bill.add(&reference, component));
    }
    if let Some(component) = bill.components.get_mut(&source.reference) {
        component.needs.extend(references);
    }
    Ok(())
}
