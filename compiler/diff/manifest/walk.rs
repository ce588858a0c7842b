//! A serialised value as things and their facts.

use serde_json::{Map, Value};

use crate::source::{PLACE_KEY, SourceId, Span, VALUE_KEY};

use super::super::facts::{Field, FieldKind, Section};
use super::super::here::Here;
use super::{Each, Form, Of, Ordered};

/// Members whose name says nothing that their content does not.
const TRANSPARENT: [&str; 8] = [
    "from", "unit", "command", "root", "recipe", "content", "to", "what",
];
/// Members that tell things of a list apart, the best first.
const IDENTITIES: [&str; 9] = [
    "name",
    "to",
    "word",
    "embed",
    "what",
    "urls",
    "patterns",
    "reference",
    "s3",
];
/// Lists inside a section, and the word for one of their things.
const SINGULAR: [(&str, &str); 5] = [
    ("repositories", "repository"),
    ("keys", "key"),
    ("packages", "package"),
    ("disks", "disk"),
    ("patches", "patch"),
];
/// Lists inside a section whose order counts.
const ORDERED: [&str; 3] = ["repositories", "patches", "microcode"];
/// Members that count bytes.
const BYTES: [&str; 4] = ["memory", "disks", "max-initramfs", "max-efi"];

/// A value and where it is written.
struct Fact {
    value: Value,
    place: Option<Span>,
}

impl Fact {
    fn of(value: Value) -> Self {
        let Value::Object(mut map) = value else {
            return Self { value, place: None };
        };
        let place = map.get(PLACE_KEY).and_then(span);
        if let Some(value) = map.remove(VALUE_KEY) {
            return Self { value, place };
        }
        let place = map.get("span").and_then(place_alone);
        Self {
            value: Value::Object(map),
            place,
        }
    }
}

fn span(numbers: &Value) -> Option<Span> {
    let number = |index: usize| u32::try_from(numbers.get(index)?.as_u64()?).ok();
    Some(Span {
        source: SourceId(number(0)?),
        start: number(1)?,
        end: number(2)?,
    })
}

/// The place that a member is, where it is nothing else.
fn place_alone(value: &Value) -> Option<Span> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    span(map.get(PLACE_KEY)?)
}

/// Where a fact is put.
#[derive(Clone)]
struct At {
    /// The thing.
    thing: String,
    /// What comes before the names of things below it.
    above: String,
    /// The name of the field so far, without what says nothing.
    path: String,
    /// The name of the field so far, with everything.
    whole: String,
    place: Option<Span>,
}

impl At {
    fn new(thing: &str, above: &str) -> Self {
        Self {
            thing: thing.to_owned(),
            above: above.to_owned(),
            path: String::new(),
            whole: String::new(),
            place: None,
        }
    }

    fn below(&self, member: &str, place: Option<Span>) -> Self {
        Self {
            path: joined(&self.path, member),
            ..self.through(member, place)
        }
    }

    /// Below a member whose name is left out.
    fn through(&self, member: &str, place: Option<Span>) -> Self {
        Self {
            whole: joined(&self.whole, member),
            place: place.or(self.place),
            ..self.clone()
        }
    }
}

fn joined(path: &str, member: &str) -> String {
    if path.is_empty() {
        member.to_owned()
    } else {
        format!("{path}.{member}")
    }
}

/// A walk through one member of an image.
pub(super) struct Walk<'a> {
    /// Where its things go.
    pub(super) section: &'a mut Section,
    /// Where the manifest lies.
    pub(super) here: &'a Here,
}

