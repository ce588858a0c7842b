//! Paths and addresses without the folder that their manifest lies in.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::io::file_address;

/// Where a manifest lies: what is below that is the same wherever it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Here {
    directory: String,
    /// The same as an address.
    address: String,
    /// Paths and addresses that both sides name in full, so that they are the same as they are.
    shared: BTreeSet<String>,
}

impl Here {
    /// The folder of a side, where both sides name these paths and addresses.
    pub(super) fn new(directory: &Path, shared: BTreeSet<String>) -> Self {
        Self {
            directory: directory.display().to_string(),
            address: file_address(directory),
            shared,
        }
    }

    /// A path or address as it is seen from the manifest.
    pub(super) fn relative(&self, text: &str) -> String {
        for (folder, instead) in [(&self.directory, ""), (&self.address, "file:./")] {
            let rest = text.strip_prefix(folder.as_str());
            let Some(rest) = rest.filter(|_| !self.shared.contains(text)) else {
                continue;
            };
            if rest.is_empty() && instead.is_empty() {
                return ".".to_owned();
            }
            if let Some(below) = rest.strip_prefix('/') {
                return format!("{instead}{below}");
            }
        }
        text.to_owned()
    }
}

/// All texts in a value.
pub(super) fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(list) => list.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_named_from_there() {
        let shared = BTreeSet::from(["/site/both".to_owned()]);
        let here = Here::new(Path::new("/site"), shared);
        for (text, seen) in [
            ("/site/a/b", "a/b"),
            ("/site", "."),
            ("/sites/a", "/sites/a"),
            ("file:///site/packages", "file:./packages"),
            ("https://h/site/a", "https://h/site/a"),
            ("/site/both", "/site/both"),
        ] {
            assert_eq!(here.relative(text), seen);
        }
    }
}
