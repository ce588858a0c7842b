//! The form in which any two things are compared: sections of named things, each with named facts.
//!
//! A manifest, a lock, a plan and an image all become [`Facts`]; only this form is compared. Whatever order does not matter
//! has none here, and what does is kept beside the things as the order of their names.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::Span;

/// Everything that is known of one side.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    sections: BTreeMap<Heading, Section>,
}

/// A section's place among the others, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Heading {
    rank: usize,
    name: String,
}

/// Things of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    pub(super) things: BTreeMap<String, Thing>,
    /// Lists whose order counts, with the names of their things.
    pub(super) orders: BTreeMap<String, Vec<String>>,
}

/// Something with a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Thing {
    /// Where it is written.
    pub(super) place: Option<Span>,
    pub(super) fields: BTreeMap<String, Field>,
}

/// One fact of a thing.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) value: Value,
    /// Where it is written.
    pub(super) place: Option<Span>,
    pub(super) kind: FieldKind,
}

/// What a fact means to a comparison and to those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldKind {
    /// A value like any other.
    #[default]
    Plain,
    /// A version in apk's order.
    Version,
    /// A number of bytes.
    Bytes,
    /// What follows from other facts most of the time, and is shown only where it stands alone.
    Detail,
    /// The digest of a content that can be looked at.
    Content,
    /// What explains a thing and is no difference by itself.
    Note,
}

impl Facts {
    /// A section; `rank` is its place among the others.
    pub(super) fn section(&mut self, rank: usize, name: &str) -> &mut Section {
        let heading = Heading {
            rank,
            name: name.to_owned(),
        };
        self.sections.entry(heading).or_default()
    }

    /// The sections of two sides, those of one name together, in order.
    pub(super) fn pairs<'a>(
        old: &'a Self,
        new: &'a Self,
    ) -> Vec<(&'a str, Option<&'a Section>, Option<&'a Section>)> {
        let headings: std::collections::BTreeSet<&Heading> =
            old.sections.keys().chain(new.sections.keys()).collect();
        headings
            .into_iter()
            .map(|heading| {
                let name = heading.name.as_str();
                (name, old.sections.get(heading), new.sections.get(heading))
            })
            .collect()
    }
}

impl Section {
    /// A thing, made where it is not there yet.
    pub(super) fn thing(&mut self, name: impl Into<String>) -> &mut Thing {
        self.things.entry(name.into()).or_default()
    }

    /// A name that no thing has yet: the name itself, or with a number behind it.
    pub(super) fn free_name(&self, name: &str) -> String {
        if !self.things.contains_key(name) {
            return name.to_owned();
        }
        let numbered = (2_u64..).map(|number| format!("{name} #{number}"));
        let mut free = numbered.filter(|name| !self.things.contains_key(name));
        free.next().expect("there are more numbers than things")
    }
}

impl Thing {
    /// Adds a fact of a kind.
    pub(super) fn set(&mut self, name: &str, kind: FieldKind, value: impl Into<Value>) {
        let field = Field {
            value: value.into(),
            place: None,
            kind,
        };
        self.fields.insert(name.to_owned(), field);
    }

    /// Adds a plain fact.
    pub(super) fn say(&mut self, name: &str, value: impl Into<Value>) {
        self.set(name, FieldKind::Plain, value);
    }

    /// Adds a plain fact where there is one.
    pub(super) fn say_maybe(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.say(name, value);
        }
    }
}
