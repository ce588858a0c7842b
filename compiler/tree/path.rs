//! Paths inside an image: always absolute, always normal.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Why a text is no path inside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A component is `..`.
    #[error("the path steps out of its directory with `..`")]
    Escapes,
    /// A control character, which no package or manifest has a use for.
    #[error("the path holds a control character")]
    ControlCharacter,
    /// Longer than the kernel's `PATH_MAX` (4096 bytes) or a component longer than 255 bytes.
    #[error("the path is longer than Linux allows")]
    TooLong,
}

/// An absolute path inside an image, without `.`, `..`, repeated or trailing slashes.
///
/// Order is by component, so that a directory comes right before what it holds.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ImagePath(String);

impl ImagePath {
    /// The root directory.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Reads a path, absolute or relative to the root; `.` and doubled slashes are dropped.
    pub fn new(text: &str) -> Result<Self, PathError> {
        let mut normal = String::with_capacity(text.len() + 1);
        for component in text.split('/') {
            match component {
                "" | "." => {}
                ".." => return Err(PathError::Escapes),
                _ if component.chars().any(char::is_control) => {
                    return Err(PathError::ControlCharacter);
                }
                _ if component.len() > 255 => return Err(PathError::TooLong),
                _ => {
                    normal.push('/');
                    normal.push_str(component);
                }
            }
        }
        if normal.len() >= 4096 {
            return Err(PathError::TooLong);
        }
        Ok(if normal.is_empty() {
            Self::root()
        } else {
            Self(normal)
        })
    }

    /// The path below this one.
    pub fn join(&self, relative: &str) -> Result<Self, PathError> {
        Self::new(&format!("{}/{relative}", self.0))
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        match self.0.rfind('/') {
            Some(0) | None => Some(Self::root()),
            Some(slash) => Some(Self(self.0[..slash].to_owned())),
        }
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// Whether this path is `directory` or lies below it.
    pub fn starts_with(&self, directory: &Self) -> bool {
        directory.is_root()
            || self
                .0
                .strip_prefix(&directory.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The path with its leading slash: `/usr/bin/env`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading slash, as archives write it: `usr/bin/env`; empty for the root.
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// The components from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }
}

/// Whether a text is a plain name of one file: a single component, of signs that can be shown.
pub fn is_file_name(name: &str) -> bool {
    !name.contains('/')
        && ImagePath::new(name).is_ok_and(|path| path.relative() == name && !path.is_root())
}

impl Ord for ImagePath {
    /// By components: what is below a directory comes right after it. With `/` before every other byte, bytes tell that.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
        let (own, others) = (self.0.as_bytes(), other.0.as_bytes());
        let differ = own.iter().zip(others).find(|(own, other)| own != other);
        differ.map_or(own.len().cmp(&others.len()), |(own, other)| {
            rank(*own).cmp(&rank(*other))
        })
    }
}

impl PartialOrd for ImagePath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl JsonSchema for ImagePath {
    fn schema_name() -> Cow<'static, str> {
        "ImagePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An absolute path inside an image.",
            "type": "string",
            "pattern": "^/",
        })
    }
}

impl Serialize for ImagePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImagePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal_and_stay_inside() {
        assert_eq!(
            ImagePath::new("usr//bin/./env/").map(|p| p.to_string()),
            Ok("/usr/bin/env".into())
        );
        assert_eq!(ImagePath::new("").map(|p| p.to_string()), Ok("/".into()));
        assert_eq!(ImagePath::new("a/../b"), Err(PathError::Escapes));
        assert_eq!(ImagePath::new("a\nb"), Err(PathError::ControlCharacter));
        assert_eq!(ImagePath::new(&"x/".repeat(3000)), Err(PathError::TooLong));
    }

    #[test]
    fn a_file_name_is_one_component() {
        let names = ["", ".", "..", "a/b", "/a", "a/", "a\nb"];
        assert!(names.iter().all(|name| !is_file_name(name)));
        assert!(is_file_name("a b") && is_file_name(".a") && !is_file_name(&"x".repeat(256)));
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_that_of_components(one in "[a/. -]{1,12}", other in "[a/. -]{1,12}") {
            if let (Ok(one), Ok(other)) = (ImagePath::new(&one), ImagePath::new(&other)) {
                proptest::prop_assert_eq!(one.cmp(&other), one.components().cmp(other.components()));
            }
        }
    }

    #[test]
    fn a_directory_comes_right_before_what_it_holds() {
        let mut paths =
            ["/a-b", "/a/b", "/a", "/"].map(|text| ImagePath::new(text).expect("valid"));
        paths.sort();
        assert_eq!(
            paths.map(|path| path.to_string()),
            ["/", "/a", "/a/b", "/a-b"]
        );
    }

    #[test]
    fn prefixes_end_at_components() {
        let path = |text| ImagePath::new(text).expect("valid");
        assert!(path("/usr/bin").starts_with(&path("/usr")));
        assert!(!path("/usrx").starts_with(&path("/usr")));
        assert_eq!(path("/usr").parent(), Some(ImagePath::root()));
        assert_eq!(ImagePath::root().parent(), None);
    }
}
