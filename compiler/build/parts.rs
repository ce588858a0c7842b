//! What keys were made of, and how that differs from time to time, in the words of the manifest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plan::{ActionId, Facets, Plan, PlannedAction};
use crate::tree::Digest;

/// What a key was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    /// The key.
    pub(super) key: Digest,
    /// Outputs of other actions, by what those bring (`package openssl`), else by their labels.
    pub(super) inputs: BTreeMap<String, Digest>,
    /// Everything else.
    pub(super) facets: Facets,
}

/// How many fields of one subject are told.
const FIELDS: usize = 4;

/// Fields whose values are told as well; the empty one is a version.
const SHOWN: [&str; 9] = [
    "",
    "arch",
    "commit",
    "compression",
    "download",
    "epoch",
    "limit",
    "release",
    "version",
];

impl Parts {
    /// Takes an action's key apart.
    pub(super) fn of(
        plan: &Plan,
        planned: &PlannedAction,
        key: Digest,
        results: &dyn Fn(ActionId) -> Digest,
    ) -> Self {
        let mut facets = planned.facets();
        let mut inputs = BTreeMap::new();
        for id in planned.action.needs() {
            let Some(needed) = plan.actions.get(id.0 as usize) else {
                continue;
            };
            let name = needed.subject();
            inputs.insert(name.unwrap_or(&needed.label).to_owned(), results(id));
            // With its version, a package is told by that.
            for word in needed.words.iter().filter(|word| word.field.is_empty()) {
                let fields = facets.entry(word.subject.clone()).or_default();
                fields.insert(String::new(), word.value.clone());
            }
        }
        Self {
            key,
            inputs,
            facets,
        }
    }

    /// What is not as it was, each cause by itself: what the manifest and the lock say first, then what comes from other
    /// actions.
    pub(super) fn changed_since(&self, earlier: &Self) -> Vec<String> {
        let mut told = BTreeSet::new();
        let mut causes = Vec::new();
        let mut own = Vec::new();
        for subject in keys(&self.facets, &earlier.facets) {
            let (now, then) = (self.facets.get(subject), earlier.facets.get(subject));
            let Some(cause) = change(subject, now, then) else {
                continue;
            };
            told.insert(subject.as_str());
            if subject.is_empty() {
                own.push(cause);
            } else {
                causes.push(cause);
            }
        }
        // What an action says of itself (digests, sizes) is said by whom it is about.
        if causes.is_empty() {
            causes.extend(own);
        }
        for name in keys(&self.inputs, &earlier.inputs) {
            let (now, then) = (self.inputs.get(name), earlier.inputs.get(name));
            if now != then && !told.contains(name.as_str()) {
                causes.push(match (now, then) {
                    (Some(_), None) => format!("`{name}` is new"),
                    (None, _) => format!("`{name}` is gone"),
                    _ => format!("what `{name}` yields changed"),
                });
            }
        }
        causes
    }
}

fn keys<'a, V>(
    now: &'a BTreeMap<String, V>,
    then: &'a BTreeMap<String, V>,
) -> BTreeSet<&'a String> {
    now.keys().chain(then.keys()).collect()
}

type Fields = BTreeMap<String, String>;

