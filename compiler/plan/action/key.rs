//! What counts for an action's key, and which other actions it needs.

use serde_json::Value;

use super::{Action, ActionId};
use crate::tree::Digest;

impl Action {
    /// The actions whose outputs this one needs, each once, in ascending order.
    pub fn needs(&self) -> Vec<ActionId> {
        let mut found = std::collections::BTreeSet::new();
        walk(&mut self.encode(), &mut |input| {
            if let Value::Object(map) = input
                && let Some(id) = map.get("$output").and_then(Value::as_u64)
            {
                found.insert(ActionId(id as u32));
            }
        });
        found.into_iter().collect()
    }

    /// The canonical form that is hashed into the key: JSON with `$output`s replaced by what `resolve` knows of them.
    pub fn canonical(&self, resolve: &dyn Fn(ActionId) -> Digest) -> Value {
        let mut value = self.encode();
        walk(&mut value, &mut |input| {
            if let Value::Object(map) = input
                && let Some(id) = map.get("$output").and_then(Value::as_u64)
            {
                map.remove("$output");
                map.insert(
                    "$digest".into(),
                    Value::String(resolve(ActionId(id as u32)).to_string()),
                );
            }
        });
        serde_json::json!({ "version": self.kind_version(), "action": value })
    }

    /// The key under which the result is remembered.
    pub fn key(&self, resolve: &dyn Fn(ActionId) -> Digest) -> Digest {
        Digest::of(self.canonical(resolve).to_string().as_bytes())
    }

    /// What kind of action it is, as it stands in the canonical form.
    pub fn kind(&self) -> String {
        let encoded = self.encode();
        let kind = encoded.as_object().and_then(|kinds| kinds.keys().next());
        kind.cloned().unwrap_or_default()
    }

    pub(in crate::plan) fn encode(&self) -> Value {
        serde_json::to_value(self).expect("actions hold nothing JSON cannot say")
    }
}

/// Visits every object of a JSON value, the outer ones first.
fn walk(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    if value.is_object() {
        visit(value);
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| walk(inner, visit)),
        Value::Array(list) => list.iter_mut().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::{Arguments, Capture, Input, Mount, Root};
    use super::*;
    use crate::tree::{Conflict, ImagePath};

    fn merge(first: Input) -> Action {
        Action::Merge {
            trees: vec![first, Input::Output(ActionId(4))],
            conflict: Conflict::Refuse,
        }
    }

    #[test]
    fn inputs_are_found_wherever_they_stand() {
        let action = Action::Run {
            root: Root::Tree(Input::Output(ActionId(7))),
            mounts: vec![Mount {
                tree: Input::Output(ActionId(2)),
                at: ImagePath::root(),
                writable: false,
            }],
            files: BTreeMap::from([(ImagePath::root(), Input::Known(Digest::of(b"x")))]),
            arguments: Arguments {
                fixed: vec![],
                further: Some(Input::Output(ActionId(7))),
            },
            environment: BTreeMap::new(),
            directory: ImagePath::root(),
            capture: Capture::Root,
            origin: String::new(),
            epoch: 0,
        };
        assert_eq!(action.needs(), [ActionId(2), ActionId(7)]);
    }

    #[test]
    fn a_key_depends_on_what_inputs_are_and_not_on_who_made_them() {
        let content = Digest::of(b"content");
        let by_output = merge(Input::Output(ActionId(1))).key(&|_| content);
        assert_eq!(by_output, merge(Input::Known(content)).key(&|_| content));
        assert_ne!(
            by_output,
            merge(Input::Output(ActionId(1))).key(&|_| Digest::of(b"other"))
        );
    }

    #[test]
    fn the_address_of_a_download_does_not_count() {
        let fetch = |url: &str| Action::Fetch {
            urls: vec![url.into()],
            sha256: Digest::of(b""),
            size: 0,
        };
        let nothing = |_| Digest::of(b"");
        assert_eq!(
            fetch("https://a.example/x").key(&nothing),
            fetch("file:///x").key(&nothing)
        );
    }
}
