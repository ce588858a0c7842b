//! Nodes to values, by the model: which argument, property or child is which member.
//!
//! Comes in: a document. Goes out: one [`SpannedValue`] for the whole manifest, with poisoned parts where something was
//! wrong, and a diagnostic for each of those. Says nothing about values beyond their type.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::model::{Kind, Member, Model, Role, Scalar, Shape};
use super::problems;
use super::secret::{self, SecretForm};
use super::value::{Data, SpannedValue};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::source::Span;
use crate::syntax::{Document, Entry, Node, Value};

/// The values of a document and the names of sections in which something is wrong.
pub(super) struct Lowered {
    pub(super) root: SpannedValue,
    pub(super) damaged: BTreeSet<String>,
}

/// Lowers a whole document.
pub(super) fn lower(model: &Model, document: &Document, sink: &mut Diagnostics) -> Lowered {
    let mut lowering = Lowering {
        model,
        top: &document.nodes,
        sink,
        poisoned: 0,
    };
    let mut members = IndexMap::new();
    let mut first = IndexMap::new();
    let mut damaged: BTreeSet<String> = document
        .broken
        .iter()
        .map(|name| name.value.clone())
        .collect();
    if document.unreadable {
        damaged.extend(model.root().children().map(str::to_owned));
    }
    for node in &document.nodes {
        let before = lowering.sink.len() + lowering.poisoned;
        lowering.child(model.root(), None, node, &mut members, &mut first);
        if lowering.sink.len() + lowering.poisoned > before || node.damaged {
            let name = &node.name.value;
            // A misspelt section is not missing as well.
            damaged.extend(nearest(name, model.root().children()).map(str::to_owned));
            damaged.insert(name.clone());
        }
    }
    let span = Span::new(document.source, 0, 0);
    Lowered {
        root: SpannedValue::new(span, Data::Map(members)),
        damaged,
    }
}

type Members = IndexMap<String, SpannedValue>;

struct Lowering<'a> {
    model: &'a Model,
    /// The nodes that have no parent.
    top: &'a [Node],
    sink: &'a mut Diagnostics,
    /// How many values the parser had to leave open.
    poisoned: usize,
}