/// How one subject differs; `None` where it does not.
fn change(subject: &str, now: Option<&Fields>, then: Option<&Fields>) -> Option<String> {
    let (now, then) = match (now, then) {
        (None, None) => return None,
        (Some(now), Some(then)) => (now, then),
        (Some(now), None) => {
            let version = now.get("").filter(|version| is_text(version));
            let version = version.map_or_else(String::new, |version| format!(" {version}"));
            return Some(format!("{subject}{version} added"));
        }
        (None, Some(_)) => return Some(format!("{subject} removed")),
    };
    let mut differ: Vec<&str> = keys(now, then)
        .into_iter()
        .filter(|field| now.get(*field) != then.get(*field))
        .map(String::as_str)
        .collect();
    if differ.contains(&"") {
        // Another version has other digests, too.
        differ = vec![""];
    } else if differ.len() > 1 {
        // The manifest's own words say why the content is another.
        differ.retain(|field| *field != "content");
    }
    let name = match (subject, differ.as_slice()) {
        (_, []) => return None,
        ("", [field]) => (*field).to_owned(),
        (_, [""]) => subject.to_owned(),
        (_, [field]) => format!("{subject}: {field}"),
        _ => String::new(),
    };
    if let [field] = differ.as_slice()
        && SHOWN.contains(field)
        && let (Some(now), Some(then)) = (now.get(*field), then.get(*field))
        && is_text(now)
        && is_text(then)
    {
        return Some(format!("{name} {then} → {now}"));
    }
    let more = differ.len().saturating_sub(FIELDS);
    let mut fields = differ
        .iter()
        .take(FIELDS)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        fields.push_str(&format!(" and {more} more"));
    }
    Some(match (subject, fields.as_str()) {
        ("", fields) => format!("{fields} changed"),
        (_, "" | "content") => format!("{subject} changed"),
        (_, fields) => format!("{subject} changed: {fields}"),
    })
}

/// Whether a value was kept as it is.
fn is_text(value: &str) -> bool {
    !value.is_empty() && !value.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(inputs: &[(&str, &str)], facets: &[(&str, &str, &str)]) -> Parts {
        let mut parts = Parts {
            key: Digest::of(b""),
            inputs: BTreeMap::new(),
            facets: Facets::new(),
        };
        for (name, content) in inputs {
            let digest = Digest::of(content.as_bytes());
            parts.inputs.insert((*name).to_owned(), digest);
        }
        for (subject, field, value) in facets {
            let fields = parts.facets.entry((*subject).to_owned()).or_default();
            fields.insert((*field).to_owned(), (*value).to_owned());
        }
        parts
    }

    fn causes(then: &Parts, now: &Parts) -> Vec<String> {
        now.changed_since(then)
    }

    #[test]
    fn the_leaf_that_changed_is_named_in_the_words_of_the_manifest() {
        for (then, now, cause) in [
            (
                vec![
                    ("unit sshd", "exec", "sshd"),
                    ("unit sshd", "content", "#1"),
                ],
                vec![
                    ("unit sshd", "exec", "sshd -D"),
                    ("unit sshd", "content", "#2"),
                ],
                "unit sshd changed: exec",
            ),
            (
                vec![("package openssl", "", "3.3.1-r0"), ("", "content", "#1")],
                vec![("package openssl", "", "3.3.2-r0"), ("", "content", "#2")],
                "package openssl 3.3.1-r0 → 3.3.2-r0",
            ),
            (
                vec![("file /etc/motd", "content", "#1")],
                vec![("file /etc/motd", "content", "#2")],
                "file /etc/motd changed",
            ),
            (
                vec![
                    ("source zinit", "commit", "1234"),
                    ("source zinit", "content", "#1"),
                ],
                vec![
                    ("source zinit", "commit", "5678"),
                    ("source zinit", "content", "#2"),
                ],
                "source zinit: commit 1234 → 5678",
            ),
            (vec![], vec![("unit shd", "exec", "shd")], "unit shd added"),
            (
                vec![("unit shd", "exec", "shd")],
                vec![],
                "unit shd removed",
            ),
            (
                vec![("", "compression", "xz 6")],
                vec![("", "compression", "zstd 19")],
                "compression xz 6 → zstd 19",
            ),
            (
                vec![("", "size", "#1")],
                vec![("", "size", "#2")],
                "size changed",
            ),
        ] {
            assert_eq!(causes(&parts(&[], &then), &parts(&[], &now)), [cause]);
        }
    }

    #[test]
    fn inputs_are_told_where_nothing_says_it_better() {
        let then = parts(
            &[("package a", "1"), ("merge", "1"), ("old", "1")],
            &[("package a", "", "1")],
        );
        let now = parts(
            &[("package a", "2"), ("merge", "2"), ("new", "1")],
            &[("package a", "", "2")],
        );
        assert_eq!(
            causes(&then, &now),
            [
                "package a 1 → 2",
                "what `merge` yields changed",
                "`new` is new",
                "`old` is gone"
            ]
        );
        assert!(causes(&now, &now).is_empty());
    }
}
