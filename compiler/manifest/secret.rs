//! Secrets: never written in a manifest, only where they are read.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands before the name of an environment variable in the projection, and as an annotation in KDL.
const ENVIRONMENT: &str = "(env)";

/// Where a secret is read, at the moment of its use.
///
/// A field of this type takes `(env)NAME` alone; with `extend("x-secret" = "key")` it takes the path of a file or a
/// `pkcs11:` address as well. The secret itself is in none of these values, so they may be shown; they are part of no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable with this name.
    Environment(String),
    /// A file, relative to the manifest.
    File(String),
    /// A key that a token keeps: a `pkcs11:` address.
    Token(String),
}

/// What a secret may be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// `(env)NAME`.
    Environment,
    /// `(env)NAME`, a path, or a `pkcs11:` address.
    Key,
    /// Any text, in which `(env)NAME` stands for a variable.
    Text,
}

impl SecretForm {
    /// The form with this name in the schema.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "key" => Self::Key,
            "text" => Self::Text,
            _ => Self::Environment,
        }
    }

    /// A value as people write it.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Environment => "(env)NAME",
            Self::Key => "(env)NAME|\"PATH\"|\"pkcs11:…\"",
            Self::Text => "\"…(env)NAME…\"",
        }
    }
}

/// The projection of a secret that an environment variable holds.
pub(super) fn from_environment(name: &str) -> String {
    format!("{ENVIRONMENT}{name}")
}

/// The name of the variable in a text such as `(env)NAME`, `$NAME`, `${NAME}` or `env:NAME`, or in one that looks like such a name.
pub(super) fn meant_variable(text: &str) -> Option<&str> {
    let marked = [(ENVIRONMENT, ""), ("${", "}"), ("$", ""), ("env:", "")]
        .into_iter()
        .find_map(|(before, after)| text.strip_prefix(before)?.strip_suffix(after));
    let name = marked.unwrap_or(text);
    let looks_like_one = name.contains('_') && !name.chars().any(char::is_lowercase);
    let sound = crate::zinit::is_environment_name(name);
    (sound && (marked.is_some() || looks_like_one)).then_some(name)
}

/// Whether a text can be a path or an address: a key itself, or the name of a variable, is neither.
pub(super) fn is_path(text: &str) -> bool {
    let is_key = text.contains("-----BEGIN") || text.contains('\n');
    !text.is_empty() && !is_key && meant_variable(text).is_none()
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Environment(name) => serializer.serialize_str(&from_environment(name)),
            Self::File(text) | Self::Token(text) => serializer.serialize_str(text),
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        match text.strip_prefix(ENVIRONMENT) {
            Some(name) => Self::Environment(name.to_owned()),
            None if text.starts_with("pkcs11:") => Self::Token(text),
            None => Self::File(text),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(formatter, "{ENVIRONMENT}{name}"),
            Self::File(text) | Self::Token(text) => formatter.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-secret": "environment" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_recognised_and_values_are_not_taken_for_them() {
        for text in [
            "(env)S3_KEY",
            "$S3_KEY",
            "${S3_KEY}",
            "env:S3_KEY",
            "S3_KEY",
        ] {
            assert_eq!(meant_variable(text), Some("S3_KEY"), "{text}");
        }
        assert_eq!(meant_variable("$key"), Some("key"));
        for text in ["hunter2", "AKIAIOSFODNN7EXAMPLE", "${S3_KEY", "$", "a_b"] {
            assert_eq!(meant_variable(text), None, "{text}");
        }
    }

    #[test]
    fn a_secret_is_shown_as_it_is_written() {
        for text in ["(env)NAME", "keys/db.key", "pkcs11:object=db"] {
            assert_eq!(Secret::from(text.to_owned()).to_string(), text);
        }
        assert_eq!(
            Secret::from("pkcs11:object=db".to_owned()),
            Secret::Token("pkcs11:object=db".to_owned())
        );
    }
}