impl Lowering<'_> {
    fn report(&mut self, problem: Diagnostic) -> Data {
        self.sink.push(problem);
        Data::Poisoned
    }

    /// A node with members of its own.
    fn node(&mut self, shape: &Shape, node: &Node) -> SpannedValue {
        let mut members = Members::new();
        self.refuse_annotation(node.annotation.as_ref().map(|name| name.span));
        self.arguments(shape, node, &mut members);
        self.properties(shape, node, &mut members);
        let mut first = IndexMap::new();
        for child in node.children() {
            self.child(shape, Some(node), child, &mut members, &mut first);
        }
        for member in shape.members.iter().filter(|member| member.required) {
            if !members.contains_key(&member.name) {
                if !node.damaged {
                    self.sink.push(problems::missing(node, member));
                }
                let span = node.name.span;
                members.insert(member.name.clone(), SpannedValue::poisoned(span));
            }
        }
        SpannedValue::new(node.name.span, Data::Map(members))
    }

    fn refuse_annotation(&mut self, annotation: Option<Span>) {
        if let Some(span) = annotation {
            self.sink.push(problems::annotation(span));
        }
    }

    fn arguments(&mut self, shape: &Shape, node: &Node, members: &mut Members) {
        let mut arguments = node.arguments();
        if let Some(member) = shape.with_role(Role::Arg)
            && let Some(entry) = arguments.next()
        {
            let value = self.scalar(member, entry);
            members.insert(member.name.clone(), value);
        }
        let Some(member) = shape.with_role(Role::Args) else {
            for entry in arguments {
                self.sink.push(problems::extra_argument(shape, node, entry));
            }
            return;
        };
        let items: Vec<SpannedValue> = arguments.map(|entry| self.scalar(member, entry)).collect();
        if let Some(first) = items.first() {
            let list = SpannedValue::new(first.span, Data::List(items));
            members.insert(member.name.clone(), list);
        }
    }

    fn properties(&mut self, shape: &Shape, node: &Node, members: &mut Members) {
        let mut first: IndexMap<&str, &Entry> = IndexMap::new();
        for entry in &node.entries {
            let Some(key) = &entry.key else { continue };
            let member = shape
                .member(&key.value)
                .filter(|member| member.role == Role::Prop);
            let Some(member) = member else {
                let problem = problems::unknown_property(self.model, shape, node, entry, key);
                let is_word = entry.value.value == Value::Poisoned;
                // What was meant is there, if in the wrong form or misspelt: nobody should miss it.
                let near = || nearest(&key.value, shape.properties());
                let meant = shape
                    .member(&key.value)
                    .or_else(|| shape.member(near()?))
                    .or_else(|| shape.with_role(Role::Args));
                if let Some(meant) = meant {
                    members
                        .entry(meant.name.clone())
                        .or_insert_with(|| SpannedValue::poisoned(entry.span));
                }
                // A word with `=` that needs quotes for another reason, too, has been reported.
                if !is_word || shape.with_role(Role::Args).is_none() {
                    self.sink.push(problem);
                }
                continue;
            };
            if let Some(earlier) = first.get(key.value.as_str()) {
                self.sink
                    .push(problems::duplicate_property(earlier, entry, key));
                continue;
            }
            first.insert(&key.value, entry);
            let value = self.scalar(member, entry);
            members.insert(member.name.clone(), value);
        }
    }

    /// Puts a child node where it belongs among the members of its parent.
    fn child(
        &mut self,
        shape: &Shape,
        parent: Option<&Node>,
        node: &Node,
        members: &mut Members,
        first: &mut IndexMap<String, Span>,
    ) {
        let member = shape
            .member(&node.name.value)
            .filter(|member| member.role.is_child());
        let Some(member) = member else {
            let near = || nearest(&node.name.value, shape.children());
            let is_required = |member: &&Member| member.required && member.role == Role::Child;
            let meant = shape
                .member(&node.name.value)
                .filter(|member| member.role == Role::Prop)
                .or_else(|| shape.member(near()?).filter(is_required));
            if let Some(meant) = meant {
                members
                    .entry(meant.name.clone())
                    .or_insert_with(|| SpannedValue::poisoned(node.span));
            }
            let siblings = parent.map_or(self.top, Node::children);
            let problem = problems::unknown_node(self.model, shape, parent, siblings, node);
            self.sink.push(problem);
            return;
        };
        if matches!(member.role, Role::Child | Role::Flag) {
            if let Some(earlier) = first.get(&member.name) {
                self.sink.push(problems::duplicate_node(*earlier, node));
                return;
            }
            first.insert(member.name.clone(), node.name.span);
        }
        let value = match (member.role, &member.kind) {
            (Role::Flag, _) => self.flag(node),
            (Role::Words, _) => self.words(member, node),
            (Role::Pairs, _) => self.pairs(member, node),
            (_, Kind::Shape(index)) => self.node(self.model.shape(*index), node),
            (_, Kind::Scalar(_)) => self.single(member, node),
        };
        place(member, value, members);
    }

    /// A child with exactly one argument.
    fn single(&mut self, member: &Member, node: &Node) -> SpannedValue {
        self.plain(node, true);
        let mut arguments = node.arguments();
        let Some(entry) = arguments.next() else {
            if !node.damaged {
                self.sink.push(problems::missing_value(node, member));
            }
            return SpannedValue::poisoned(node.name.span);
        };
        for extra in arguments {
            self.sink
                .push(problems::second_value(node, member, entry, extra));
        }
        self.scalar(member, entry)
    }

    /// Complains about properties, children and annotations of a node that takes none.
    fn plain(&mut self, node: &Node, takes_arguments: bool) {
        self.refuse_annotation(node.annotation.as_ref().map(|name| name.span));
        for entry in &node.entries {
            if let Some(key) = &entry.key {
                if takes_arguments && entry.value.value == Value::Poisoned {
                    self.poisoned += 1;
                    continue;
                }
                self.sink
                    .push(problems::no_properties(node, entry, key, takes_arguments));
            }
        }
        if let Some(block) = &node.children {
            self.sink.push(problems::no_children(node, block));
        }
    }

    fn flag(&mut self, node: &Node) -> SpannedValue {
        self.plain(node, false);
        let mut arguments = node.arguments();
        let data = match arguments.next().map(|entry| (&entry.value.value, entry)) {
            None => Data::Truth(true),
            Some((Value::Bool(truth), _)) => Data::Truth(*truth),
            Some((Value::Poisoned, _)) => Data::Poisoned,
            Some((_, entry)) => self.report(problems::flag_argument(node, entry)),
        };
        for extra in arguments {
            self.sink.push(problems::flag_argument(node, extra));
        }
        SpannedValue::new(node.name.span, data)
    }

    fn words(&mut self, member: &Member, node: &Node) -> SpannedValue {
        self.plain(node, true);
        let items: Vec<SpannedValue> = node
            .arguments()
            .map(|entry| self.scalar(member, entry))
            .collect();
        if items.is_empty() && node.entries.is_empty() && !node.damaged {
            self.sink.push(problems::missing_value(node, member));
        }
        SpannedValue::new(node.name.span, Data::List(items))
    }

    fn pairs(&mut self, member: &Member, node: &Node) -> SpannedValue {
        self.refuse_annotation(node.annotation.as_ref().map(|name| name.span));
        let mut pairs = Members::new();
        let mut first: IndexMap<&str, &Entry> = IndexMap::new();
        for entry in &node.entries {
            let Some(key) = &entry.key else {
                self.sink.push(problems::not_a_pair(node, entry));
                continue;
            };
            if let Some(earlier) = first.get(key.value.as_str()) {
                self.sink
                    .push(problems::duplicate_property(earlier, entry, key));
                continue;
            }
            first.insert(&key.value, entry);
            let value = self.scalar(member, entry);
            pairs.insert(key.value.clone(), value);
        }
        if let Some(block) = &node.children {
            self.sink.push(problems::no_children(node, block));
        }
        if node.entries.is_empty() && !node.damaged {
            self.sink.push(problems::missing_value(node, member));
        }
        SpannedValue::new(node.name.span, Data::Map(pairs))
    }

    /// One value, if it is of the member's type.
    fn scalar(&mut self, member: &Member, entry: &Entry) -> SpannedValue {
        let span = entry.value.span;
        let Kind::Scalar(scalar) = &member.kind else {
            return SpannedValue::poisoned(span);
        };
        if let Scalar::Secret(form) = scalar {
            return SpannedValue::new(span, self.secret(member, *form, entry));
        }
        self.refuse_annotation(entry.annotation.as_ref().map(|name| name.span));
        let data = match (scalar, &entry.value.value) {
            (_, Value::Poisoned) => {
                self.poisoned += 1;
                Data::Poisoned
            }
            (Scalar::Text, Value::String(text)) => Data::Text(text.clone()),
            (Scalar::Choice(choices), Value::String(text)) => {
                if choices.iter().any(|(word, _)| word == text) {
                    Data::Text(text.clone())
                } else {
                    self.report(problems::not_a_choice(member, choices, text, span))
                }
            }
            (Scalar::Text | Scalar::Choice(_), Value::Integer(_) | Value::Float(_)) => {
                self.report(problems::quote_it(member, entry))
            }
            (Scalar::Number, Value::Integer(number)) => match i64::try_from(*number) {
                Ok(number) => Data::Number(number),
                Err(_) => self.report(problems::huge(member, entry)),
            },
            (Scalar::Truth, Value::Bool(truth)) => Data::Truth(*truth),
            _ => self.report(problems::wrong_type(member, scalar, entry)),
        };
        SpannedValue::new(span, data)
    }

    /// A text that may have secrets in it.
    fn text(&mut self, member: &Member, entry: &Entry) -> Data {
        match &entry.value.value {
            Value::String(text) => Data::Text(text.clone()),
            Value::Integer(_) | Value::Float(_) => self.report(problems::quote_it(member, entry)),
            _ => self.report(problems::wrong_type(member, &Scalar::Text, entry)),
        }
    }

    /// Where a secret is read; the secret itself is refused, and no message repeats it.
    fn secret(&mut self, member: &Member, form: SecretForm, entry: &Entry) -> Data {
        let text = match &entry.value.value {
            Value::Poisoned => {
                self.poisoned += 1;
                return Data::Poisoned;
            }
            Value::String(text) => text.as_str(),
            _ => "",
        };
        match &entry.annotation {
            Some(annotation) if annotation.value != "env" => {
                self.report(problems::secret_annotation(member, annotation))
            }
            Some(_) if crate::zinit::is_environment_name(text) => {
                Data::Text(secret::from_environment(text))
            }
            Some(_) => self.report(problems::bad_variable(entry)),
            None if form == SecretForm::Key && secret::is_path(text) => Data::Text(text.to_owned()),
            None if form == SecretForm::Text => self.text(member, entry),
            None => {
                let span = entry.value.span;
                self.report(problems::literal_secret(
                    self.model, member, form, text, span,
                ))
            }
        }
    }
}

/// Puts a child's value among the members: gathered or alone, as its role says.
fn place(member: &Member, value: SpannedValue, members: &mut Members) {
    let span = value.span;
    match (member.role, value.data) {
        (Role::List, data) => {
            let empty = || SpannedValue::new(span, Data::List(Vec::new()));
            let list = members.entry(member.name.clone()).or_insert_with(empty);
            if let Data::List(items) = &mut list.data {
                items.push(SpannedValue::new(span, data));
            }
        }
        (_, Data::List(more)) => {
            let empty = || SpannedValue::new(span, Data::List(Vec::new()));
            let list = members.entry(member.name.clone()).or_insert_with(empty);
            if let Data::List(items) = &mut list.data {
                items.extend(more);
            }
        }
        (Role::Pairs, Data::Map(more)) => {
            let empty = || SpannedValue::new(span, Data::Map(Members::new()));
            let map = members.entry(member.name.clone()).or_insert_with(empty);
            if let Data::Map(pairs) = &mut map.data {
                pairs.extend(more);
            }
        }
        (_, data) => {
            members.insert(member.name.clone(), SpannedValue::new(span, data));
        }
    }
}
