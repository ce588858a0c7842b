//! Where a text says the names of things: what introduces them, what refers to them.
//!
//! Comes in: the nodes of a text. Goes out: an [`Occurrence`] for every name, as the attributes on the manifest's types
//! tell ([`crate::manifest`]). Looks nothing up, so a reference to nothing is an occurrence like any other.

use std::ops::Range;

use super::super::nodes::{Node, Nodes, Word};
use crate::manifest::model::{Implied, Kind, Member, Model, NameForm, Role};
use crate::syntax::{bare_or_quoted, quote};

/// The kind of the words that templates hold in braces.
pub(in crate::lsp) const VARIABLE: &str = "variable";

/// The kind of paths inside the image.
pub(in crate::lsp) const FILE: &str = "file";

/// What a name names. Two occurrences with the same symbol are about the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::lsp) struct Symbol {
    /// `unit`, `source`, …: a kind of the manifest's attributes, or [`VARIABLE`].
    pub(in crate::lsp) kind: &'static str,
    pub(in crate::lsp) name: String,
    /// Of a name that is known inside one section only: where that section starts.
    pub(in crate::lsp) section: Option<usize>,
}

/// What an occurrence does with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lsp) enum Use {
    /// It introduces a name that the author has chosen.
    Names,
    /// It introduces a name that comes from elsewhere.
    Declares,
    /// It means what is introduced elsewhere.
    Refers,
    /// Another name, which stands here, brings this one with it.
    Implies(&'static Implied),
}

impl Use {
    /// Whether it introduces the name.
    pub(in crate::lsp) fn is_declaration(self) -> bool {
        matches!(self, Self::Names | Self::Declares)
    }
}

/// One place where a name stands.
#[derive(Debug, Clone)]
pub(in crate::lsp) struct Occurrence {
    pub(in crate::lsp) symbol: Symbol,
    pub(in crate::lsp) role: Use,
    /// The name alone where it is written as it is, else the whole value.
    pub(in crate::lsp) place: Range<usize>,
    /// The value in which it stands.
    word: Word,
    /// The node in which it stands.
    pub(in crate::lsp) node: usize,
}

impl Occurrence {
    /// The edit that puts another name here: which range, and its new text. The form of the value stays as it is.
    pub(in crate::lsp) fn renamed(&self, text: &str, name: &str) -> (Range<usize>, String) {
        if self.place == self.word.range() {
            let value = self.word.value(text);
            let whole = match self.word.plain(text) {
                Some(_) => bare_or_quoted(name),
                None => quote(&value.replace(&self.symbol.name, name)),
            };
            return (self.place.clone(), whole);
        }
        (self.place.clone(), name.to_owned())
    }
}

/// Every occurrence in a text, in the order of nodes.
pub(super) fn occurrences(text: &str, nodes: &Nodes) -> Vec<Occurrence> {
    let mut finder = Finder {
        text,
        nodes,
        found: Vec::new(),
    };
    for (index, node) in nodes.list.iter().enumerate() {
        if node.left_out {
            continue;
        }
        finder.node(index, node);
        for entry in node.entries.iter().filter(|entry| !entry.left_out) {
            if let (Some(member), Some(value)) = (entry.member, entry.value) {
                finder.value(index, member, value);
            }
        }
    }
    finder.found
}

struct Finder<'a> {
    text: &'a str,
    nodes: &'a Nodes,
    found: Vec<Occurrence>,
}

