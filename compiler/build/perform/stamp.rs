//! The image's digest, and the places in the image that hold it.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::plan::Input;
use crate::tree::{Digest, Entry, ImagePath, Node, Origin, Tree};

/// What texts have where the digest is to be.
const PLACEHOLDER: &str = "{build-id}";

/// The image's digest as a line: the key of the action, which covers all that the image is made of.
pub(super) fn identify(context: &Context<'_>) -> Result<Digest, Diagnostic> {
    context.store.put(format!("{}\n", context.key).as_bytes())
}

/// Where the digest goes.
pub(super) struct Places<'a> {
    pub(super) build_id: Option<&'a ImagePath>,
    pub(super) os_release: Option<&'a ImagePath>,
    pub(super) texts: &'a [ImagePath],
}

/// Writes the digest into a tree.
pub(super) fn stamp(
    context: &Context<'_>,
    tree: &Input,
    identity: &Input,
    places: &Places<'_>,
    epoch: u64,
) -> Result<Tree, Diagnostic> {
    let mut tree = context.tree(tree)?;
    let line = context.store.get(&context.digest(identity))?;
    let line = String::from_utf8_lossy(&line).into_owned();
    if let Some(path) = places.build_id {
        let digest = context.store.put(line.as_bytes())?;
        let origin = Origin::new("branding");
        let entry = Entry::file(digest, line.len() as u64, 0o644, epoch, origin);
        tree.insert_with_parents(path.clone(), entry);
    }
    if let Some(path) = places.os_release {
        rewrite(context, &mut tree, path, |text| with_build_id(text, &line))?;
    }
    for path in places.texts {
        rewrite(context, &mut tree, path, |text| {
            text.replace(PLACEHOLDER, line.trim_end())
        })?;
    }
    Ok(tree)
}

/// The text of os-release with the digest as `BUILD_ID`.
pub(super) fn with_build_id(os_release: &str, line: &str) -> String {
    format!("{os_release}BUILD_ID={}\n", line.trim_end())
}

/// Changes the text of a file, where there is one.
fn rewrite(
    context: &Context<'_>,
    tree: &mut Tree,
    path: &ImagePath,
    change: impl Fn(&str) -> String,
) -> Result<(), Diagnostic> {
    let Some(entry) = tree.get_mut(path) else {
        return Ok(());
    };
    let Node::File { digest, size } = &mut entry.node else {
        return Ok(());
    };
    let before = context.store.get(digest)?;
    if let Ok(text) = std::str::from_utf8(&before) {
        let after = change(text);
        *digest = context.store.put(after.as_bytes())?;
        *size = after.len() as u64;
    }
    Ok(())
}
