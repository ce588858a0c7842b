//! What the words of a manifest are to the language: a node's name, a property's, or a value, each with the member of the schema
//! that it belongs to.
//!
//! Comes in: a [`Sketch`] of any text. Goes out: [`Word`]s. What the language does not know is passed over, and so is what
//! `/-` leaves out.

use std::borrow::Cow;
use std::ops::Range;

use super::sketch::{Entry, Node, Sketch, plain};
use crate::manifest::model::{Member, Model};

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The name of a node.
    Node,
    /// The name of a property.
    Key,
    /// An argument, or the value of a property.
    Value,
}

/// A word with its meaning.
#[derive(Debug, Clone)]
pub(super) struct Word<'t> {
    /// What it is.
    pub(super) part: Part,
    /// What it means, without quotes.
    pub(super) text: Cow<'t, str>,
    /// Where it stands, quotes included.
    pub(super) range: Range<usize>,
    /// The member of the language that it names, or is a value of.
    pub(super) member: &'static Member,
    /// The node that it belongs to.
    pub(super) node: usize,
}

/// A text's nodes, each with the member of the language that it is.
pub(super) struct Meanings<'t> {
    text: &'t str,
    sketch: &'t Sketch,
    members: Vec<Option<&'static Member>>,
}

impl<'t> Meanings<'t> {
    /// Looks every node up.
    pub(super) fn new(text: &'t str, sketch: &'t Sketch) -> Self {
        let model = Model::get();
        let mut members: Vec<Option<&Member>> = Vec::with_capacity(sketch.nodes.len());
        for node in &sketch.nodes {
            // Those that it stands in have come before.
            let shape = match node.parent {
                None => Some(model.root()),
                Some(parent) => {
                    let parent = members.get(parent).copied().flatten();
                    parent.and_then(|parent| model.shape_of(parent))
                }
            };
            let shape = shape.filter(|_| !node.slashed);
            let member = shape.and_then(|shape| shape.member(&node.name(text)));
            members.push(member.filter(|member| member.role.is_child()));
        }
        Self {
            text,
            sketch,
            members,
        }
    }

    /// The node with an index, where the language knows it.
    pub(super) fn node(&self, index: usize) -> Option<(&'t Node, &'static Member)> {
        Some((self.sketch.node(index)?, (*self.members.get(index)?)?))
    }

    /// The nodes that the language knows, in the order of the text.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (usize, &'t Node, &'static Member)> {
        (0..self.members.len()).filter_map(|index| {
            let (node, member) = self.node(index)?;
            Some((index, node, member))
        })
    }

    /// The member that the section of a node is, such as `packages`.
    pub(super) fn section(&self, index: usize) -> &'static str {
        let mut at = index;
        while let Some(parent) = self.sketch.node(at).and_then(|node| node.parent) {
            at = parent;
        }
        self.node(at).map_or("", |(_, member)| member.name.as_str())
    }

    /// The first argument of a node: its name, where it has one.
    pub(super) fn identity(&self, node: &Node) -> Option<Cow<'t, str>> {
        node.arguments(self.text).next()
    }

    /// Every word that overlaps or touches a range, in the order of the text.
    pub(super) fn words(&self, within: Range<usize>) -> impl Iterator<Item = Word<'t>> {
        let words = self.nodes().flat_map(|(index, node, member)| {
            let name = self.word(Part::Node, &node.name, member, index);
            name.into_iter().chain(self.entries(index, node, member))
        });
        words.filter(move |word| word.range.start <= within.end && within.start <= word.range.end)
    }

    fn entries(
        &self,
        index: usize,
        node: &'t Node,
        member: &'static Member,
    ) -> impl Iterator<Item = Word<'t>> {
        let shape = Model::get().shape_of(member);
        let mut arguments = 0;
        let entries = node.entries.iter().filter(|entry| !entry.slashed);
        entries.flat_map(move |entry| {
            let owner = if let Some(key) = &entry.key {
                let key = self.text.get(key.clone()).map(plain);
                key.and_then(|key| member.property(shape, &key))
            } else {
                arguments += 1;
                member.argument(shape, arguments - 1)
            };
            self.parts(entry, owner, index)
        })
    }

    fn parts(
        &self,
        entry: &Entry,
        owner: Option<&'static Member>,
        index: usize,
    ) -> impl Iterator<Item = Word<'t>> {
        let word =
            |part, range: &Option<Range<usize>>| self.word(part, range.as_ref()?, owner?, index);
        let (key, value) = (word(Part::Key, &entry.key), word(Part::Value, &entry.value));
        key.into_iter().chain(value)
    }

    fn word(
        &self,
        part: Part,
        range: &Range<usize>,
        member: &'static Member,
        node: usize,
    ) -> Option<Word<'t>> {
        let written = self
            .text
            .get(range.clone())
            .filter(|text| !text.is_empty())?;
        Some(Word {
            part,
            text: plain(written),
            range: range.clone(),
            member,
            node,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::scan::scan;

    /// The words of a text, a line each: what, text, member.
    fn words(text: &str) -> Vec<String> {
        let sketch = Sketch::new(text, &scan(text).tokens);
        let meanings = Meanings::new(text, &sketch);
        let words = meanings.words(0..text.len());
        words
            .map(|word| format!("{:?} {} of {}", word.part, word.text, word.member.name))
            .collect()
    }

    #[test]
    fn every_word_has_its_member() {
        assert_eq!(
            words("packages { install \"a\" b version=\"~1\"; exclude c }"),
            [
                "Node packages of packages",
                "Node install of install",
                "Value a of names",
                "Value b of names",
                "Key version of version",
                "Value ~1 of version",
                "Node exclude of exclude",
                "Value c of exclude",
            ]
        );
        assert_eq!(
            words("unit é { env LÄNG=C; log ring }")[1..],
            [
                "Value é of name",
                "Node env of env",
                "Key LÄNG of env",
                "Value C of env",
                "Node log of log",
                "Value ring of log",
            ]
        );
    }

    #[test]
    fn a_node_with_one_value_has_no_second_one() {
        assert_eq!(
            words("image z { title a b }")[2..],
            ["Node title of title", "Value a of title"]
        );
    }

    #[test]
    fn what_is_unknown_or_left_out_is_passed_over() {
        assert_eq!(words("nothing { install a }"), Vec::<String>::new());
        assert_eq!(words("/-packages { install a }"), Vec::<String>::new());
        assert_eq!(
            words("packages { install /-a b="),
            ["Node packages of packages", "Node install of install",]
        );
    }
}
