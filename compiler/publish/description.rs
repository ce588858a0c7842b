//! What is known of a published EFI program beside its bytes: the file `NAME.efi.json` next to it.
//!
//! A description comes from a place that others write to. So it is read with a limit, its texts are cut to a line, and it counts only
//! for the bytes that it is about: those of its size and, where the server has one, of its tag.

use serde::{Deserialize, Deserializer, Serialize};

use crate::tree::Digest;

/// What follows the name of a program in the name of its description.
pub const ENDING: &str = ".json";

/// The largest description that is read.
pub const LARGEST: u64 = 64 << 10;

/// The longest text that is taken from one.
const LONGEST: usize = 256;

/// What is known of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Its digest.
    pub sha256: Digest,
    /// Its bytes.
    pub size: u64,
    /// How the server knew these bytes when they were described.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub tag: Option<String>,
    /// The name of the image.
    #[serde(default, deserialize_with = "line")]
    pub image: String,
    /// The version of the image; empty where it has none.
    #[serde(default, deserialize_with = "line")]
    pub version: String,
    /// The release of the kernel in it.
    #[serde(default, deserialize_with = "line")]
    pub kernel: String,
    /// The digest of what went into the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<Digest>,
    /// Of a name that always stands for the newest program: the versioned name of that.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub stands_for: Option<String>,
    /// Whether the name is meant to go on standing for these bytes.
    #[serde(default)]
    pub versioned: bool,
    /// The zosc that published it.
    #[serde(default, deserialize_with = "line")]
    pub zosc: String,
}

impl Description {
    /// Reads a description; `None` where it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The description as a file.
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("names and numbers are always JSON") + "\n"
    }

    /// Whether it is about bytes of this size and tag.
    pub fn is_about(&self, size: u64, tag: Option<&str>) -> bool {
        let same_tag = match (self.tag.as_deref(), tag) {
            (Some(described), Some(now)) => described == now,
            _ => true,
        };
        self.size == size && same_tag
    }

    /// Whether it says of a program what another says, whatever tags servers have for it.
    pub fn says(&self, other: &Self) -> bool {
        Self {
            tag: other.tag.clone(),
            ..self.clone()
        } == *other
    }
}

/// A text of one line that is not too long for one.
fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let printable = text.chars().filter(|sign| !sign.is_control());
    Ok(printable.take(LONGEST).collect())
}

fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    line(deserializer).map(|text| Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        Description {
            sha256: Digest::of(b"program"),
            size: 7,
            tag: Some("\"abc\"".to_owned()),
            image: "zos".to_owned(),
            version: "1.0".to_owned(),
            kernel: "6.12.44".to_owned(),
            build_id: Some(Digest::of(b"image")),
            stands_for: None,
            versioned: true,
            zosc: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let description = description();
        assert_eq!(
            Description::read(description.text().as_bytes()),
            Some(description)
        );
    }

    #[test]
    fn a_description_counts_for_the_bytes_that_it_is_about() {
        let described = description();
        assert!(described.is_about(7, Some("\"abc\"")) && described.is_about(7, None));
        assert!(!described.is_about(8, Some("\"abc\"")) && !described.is_about(7, Some("\"b\"")));
        let elsewhere = Description {
            tag: None,
            ..description()
        };
        assert!(described.says(&elsewhere) && elsewhere.is_about(7, Some("\"b\"")));
    }

    #[test]
    fn texts_of_others_are_lines_of_bounded_length() {
        let digest = Digest::of(b"");
        let long = "x".repeat(10_000);
        let text = format!(
            r#"{{"sha256":"{digest}","size":1,"image":"a\nb\u0000c","version":"{long}","more":[1]}}"#
        );
        let read = Description::read(text.as_bytes()).expect("reads");
        assert_eq!((read.image.as_str(), read.version.len()), ("abc", LONGEST));
        assert_eq!(read.tag, None);
        for odd in ["", "[]", "{}", r#"{"sha256":"xyz","size":1}"#, "{\"size\":"] {
            assert_eq!(Description::read(odd.as_bytes()), None, "{odd}");
        }
    }
}
