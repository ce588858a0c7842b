//! Source texts and places in them.
//!
//! Comes in: texts with their names. Goes out: [`Span`]s, which are three integers and therefore cheap to
//! keep on every value, and the lines and columns a reader wants. Never opens a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// The index of a text in a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A range of bytes in one source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text the range lies in.
    pub source: SourceId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// A span over `start..end` of `source`.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        Self {
            source,
            start: start as u32,
            end: end.max(start) as u32,
        }
    }

    /// The empty place behind it, where something can be inserted.
    pub fn behind(self) -> Self {
        Self {
            start: self.end,
            ..self
        }
    }

    /// The range as indices into the text.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The key under which a place is serialised, as a list of source, start and end.
pub const PLACE_KEY: &str = "$place";
/// The key beside [`PLACE_KEY`] under which the value that stands there is serialised.
pub const VALUE_KEY: &str = "$value";

impl Span {
    fn numbers(self) -> [u32; 3] {
        [self.source.0, self.start, self.end]
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(PLACE_KEY, &self.numbers())?;
        map.end()
    }
}

/// A value and the place in a manifest where it was written.
///
/// Equality, order and hash look at the value alone.
#[derive(Clone, Copy)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Pairs a value with its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Borrows the value and keeps the place.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned {
            value: &self.value,
            span: self.span,
        }
    }

    /// Transforms the value and keeps the place.
    pub fn map<U>(self, transform: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: transform(self.value),
            span: self.span,
        }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: PartialOrd> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

/// The tuple-struct name by which a deserializer recognises a [`Spanned`] value.
///
/// The deserializer answers with a sequence of four: source, start, end (each `u32`), value.
pub const SPANNED_MARKER: &str = "$zosc::Spanned";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpannedVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
            type Value = Spanned<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value with its span")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let missing = || de::Error::custom("a spanned value has four parts");
                let source = seq.next_element::<u32>()?.ok_or_else(missing)?;
                let start = seq.next_element::<u32>()?.ok_or_else(missing)?;
                let end = seq.next_element::<u32>()?.ok_or_else(missing)?;
                let value = seq.next_element::<T>()?.ok_or_else(missing)?;
                Ok(Spanned {
                    value,
                    span: Span {
                        source: SourceId(source),
                        start,
                        end,
                    },
                })
            }
        }

        deserializer.deserialize_tuple_struct(
            SPANNED_MARKER,
            4,
            SpannedVisitor(std::marker::PhantomData),
        )
    }
}

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(PLACE_KEY, &self.span.numbers())?;
        map.serialize_entry(VALUE_KEY, &self.value)?;
        map.end()
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// One source text.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as the user gave it, or `std:…` for a text that ships with zosc.
    pub name: String,
    /// The absolute path of the file that it was read from, where it was.
    pub file: Option<PathBuf>,
    /// The text itself.
    pub text: Arc<str>,
}

/// A place as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

/// Every text that took part in one run of the compiler, in the order of its loading.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        self.push(Source {
            name: name.into(),
            file: None,
            text: text.into(),
        })
    }

    /// Adds the text of a file and returns its id.
    pub fn add_file(
        &mut self,
        name: impl Into<String>,
        file: &Path,
        text: impl Into<Arc<str>>,
    ) -> SourceId {
        self.push(Source {
            name: name.into(),
            file: Some(file.to_owned()),
            text: text.into(),
        })
    }

    fn push(&mut self, source: Source) -> SourceId {
        self.sources.push(source);
        SourceId(self.sources.len() as u32 - 1)
    }

    /// The text with this id.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    /// All texts with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.sources
            .iter()
            .enumerate()
            .map(|(index, source)| (SourceId(index as u32), source))
    }

    /// The same texts with asterisks in the place of what these spans cover; every place stays where it is.
    pub fn without(&self, spans: &[Span]) -> Self {
        let mut all = self.clone();
        for span in spans {
            let Some(source) = all.sources.get_mut(span.source.0 as usize) else {
                continue;
            };
            let range = span.range();
            let parts = (source.text.get(..range.start), source.text.get(range.end..));
            if let (Some(before), Some(behind)) = parts {
                let covered = "*".repeat(range.len());
                source.text = format!("{before}{covered}{behind}").into();
            }
        }
        all
    }

    /// The part of the text that a span covers; empty when the span lies outside it.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source)
            .and_then(|source| source.text.get(span.range()))
            .unwrap_or("")
    }

    /// The line and column at which a span starts.
    pub fn position(&self, span: Span) -> Position {
        let text = self.get(span.source).map_or("", |source| &source.text);
        let mut start = (span.start as usize).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut sources = SourceMap::new();
        let id = sources.add("zos.kdl", "edition 1\nimage \"zos\u{e9}\" x");
        let x = Span::new(id, "edition 1\nimage \"zos\u{e9}\" ".len(), 24);
        assert_eq!(
            sources.position(x),
            Position {
                line: 2,
                column: 14
            }
        );
    }

    #[test]
    fn a_span_outside_its_text_is_harmless() {
        let mut sources = SourceMap::new();
        let id = sources.add("zos.kdl", "x");
        assert_eq!(sources.slice(Span::new(id, 5, 9)), "");
        assert_eq!(
            sources.position(Span::new(id, 5, 9)),
            Position { line: 1, column: 2 }
        );
    }
}