impl Walk<'_> {
    /// Adds what a member of an image says.
    pub(super) fn member(&mut self, member: &str, form: Form, value: Value) {
        let fact = Fact::of(value);
        match (form, fact.value) {
            (Of(thing), value) => {
                let at = At::new(thing, "");
                // The members of a section of its own are not named after it.
                let own = value.is_object() && thing == member;
                let at = if own {
                    At {
                        place: fact.place,
                        ..at
                    }
                } else {
                    at.below(member, fact.place)
                };
                self.fact(&at, member, value);
            }
            (Each(word) | Ordered(word), Value::Array(list)) => {
                let names = self.list("", word, list);
                if matches!(form, Ordered(_)) {
                    self.section.orders.insert(word.to_owned(), names);
                }
            }
            (Each(word) | Ordered(word), Value::Object(map)) => {
                for (name, value) in map {
                    self.named(format!("{word} {name}"), Fact::of(value), None);
                }
            }
            (Each(_) | Ordered(_), value) => {
                let at = At::new(member, "").below(member, fact.place);
                self.fact(&at, member, value);
            }
        }
    }

    /// A thing with a name, and all that is known of it.
    fn named(&mut self, name: String, fact: Fact, place: Option<Span>) {
        let place = place.or(fact.place);
        self.section.thing(&name).place = place;
        let at = At {
            place,
            ..At::new(&name, &format!("{name} "))
        };
        self.fact(&at, "", fact.value);
    }

    /// A fact of a thing, whatever its form.
    fn fact(&mut self, at: &At, member: &str, value: Value) {
        match value {
            Value::Null => {}
            // What says nothing is as good as absent, but for the content of a file.
            Value::String(text) if text.is_empty() && member != "text" => {}
            Value::Object(map) if member == "compression" => {
                let parts = map.iter().map(|(name, settings)| {
                    let level = settings
                        .get("level")
                        .map_or(String::new(), Value::to_string);
                    format!("{name} level={level}")
                });
                let text = parts.collect::<Vec<_>>().join(" ");
                self.field(at, text.into());
            }
            Value::Object(map) => self.map(at, map, &[]),
            Value::Array(list) if list.is_empty() => {}
            Value::Array(list) if list.iter().all(is_pair) => {
                let mut names = Vec::new();
                for pair in list {
                    let name = pair.get(0).map_or(String::new(), words);
                    let value = pair.get(1).cloned().unwrap_or_default();
                    self.field(&at.below(&name, None), value);
                    names.push(name);
                }
                self.section.orders.insert(member.to_owned(), names);
            }
            Value::Array(list) if ORDERED.contains(&member) || are_things(at, &list) => {
                let word = SINGULAR.iter().find(|(name, _)| *name == member);
                let word = word.map_or(member, |(_, word)| word);
                let names = self.list(&at.above, word, list);
                if ORDERED.contains(&member) {
                    let order = format!("{}{member}", at.above);
                    self.section.orders.insert(order, names);
                }
            }
            Value::Array(list) => {
                let place = list.iter().find_map(|item| Fact::of(item.clone()).place);
                let list: Vec<Value> = list.into_iter().map(|item| self.bare(item)).collect();
                let at = At {
                    place: place.or(at.place),
                    ..at.clone()
                };
                self.field(&at, list.into());
            }
            scalar => {
                let scalar = match (member, scalar.as_u64()) {
                    ("mode", Some(mode)) => format!("{mode:04o}").into(),
                    ("epoch", Some(time)) => super::super::time(time).into(),
                    ("within", Some(time)) if time % 1000 == 0 => {
                        format!("{}s", time / 1000).into()
                    }
                    ("within", Some(time)) => format!("{time}ms").into(),
                    _ => self.bare(scalar),
                };
                // The words of a command line are looked at one by one.
                let line = scalar.as_str().filter(|_| member == "cmdline");
                let words = line.map(|line| line.split(' ').map(Value::from).collect());
                self.field(at, words.unwrap_or(scalar));
            }
        }
    }

    /// The members of a map; `beside` has the places that stand beside it, of its members.
    fn map(&mut self, at: &At, mut map: Map<String, Value>, beside: &[(&str, Span)]) {
        self.config(&mut map);
        let places = [("command", "command"), ("test", "test"), ("folder", "dir")];
        let inside: Vec<(&str, Span)> = places
            .into_iter()
            .filter_map(|(name, of)| Some((of, map.get(name).and_then(place_alone)?)))
            .collect();
        for (name, value) in map {
            if place_alone(&value).is_some() || name == PLACE_KEY {
                continue;
            }
            let fact = Fact::of(value);
            let known = beside.iter().find(|(of, _)| *of == name);
            let place = fact.place.or(known.map(|(_, place)| *place));
            match fact.value {
                Value::Object(members) if TRANSPARENT.contains(&name.as_str()) => {
                    let inner = at.through(&name, place);
                    // One member alone says which of several forms it is, and may have nothing else to say.
                    let mut forms = members.iter();
                    match (forms.next(), forms.next()) {
                        (Some((form, Value::Object(content))), None)
                            if !content.contains_key(VALUE_KEY) =>
                        {
                            self.field(&at.below(&name, place), form.as_str().into());
                            self.map(&inner.through(form, None), content.clone(), &inside);
                        }
                        _ => self.map(&inner, members, &inside),
                    }
                }
                value => self.fact(&at.below(&name, place), &name, value),
            }
        }
    }

    /// The symbols of a kernel's configuration are things, with the places where they were decided.
    fn config(&mut self, map: &mut Map<String, Value>) {
        let (Some(Value::Object(values)), Some(Value::Object(places))) =
            (map.get("values"), map.get("places"))
        else {
            return;
        };
        for (symbol, value) in values {
            let place = places.get(symbol).and_then(place_alone);
            let at = At::new(symbol, "").below("value", place);
            self.section.thing(symbol).place = place;
            let value = self.bare(value.clone());
            self.field(&at, value);
        }
        map.remove("values");
        map.remove("places");
    }

    /// The things of a list; their names.
    fn list(&mut self, above: &str, word: &str, list: Vec<Value>) -> Vec<String> {
        let mut names = Vec::new();
        for item in list {
            let mut fact = Fact::of(item);
            let (identity, place) = self.identity(&fact.value);
            take_identity(&mut fact.value);
            let name = format!("{above}{word} {identity}");
            let name = self.section.free_name(name.trim());
            names.push(name.clone());
            match fact.value {
                Value::Object(_) => self.named(name, fact, place),
                _ => self.section.thing(&name).place = fact.place,
            }
        }
        names
    }

    /// What tells a thing of a list from others, and where that is written.
    fn identity(&self, value: &Value) -> (String, Option<Span>) {
        let Value::Object(map) = value else {
            let first = value.as_array().and_then(|list| list.first());
            let fact = Fact::of(first.unwrap_or(value).clone());
            return (words(&self.bare(fact.value)), fact.place);
        };
        let named = IDENTITIES.iter().find_map(|name| map.get(*name));
        let inner = || map.get("unit").and_then(|unit| unit.get("name"));
        let Some(found) = named.or_else(inner) else {
            // A map of one: its member says what it is.
            let only = map.values().find(|value| value.is_object());
            return only.map_or_else(
                || (words(&self.bare(value.clone())), None),
                |value| self.identity(value),
            );
        };
        let fact = Fact::of(found.clone());
        let (text, place) = self.identity(&fact.value);
        let kind = map.get("kind").and_then(Value::as_str);
        let text = kind.map_or_else(|| text.clone(), |kind| format!("{kind} {text}"));
        (text, place.or(fact.place))
    }

    fn field(&mut self, at: &At, value: Value) {
        let fields = &mut self.section.thing(&at.thing).fields;
        let name = if fields.contains_key(&at.path) {
            &at.whole
        } else {
            &at.path
        };
        let kind = match name.as_str() {
            name if BYTES.contains(&name) => FieldKind::Bytes,
            // Units that are off are not part of an image.
            "enabled" => FieldKind::Detail,
            _ => FieldKind::Plain,
        };
        let field = Field {
            value,
            place: at.place,
            kind,
        };
        fields.insert(name.clone(), field);
    }

    /// A value without places, and without the folder that the manifest lies in.
    fn bare(&self, value: Value) -> Value {
        match Fact::of(value).value {
            Value::String(text) => Value::String(self.here.relative(&text)),
            Value::Array(list) => list.into_iter().map(|item| self.bare(item)).collect(),
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .filter(|(_, value)| place_alone(value).is_none())
                    .map(|(name, value)| (name, self.bare(value)))
                    .collect(),
            ),
            other => other,
        }
    }
}

