//! A manifest between KDL and types: JSON's shape, every value with its span.

use indexmap::IndexMap;
use serde_json::Value;

use crate::source::Span;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpannedValue {
    /// The value's place; for a node with members, its name's.
    pub(super) span: Span,
    /// The value.
    pub(super) data: Data,
}

/// The value itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A truth value.
    Truth(bool),
    /// Values in order.
    List(Vec<SpannedValue>),
    /// Members by name.
    Map(IndexMap<String, SpannedValue>),
    /// Something was here that has been reported.
    Poisoned,
}

impl SpannedValue {
    pub(super) fn new(span: Span, data: Data) -> Self {
        Self { span, data }
    }

    /// A place without a usable value.
    pub(super) fn poisoned(span: Span) -> Self {
        Self::new(span, Data::Poisoned)
    }

    /// The value as JSON. Poisoned parts must have been pruned.
    pub(super) fn project(&self) -> Value {
        match &self.data {
            Data::Text(text) => Value::String(text.clone()),
            Data::Number(number) => Value::from(*number),
            Data::Truth(truth) => Value::Bool(*truth),
            Data::List(items) => Value::Array(items.iter().map(Self::project).collect()),
            Data::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, member)| (name.clone(), member.project()))
                    .collect(),
            ),
            Data::Poisoned => Value::Null,
        }
    }

    /// The part at a path of names and indices.
    pub(super) fn at_mut<'a>(
        &mut self,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Option<&mut Self> {
        let mut value = self;
        for step in path {
            value = match &mut value.data {
                Data::List(items) => items.get_mut(step.parse::<usize>().ok()?)?,
                Data::Map(members) => members.get_mut(step)?,
                _ => return None,
            };
        }
        Some(value)
    }
}