impl Finder<'_> {
    /// A node whose own name is one: `stage1`, or `kernel` for the variable.
    fn node(&mut self, index: usize, node: &Node) {
        let (Some(member), Some(_)) = (node.member, node.shape) else {
            return;
        };
        if let Some(kind) = &member.naming.declares {
            self.push(index, node.name, kind, Use::Declares);
        }
        if let Some(variable) = member.naming.variable.as_deref()
            && member.role != Role::List
        {
            let symbol = self.symbol(index, VARIABLE, variable.to_owned());
            self.add(index, node.name, symbol, Use::Declares, node.name.range());
        }
    }

    fn value(&mut self, index: usize, member: &'static Member, value: Word) {
        let naming = &member.naming;
        if let Some(kind) = &naming.names {
            self.push(index, value, kind, Use::Names);
        }
        if let Some(kind) = &naming.declares {
            self.push(index, value, kind, Use::Declares);
        }
        if let Some(kind) = &naming.refers {
            self.refer(index, value, kind, &naming.form);
        }
        if let Some(variable) = &naming.variable {
            let symbol = self.symbol(index, VARIABLE, variable.clone());
            let place = value.plain(self.text).unwrap_or(value.range());
            self.add(index, value, symbol, Use::Declares, place);
        }
        if let Some(implied) = &naming.implies
            && self.has(index, &implied.member) == implied.with_member
        {
            let name = format!("{}{}", implied.prefix, value.value(self.text));
            let symbol = self.symbol(index, &implied.kind, name);
            let place = value.plain(self.text).unwrap_or(value.range());
            self.add(index, value, symbol, Use::Implies(implied), place);
        }
        if !naming.template.is_empty() {
            self.template(index, value, &naming.template);
        }
    }

    /// Whether a node has a child or property of this name.
    fn has(&self, index: usize, name: &str) -> bool {
        let is_named = |word: Word| word.value(self.text) == name;
        let node = self.nodes.list.get(index);
        let mut entries = node.into_iter().flat_map(|node| &node.entries);
        let mut children = self.nodes.children(Some(index));
        entries.any(|entry| !entry.left_out && entry.key.is_some_and(is_named))
            || children.any(|(_, child)| !child.left_out && is_named(child.name))
    }

    fn refer(&mut self, index: usize, value: Word, kind: &'static str, form: &NameForm) {
        match form {
            NameForm::Whole => {
                self.push(index, value, kind, Use::Refers);
            }
            NameForm::Words => {
                for place in words(value, self.text) {
                    let name = self.text.get(place.clone()).unwrap_or_default();
                    if kind != FILE || name.starts_with('/') {
                        let symbol = self.symbol(index, kind, name.to_owned());
                        self.add(index, value, symbol, Use::Refers, place);
                    }
                }
            }
            NameForm::Behind(before) => {
                let whole = value.value(self.text);
                let rest = whole.strip_prefix(before.as_str());
                let Some(name) = rest.and_then(|rest| rest.split(' ').next()) else {
                    return;
                };
                let plain = value.plain(self.text);
                let place = plain.map_or(value.range(), |plain| {
                    let start = plain.start + before.len();
                    start..start + name.len()
                });
                let symbol = self.symbol(index, kind, name.to_owned());
                self.add(index, value, symbol, Use::Refers, place);
            }
        }
    }

    /// The variables in braces.
    fn template(&mut self, index: usize, value: Word, known: &'static [String]) {
        let Some(plain) = value.plain(self.text) else {
            return;
        };
        let inside = self.text.get(plain.clone()).unwrap_or_default();
        for (at, _) in inside.match_indices('{') {
            let rest = inside.get(at + 1..).unwrap_or_default();
            let Some(variable) = rest.split_once('}').map(|(variable, _)| variable) else {
                break;
            };
            let first = variable.split('.').next().unwrap_or_default();
            let Some(first) = known.iter().find(|known| *known == first) else {
                continue;
            };
            let start = plain.start + at + 1;
            let Some(kind) = named_by_variable(first) else {
                let symbol = self.symbol(index, VARIABLE, variable.to_owned());
                self.add(
                    index,
                    value,
                    symbol,
                    Use::Refers,
                    start..start + variable.len(),
                );
                continue;
            };
            // `source.NAME.rev`, where NAME may have dots.
            let named = variable
                .strip_prefix(&format!("{first}."))
                .and_then(|rest| rest.rsplit_once('.'));
            if let Some((name, _)) = named {
                let start = start + first.len() + 1;
                let symbol = self.symbol(index, kind, name.to_owned());
                self.add(index, value, symbol, Use::Refers, start..start + name.len());
            }
        }
    }

    fn push(&mut self, index: usize, value: Word, kind: &'static str, role: Use) {
        let symbol = self.symbol(index, kind, value.value(self.text).into_owned());
        let place = match value.plain(self.text) {
            Some(plain) => plain,
            None => value.range(),
        };
        self.add(index, value, symbol, role, place);
    }

    fn symbol(&self, index: usize, kind: &'static str, name: String) -> Symbol {
        let top = self.nodes.list.get(self.nodes.top(index));
        let is_local = kind.contains('.')
            || kind == VARIABLE && top.is_some_and(|top| is_of_section(top, &name));
        Symbol {
            kind,
            name,
            section: top.filter(|_| is_local).map(|top| top.range.start),
        }
    }

    fn add(&mut self, node: usize, word: Word, symbol: Symbol, role: Use, place: Range<usize>) {
        if symbol.name.is_empty() {
            return;
        }
        self.found.push(Occurrence {
            symbol,
            role,
            place,
            word,
            node,
        });
    }
}

/// The kind of the sections whose names stand behind a variable: `source` for `{source.NAME.rev}`.
fn named_by_variable(variable: &str) -> Option<&'static str> {
    let model = Model::get();
    let mut sections = model.root().members.iter();
    let section = sections.find(|member| {
        member.role == Role::List && member.naming.variable.as_deref() == Some(variable)
    })?;
    let Kind::Shape(shape) = section.kind else {
        return None;
    };
    model
        .shape(shape)
        .with_role(Role::Arg)?
        .naming
        .names
        .as_deref()
}

/// Whether a variable stands for something of one section, of which there may be several.
fn is_of_section(top: &Node, variable: &str) -> bool {
    let is_repeated = top.member.is_some_and(|member| member.role == Role::List);
    is_repeated
        && top.shape.is_some_and(|shape| {
            let mut members = shape.members.iter();
            members.any(|member| member.naming.variable.as_deref() == Some(variable))
        })
}

/// Words of a command or of a list, without the signs that a shell reads.
fn words(value: Word, text: &str) -> Vec<Range<usize>> {
    let range = value.plain(text).unwrap_or(value.range());
    let inside = text.get(range.clone()).unwrap_or_default();
    let is_part = |sign: char| sign.is_alphanumeric() || "/._+@:%~=-".contains(sign);
    let mut words = Vec::new();
    let mut start = None;
    for (at, sign) in inside.char_indices().chain([(inside.len(), ' ')]) {
        match (start, is_part(sign)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                words.push(range.start + from..range.start + at);
                start = None;
            }
            _ => {}
        }
    }
    words
}