/// Takes out the member that a thing is named after, where it is a word and nothing else.
fn take_identity(value: &mut Value) {
    let Value::Object(map) = value else { return };
    let Some(name) = IDENTITIES.into_iter().find(|name| map.contains_key(*name)) else {
        if let Some(unit) = map.get_mut("unit") {
            take_identity(unit);
        }
        return;
    };
    let is_word = |value: &Value| value.get(VALUE_KEY).unwrap_or(value).is_string();
    if map.get(name).is_some_and(is_word) {
        map.remove(name);
    }
}

/// Whether a list is one of things: of maps, or of words that stand in the section itself.
fn are_things(at: &At, list: &[Value]) -> bool {
    let is_map = |value: &Value| {
        let map = value.as_object();
        map.is_some_and(|map| map.get(VALUE_KEY).is_none_or(Value::is_object))
    };
    let is_word = |value: &Value| value.get(VALUE_KEY).is_some_and(Value::is_string);
    list.iter().all(is_map) || at.above.is_empty() && list.iter().all(is_word)
}

fn is_pair(value: &Value) -> bool {
    let list = value.as_array().filter(|list| list.len() == 2);
    list.is_some_and(|list| list.iter().all(Value::is_string))
}

/// A value as people read it in a name.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(map) => {
            let parts = map
                .iter()
                .map(|(name, value)| format!("{name} {}", words(value)));
            parts.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
