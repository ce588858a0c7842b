//! Files beside the manifest: folders first, hidden ones last, never more than a look at one folder.

use std::path::Path;

use crate::io::FileKind;

use super::super::protocol::CompletionItemKind;
use super::MOST;
use super::list::{Ctx, List};
use super::proposal::{Proposal, Rank, suits};

/// Most names of a folder that are looked at.
const MOST_NAMES: usize = 10_000;

impl Ctx<'_> {
    /// Paths relative to the file at hand, of folders and of the files that are wanted.
    pub(super) fn paths(&self, is_wanted: impl Fn(&str) -> bool, list: &mut List) {
        if list.typed.contains(':') {
            return;
        }
        let (folder, typed) = match list.typed.rfind('/') {
            Some(slash) => list.typed.split_at(slash + 1),
            None => ("", list.typed.as_str()),
        };
        let here = self.view.document.path.parent().unwrap_or(Path::new("/"));
        let names = self
            .view
            .files()
            .list(&here.join(folder))
            .unwrap_or_default();
        let mut found = Vec::new();
        for name in names
            .iter()
            .take(MOST_NAMES)
            .filter(|name| suits(name, typed).is_some())
        {
            if found.len() == MOST {
                list.more = true;
                break;
            }
            let path = format!("{folder}{name}");
            let proposal = match self.view.files().kind(&here.join(&path)) {
                Some(FileKind::Directory) => {
                    Proposal::beginning(&format!("{path}/")).ranked(Rank::First)
                }
                Some(FileKind::File(_)) if is_wanted(name) => {
                    Proposal::value(path, CompletionItemKind::File)
                }
                _ => continue,
            };
            found.push(if name.starts_with('.') {
                proposal.ranked(Rank::Late)
            } else {
                proposal
            });
        }
        list.proposals.extend(found);
    }
}
