//! What is gathered for one cursor, and what gathering looks at.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::manifest::model::Model;

use super::super::cursor::Cursor;
use super::super::knowledge::Known;
use super::super::names::Occurrence;
use super::super::sketch::Sketch;
use super::super::view::View;
use super::proposal::Proposal;
use crate::syntax::scan::scan;

/// What proposals are made from.
pub(super) struct Ctx<'a> {
    /// The state of the editor and of the project.
    pub(super) view: &'a View<'a>,
    /// The language.
    pub(super) model: &'static Model,
    /// Where something is to be written.
    pub(super) cursor: Cursor<'a>,
    /// The names in each of the texts, once somebody has asked.
    pub(super) occurrences: OnceCell<Vec<Vec<Occurrence>>>,
}

/// What is proposed.
#[derive(Debug)]
pub(super) struct List {
    /// In the order in which they come where nothing else decides.
    pub(super) proposals: Vec<Proposal>,
    /// Whether asking again, with more typed or later, may yield others.
    pub(super) more: bool,
    /// What one of them replaces.
    pub(super) range: Range<usize>,
    /// What is typed of it, without quotes and escapes.
    pub(super) typed: String,
}

impl List {
    /// An empty list for the word at a cursor.
    pub(super) fn new(cursor: &Cursor<'_>) -> Self {
        Self {
            proposals: Vec::new(),
            more: false,
            range: cursor.word.clone(),
            typed: cursor.prefix().into_owned(),
        }
    }

    /// Narrows what is replaced to a part of the word.
    pub(super) fn narrow(&mut self, cursor: &Cursor<'_>, range: Range<usize>) {
        self.typed = cursor.meant(range.start..cursor.offset).into_owned();
        self.range = range;
    }

    pub(super) fn push(&mut self, proposal: Proposal) {
        self.proposals.push(proposal);
    }
}

impl<'a> Ctx<'a> {
    /// The text with the cursor.
    pub(super) fn text(&self) -> &'a str {
        self.cursor.text
    }

    /// The texts that the manifest consists of, that of the editor first.
    pub(super) fn texts(&self) -> Vec<(&str, Cow<'_, Sketch>)> {
        let path = &self.view.document.path;
        let sources = self.view.project.checked.sources.iter();
        let others = sources.filter(|(_, source)| source.file.as_ref() != Some(path));
        let mut texts = vec![(self.text(), Cow::Borrowed(&self.cursor.sketch))];
        texts.extend(others.map(|(_, source)| {
            let text = &*source.text;
            (text, Cow::Owned(Sketch::new(text, &scan(text).tokens)))
        }));
        texts
    }

    /// Takes what a cache knows; or says what makes it know, where it does not.
    pub(super) fn known<T>(&self, known: Known<T>, of_what: &str, list: &mut List) -> Option<T> {
        let words = match known {
            Known::Ready(known) => return Some(known),
            Known::Missing { command } => format!("`{command}` fetches {of_what}"),
            Known::Loading if self.view.project.good.is_none() => {
                format!("{of_what} are known once nothing is wrong with the manifest")
            }
            Known::Loading => format!("{of_what} are being read"),
        };
        list.push(Proposal::hint(words));
        list.more = true;
        None
    }

    /// What is there already of what a list is about: arguments of the node at the cursor, and of nodes of the same name beside it, or the
    /// other words of the text. One of a name is enough.
    pub(super) fn taken(&self, list: &List) -> BTreeSet<Cow<'a, str>> {
        let text = self.text();
        let word = &self.cursor.word;
        if list.range != *word {
            let part = |range: Range<usize>| text.get(range).unwrap_or_default().split_whitespace();
            let (before, behind) = (word.start..list.range.start, list.range.end..word.end);
            return part(before)
                .chain(part(behind))
                .map(Cow::Borrowed)
                .collect();
        }
        let mut taken: BTreeSet<Cow<'a, str>> = self.cursor.arguments().collect();
        if let Some(node) = self.cursor.current() {
            let name = node.name(text);
            let siblings = self.cursor.siblings();
            let same = siblings.filter(|other| other.name(text) == name);
            taken.extend(same.flat_map(|other| other.arguments(text)));
        }
        taken
    }
}
