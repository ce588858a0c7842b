//! Digests that the lock has for what stands at the cursor.

use crate::lock::LockedSource;
use crate::manifest::model::Member;

use super::super::protocol::CompletionItemKind;
use super::list::{Ctx, List};
use super::proposal::Proposal;

/// The word that leaves a digest to the lock.
const LOCK: &str = "lock";

impl Ctx<'_> {
    /// The digest of the section's source as it is locked; and the word that leaves it to the lock, where the rules have it.
    pub(super) fn digests(&self, member: &Member, list: &mut List) {
        let section = self.cursor.path.first();
        let section = section.and_then(|index| self.cursor.sketch.node(*index));
        let name = section.and_then(|section| section.arguments(self.text()).next());
        let locked = self.view.knowledge.locked();
        let source = name.and_then(|name| locked?.source(&name));
        if let Some(LockedSource::Release { sha256, .. }) = source {
            let digest = Proposal::value(sha256.to_string(), CompletionItemKind::Value);
            list.push(digest.detail("as it is locked"));
        }
        let takes_word = member
            .message
            .as_ref()
            .is_some_and(|rule| rule.contains("`lock`"));
        if takes_word {
            let word = Proposal::value(LOCK, CompletionItemKind::Keyword);
            list.push(word.detail("that of the first download, which nobody has checked"));
        }
    }
}
