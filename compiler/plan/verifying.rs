//! What must be true of the programs of sources.

use crate::check::Source;
use crate::manifest::size::Strippable;
use crate::manifest::source::Property;

use super::lower::Lowering;
use super::{Action, Input, Linked, Stage, Verified};

/// The installed files of a source, once what can be said of them alone is verified.
pub(super) fn verified(lowering: &mut Lowering<'_>, source: &Source, tree: Input) -> Input {
    let image = lowering.image;
    let strips = image.strip.iter();
    let stripped = strips
        .map(|what| what.value)
        .any(|what| what == Strippable::Binaries);
    let wanted = [
        (Property::Static, Verified::Static),
        (Property::Arch, Verified::Arch(image.arch.to_string())),
        (Property::NoBuildPaths, Verified::NoBuildPaths { stripped }),
    ];
    let wanted = wanted
        .into_iter()
        .filter(|(property, _)| source.verifies(*property));
    let wanted: Vec<Verified> = wanted.map(|(_, verified)| verified).collect();
    if wanted.is_empty() {
        return tree;
    }
    let name = &source.name.value;
    let action = Action::Verify {
        tree,
        source: name.clone(),
        wanted,
    };
    let (label, site) = (format!("verify {name}"), Some(source.name.span));
    lowering
        .plan
        .add(Stage::ComponentsVerify, label, site, action)
}

/// The image, once its sources' programs have been seen to find in it what they are linked to.
pub(super) fn verified_links(lowering: &mut Lowering<'_>, tree: Input) -> Input {
    let linked = lowering.image.sources.iter().map(|source| Linked {
        source: source.name.value.clone(),
        interpreter: source.verifies(Property::Interpreter),
        libraries: source.verifies(Property::Libraries),
    });
    let sources: Vec<Linked> = linked
        .filter(|linked| linked.interpreter || linked.libraries)
        .collect();
    if sources.is_empty() {
        return tree;
    }
    let action = Action::VerifyLinks { tree, sources };
    lowering
        .plan
        .add(Stage::ComponentsVerify, "verify links", None, action)
}
