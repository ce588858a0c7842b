//! Names that the manifest itself has: units, toolchains, groups, programs, tags, environment variables.
//!
//! Which values are names the model says (`x-names`, `x-declares`, `x-implies`); where they stand is read from the texts as they are, so that
//! a name is known before the text around it is right.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::manifest::model::Member;

use super::super::names::{Occurrence, Use, occurrences_in};
use super::super::protocol::CompletionItemKind;
use super::super::sketch::{Node, Sketch, plain};
use super::list::{Ctx, List};
use super::proposal::{Proposal, Rank};
use super::values::piece;

/// The children of a unit for which it waits.
const WAITS_FOR: [&str; 3] = ["requires", "after", "wants"];
/// What stands in front of a variable's name.
const ENVIRONMENT: &str = "env";

impl Ctx<'_> {
    /// Names of a kind, without those that are there. One with a dot is known inside its section alone.
    pub(super) fn declared(&self, kind: &str, list: &mut List) {
        let taken = self.taken(list);
        for name in self.names_of(kind) {
            if !taken.contains(name.as_str()) {
                list.push(Proposal::value(name, CompletionItemKind::Reference));
            }
        }
    }

    /// Numbers of the kind that a member refers to.
    pub(super) fn declared_numbers(&self, member: &Member, list: &mut List) {
        let kind = member.naming.refers.as_deref();
        for number in kind.into_iter().flat_map(|kind| self.names_of(kind)) {
            list.push(piece(&number, CompletionItemKind::Reference));
        }
    }

    fn names_of(&self, kind: &str) -> BTreeSet<String> {
        let top = self.cursor.path.first();
        let top = top.and_then(|index| self.cursor.sketch.node(*index));
        let section = top
            .filter(|_| kind.contains('.'))
            .map(|top| top.range.start);
        let texts = self.occurrences().iter();
        // Those of a section are in the text of the editor, which is the first one.
        let texts = texts.take(if kind.contains('.') { 1 } else { usize::MAX });
        let introduced = texts.flatten().filter(|occurrence| {
            let symbol = &occurrence.symbol;
            let introduces =
                occurrence.role.is_declaration() || matches!(occurrence.role, Use::Implies(_));
            introduces && symbol.kind == kind && symbol.section == section
        });
        introduced
            .map(|occurrence| occurrence.symbol.name.clone())
            .collect()
    }

    /// The names in each text, read once.
    fn occurrences(&self) -> &[Vec<Occurrence>] {
        self.occurrences.get_or_init(|| {
            let texts = self.texts().into_iter();
            texts.map(|(text, _)| occurrences_in(text)).collect()
        })
    }

    /// Units that the one at the cursor may wait for; those that wait for it already come last.
    pub(super) fn unit_names(&self, list: &mut List) {
        let own = self
            .cursor
            .parent()
            .and_then(|index| self.cursor.sketch.node(index));
        let own = own.and_then(|node| node.arguments(self.text()).next());
        let own = own.unwrap_or_default();
        let edge = self.cursor.current().map(|node| node.name(self.text()));
        let waits = edge.is_some_and(|edge| WAITS_FOR.contains(&edge.as_ref()));
        let taken = self.taken(list);
        let units = self.units();
        for (name, unit) in &units {
            if *name == own || taken.contains(name.as_str()) {
                continue;
            }
            let proposal = Proposal::value(name, CompletionItemKind::Reference);
            list.push(if waits && reaches(&units, name, &own) {
                let detail = format!("waits for `{own}` already");
                proposal.detail(detail).ranked(Rank::Last)
            } else if unit.off {
                proposal.detail("switched off").ranked(Rank::Late)
            } else {
                proposal.detail(&unit.what)
            });
        }
    }

    /// What a boot may be expected to show.
    pub(super) fn expectations(&self, list: &mut List) {
        for (name, unit) in self.units().iter().filter(|(_, unit)| !unit.off) {
            let state = if unit.what == "oneshot" {
                "success"
            } else {
                "running"
            };
            let words = format!("unit {name} {state}");
            list.push(Proposal::value(words, CompletionItemKind::Reference).detail(&unit.what));
        }
    }

    fn units(&self) -> BTreeMap<String, Unit> {
        let mut units = BTreeMap::new();
        for (text, sketch) in self.texts() {
            let all = sketch.children(None).filter(|node| !node.slashed);
            for node in all.filter(|node| node.name(text) == "unit") {
                if let Some(name) = node.arguments(text).next() {
                    units.insert(name.into_owned(), Unit::of(node, text, &sketch));
                }
            }
        }
        for name in self.names_of("unit") {
            units.entry(name).or_default();
        }
        units
    }

    /// Names of environment variables: those that the manifest reads elsewhere, and what the member has as examples.
    pub(super) fn variable_names(&self, member: &Member) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (text, sketch) in self.texts() {
            let word =
                |range: &std::ops::Range<usize>| plain(text.get(range.clone()).unwrap_or_default());
            let entries = sketch.nodes.iter().flat_map(|node| &node.entries);
            for entry in entries {
                let is_variable = entry
                    .annotation
                    .as_ref()
                    .is_some_and(|range| word(range) == ENVIRONMENT);
                let value = entry
                    .value
                    .as_ref()
                    .filter(|value| is_variable && !self.is_at(text, value));
                names.extend(value.map(|value| word(value).into_owned()));
            }
        }
        let examples = member.examples.iter().filter_map(Value::as_str);
        names
            .extend(examples.filter_map(|example| Some(example.strip_prefix("(env)")?.to_owned())));
        names.retain(|name| crate::zinit::is_environment_name(name));
        names
    }

    /// Whether a range of a text is the word at the cursor.
    fn is_at(&self, text: &str, range: &std::ops::Range<usize>) -> bool {
        std::ptr::eq(text, self.text()) && self.cursor.word == *range
    }

    /// The names of environment variables behind `(env)`.
    pub(super) fn environment(&self, member: &Member, list: &mut List) {
        for name in self.variable_names(member) {
            list.push(Proposal::value(name, CompletionItemKind::Variable));
        }
    }
}

/// What is known of a unit from its text.
#[derive(Debug, Default)]
struct Unit {
    waits_for: Vec<String>,
    what: String,
    off: bool,
}

impl Unit {
    fn of(node: &Node, text: &str, sketch: &Sketch) -> Self {
        let mut unit = Self::default();
        let children = node.children.iter().filter_map(|index| sketch.node(*index));
        for child in children.filter(|child| !child.slashed) {
            let name = child.name(text);
            match name.as_ref() {
                "disabled" => unit.off = true,
                "oneshot" | "target" | "external" => unit.what = name.into_owned(),
                "exec" | "shell" if unit.what.is_empty() => {
                    unit.what = child
                        .arguments(text)
                        .next()
                        .unwrap_or_default()
                        .into_owned();
                }
                edge if WAITS_FOR.contains(&edge) => {
                    let names = child.arguments(text).map(std::borrow::Cow::into_owned);
                    unit.waits_for.extend(names);
                }
                _ => {}
            }
        }
        unit
    }
}

/// Whether a unit waits, by way of others, for one with this name.
fn reaches(units: &BTreeMap<String, Unit>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        let next = units.get(name).map_or(&[][..], |unit| &unit.waits_for);
        for next in next {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}
