//! Every path of the image that the manifest itself writes, so that nothing is written twice.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;

use super::Ctx;

/// Paths with their place and what writes them.
#[derive(Debug, Default)]
pub(super) struct Destinations(BTreeMap<ImagePath, (Span, String)>);

impl Destinations {
    fn clashing(&self, path: &ImagePath) -> Option<(&ImagePath, &(Span, String))> {
        let mut up = std::iter::successors(Some(path.clone()), ImagePath::parent);
        let above = up.find_map(|path| self.0.get_key_value(&path));
        above.or_else(|| {
            let mut below = self.0.range(path.clone()..);
            below.next().filter(|(other, _)| other.starts_with(path))
        })
    }
}

impl Ctx<'_> {
    /// Notes that `what` writes the file at a path; refuses it where something else does, or where the path of one file
    /// would lie below another.
    pub(super) fn claim(&mut self, path: &Spanned<ImagePath>, what: &str) {
        if let Some((other, (span, earlier))) = self.destinations.clashing(&path.value) {
            let message = if *other == path.value {
                format!("`{other}` is written twice")
            } else if path.starts_with(other) {
                format!("`{}` lies inside `{other}`, which is a file", path.value)
            } else {
                format!("`{other}` lies inside `{}`, which is a file", path.value)
            };
            let problem = Diagnostic::error("zosc::check::duplicate-destination", message)
                .label(path.span, format!("by {what}"))
                .label(*span, format!("by {earlier}"))
                .help("give one of them another path, or remove it");
            self.push(problem);
            return;
        }
        let entry = (path.span, what.to_owned());
        self.destinations.0.insert(path.value.clone(), entry);
    }
}
