//! Values to types, through serde, with spans kept.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::value::{Data, SpannedValue};
use crate::source::SPANNED_MARKER;

/// Why a value did not decode: the schema and the types disagree, which a test refutes.
pub(super) type Error = de::value::Error;

impl<'de> IntoDeserializer<'de, Error> for &'de SpannedValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de SpannedValue {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.data {
            Data::Text(text) => visitor.visit_borrowed_str(text),
            Data::Number(number) => visitor.visit_i64(*number),
            Data::Truth(truth) => visitor.visit_bool(*truth),
            Data::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Data::Map(members) => visitor.visit_map(MapDeserializer::new(
                members.iter().map(|(name, member)| (name.as_str(), member)),
            )),
            Data::Poisoned => visitor.visit_unit(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.data {
            Data::Poisoned => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name != SPANNED_MARKER {
            return self.deserialize_any(visitor);
        }
        let parts = [
            Part::Number(self.span.source.0),
            Part::Number(self.span.start),
            Part::Number(self.span.end),
            Part::Value(self),
        ];
        visitor.visit_seq(SeqDeserializer::new(parts.into_iter()))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.data {
            Data::Text(word) => visitor.visit_enum(word.as_str().into_deserializer()),
            _ => Err(de::Error::custom("an enum is a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple map struct identifier ignored_any
    }
}

/// One of the four parts of a spanned value.
enum Part<'de> {
    Number(u32),
    Value(&'de SpannedValue),
}

impl<'de> IntoDeserializer<'de, Error> for Part<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Part<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Number(number) => visitor.visit_u32(number),
            Self::Value(value) => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Number(number) => visitor.visit_u32(number),
            Self::Value(value) => value.deserialize_option(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Number(number) => visitor.visit_u32(number),
            Self::Value(value) => value.deserialize_tuple_struct(name, length, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Number(number) => visitor.visit_u32(number),
            Self::Value(value) => value.deserialize_enum(name, variants, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple map struct identifier ignored_any
    }
}
