//! Every path of the image that the manifest itself writes, so that nothing is written twice.
//!
//! A file of the manifest wins over what sources install, so these two are kept apart.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;

use super::Ctx;

/// Paths with their place and what writes them.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    files: Paths,
    installed: Paths,
}

#[derive(Debug, Default)]
struct Paths(BTreeMap<ImagePath, (Span, String)>);

impl Paths {
    fn clashing(&self, path: &ImagePath) -> Option<(&ImagePath, &(Span, String))> {
        let mut up = std::iter::successors(Some(path.clone()), ImagePath::parent);
        let above = up.find_map(|path| self.0.get_key_value(&path));
        above.or_else(|| {
            let mut below = self.0.range(path.clone()..);
            below.next().filter(|(other, _)| other.starts_with(path))
        })
    }
}

impl Paths {
    /// Notes that `what` writes the file at a path; refuses it where something else does, or where the path of one file
    /// would lie below another.
    fn claim(&mut self, path: &Spanned<ImagePath>, what: &str) -> Result<(), Diagnostic> {
        if let Some((other, (span, earlier))) = self.clashing(&path.value) {
            let message = if *other == path.value {
                format!("`{other}` is written twice")
            } else if path.starts_with(other) {
                format!("`{}` lies inside `{other}`, which is a file", path.value)
            } else {
                format!("`{other}` lies inside `{}`, which is a file", path.value)
            };
            return Err(
                Diagnostic::error("zosc::check::duplicate-destination", message)
                    .label(path.span, format!("by {what}"))
                    .label(*span, format!("by {earlier}"))
                    .help("give one of them another path, or remove it"),
            );
        }
        let entry = (path.span, what.to_owned());
        self.0.insert(path.value.clone(), entry);
        Ok(())
    }
}

impl Ctx<'_> {
    /// Notes a file that the manifest writes.
    pub(super) fn claim(&mut self, path: &Spanned<ImagePath>, what: &str) {
        if let Err(problem) = self.destinations.files.claim(path, what) {
            self.push(problem);
        }
    }

    /// Notes a file that a source installs.
    pub(super) fn claim_installed(&mut self, path: &Spanned<ImagePath>, what: &str) {
        if let Err(problem) = self.destinations.installed.claim(path, what) {
            self.push(problem);
        }
    }
}
