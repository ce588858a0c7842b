//! What makes the image smaller: files that are left out, symbols that go, files that flists take, programs that are packed.

use crate::manifest::size::Strippable;

use super::flists::flists;
use super::lower::Lowering;
use super::packing::packed;
use super::verifying::verified_links;
use super::{Action, Input, Reduction, Stage, Stripping};

/// The image's tree without what `size` takes out of it and flists take over. What programs are linked to is verified once files have
/// gone, and before programs are packed.
pub(super) fn shrunk(lowering: &mut Lowering<'_>, kernel: Option<Input>, tree: Input) -> Input {
    let tree = dropped(lowering, tree);
    let tree = stripped(lowering, tree);
    let tree = flists(lowering, kernel, tree);
    let tree = verified_links(lowering, tree);
    packed(lowering, tree)
}

fn dropped(lowering: &mut Lowering<'_>, before: Input) -> Input {
    let drops = &lowering.image.drop;
    if drops.is_empty() {
        return before;
    }
    let patterns = drops.iter().flat_map(|drop| drop.patterns.iter().cloned());
    let action = Action::Drop {
        tree: before,
        patterns: patterns.collect(),
    };
    let plan = &mut lowering.plan;
    let after = plan.add(Stage::Cleanup, "leave out", None, action);
    plan.reductions.extend(drops.iter().map(|drop| Reduction {
        what: format!("drop {}", drop.word.value),
        patterns: drop.patterns.clone(),
        before,
        after,
    }));
    after
}

fn stripped(lowering: &mut Lowering<'_>, mut tree: Input) -> Input {
    for wanted in &lowering.image.strip {
        let (name, what) = match wanted.value {
            Strippable::Binaries => ("strip binaries", Stripping::Binaries),
            Strippable::Modules => ("strip modules", Stripping::Modules),
        };
        let (before, site) = (tree, Some(wanted.span));
        let action = Action::Strip { tree, what };
        let plan = &mut lowering.plan;
        tree = plan.add(Stage::Cleanup, name, site, action);
        plan.reductions.push(Reduction {
            what: name.to_owned(),
            patterns: Vec::new(),
            before,
            after: tree,
        });
    }
    tree
}
