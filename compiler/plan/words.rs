//! What an action depends on, taken apart and called as the manifest and the lock call it: for telling why it changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Action, Input, Plan, PlannedAction};
use crate::tree::Digest;

/// Something that an action depends on, as the manifest or the lock calls it. It counts for no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it is about: `unit sshd`, `package openssl`, `source zinit`.
    pub subject: String,
    /// Which side of it: `exec`, `commit`; empty for the version of the thing itself.
    pub field: String,
    /// The value.
    pub value: String,
}

/// What an action depends on besides the outputs of others: values by subject and field. A long value is a digest behind `#`.
pub type Facets = BTreeMap<String, BTreeMap<String, String>>;

/// The longest value that is kept as it is.
const SHORT: usize = 60;
/// The most values of one action; what is beyond them counts as one.
const MOST: usize = 4_000;

/// Fields whose values are kept as they are where they are short; others may hold what is nobody's business.
const OPEN: [&str; 13] = [
    "arch",
    "cmdline",
    "commit",
    "compression",
    "epoch",
    "gid",
    "limit",
    "path",
    "release",
    "strip_components",
    "subdir",
    "uid",
    "version",
];

/// Lists whose members are told by name.
const LISTS: [&str; 8] = [
    "flist",
    "keep",
    "modules",
    "patterns",
    "repositories",
    "stage1",
    "stage2",
    "world",
];

impl Plan {
    /// Says what an output depends on, in the words of the manifest or the lock.
    pub fn say(&mut self, of: Input, subject: &str, field: &str, value: impl Into<String>) {
        let Input::Output(id) = of else {
            return;
        };
        if let Some(planned) = self.actions.get_mut(id.0 as usize) {
            planned.words.push(Word {
                subject: subject.to_owned(),
                field: field.to_owned(),
                value: value.into(),
            });
        }
    }
}

impl PlannedAction {
    /// What people call the thing that it brings, where that has a version: `package openssl`.
    pub fn subject(&self) -> Option<&str> {
        let mut words = self.words.iter().filter(|word| word.field.is_empty());
        words.next().map(|word| word.subject.as_str())
    }

    /// What it depends on besides the outputs of others.
    pub fn facets(&self) -> Facets {
        let mut facets = Gathered::default();
        for word in &self.words {
            facets.put(&word.subject, &word.field, shown(&word.value));
        }
        let encoded = self.action.encode();
        let kinds = encoded.as_object();
        let fields = kinds.and_then(|kinds| kinds.values().next()?.as_object());
        let own = own_subject(&self.action, fields);
        for (name, value) in fields.into_iter().flatten() {
            if let Some(value) = without_outputs(value) {
                facets.field(&own, name, &value);
            }
        }
        facets.finish()
    }
}

/// Whom an action's own fields are about; empty where that is nobody with a name.
fn own_subject(action: &Action, fields: Option<&Map<String, Value>>) -> String {
    let text = |name: &str| fields.and_then(|fields| fields.get(name)?.as_str());
    match action {
        Action::UnpackPackage { name, .. } => format!("package {name}"),
        Action::Vendor { .. } => String::new(),
        Action::Git { source, .. }
        | Action::Dependencies { source, .. }
        | Action::Verify { source, .. } => format!("source {source}"),
        Action::Pull { toolchain, .. } => format!("toolchain {toolchain}"),
        Action::Flist { name, .. } => format!("flist {name}"),
        _ => text("origin").unwrap_or("").to_owned(),
    }
}

/// A value without the outputs of others, which count by themselves; `None` where nothing else is in it.
fn without_outputs(value: &Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key("$output") => None,
        Value::Object(map) => {
            let fields = map.iter();
            let fields =
                fields.filter_map(|(name, value)| Some((name.clone(), without_outputs(value)?)));
            let fields: Map<String, Value> = fields.collect();
            (map.is_empty() || !fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Array(list) => {
            let members: Vec<Value> = list.iter().filter_map(without_outputs).collect();
            (list.is_empty() || !members.is_empty()).then_some(Value::Array(members))
        }
        Value::Null => None,
        other => Some(other.clone()),
    }
}

#[derive(Default)]
struct Gathered {
    facets: Facets,
    count: usize,
    /// What has no room any more.
    beyond: String,
}

impl Gathered {
    fn put(&mut self, subject: &str, field: &str, value: String) {
        self.count += 1;
        if self.count > MOST {
            self.beyond = Digest::of(format!("{}{value}", self.beyond).as_bytes()).to_string();
            return;
        }
        let fields = self.facets.entry(subject.to_owned()).or_default();
        // The first one is the manifest's.
        fields.entry(field.to_owned()).or_insert(value);
    }

    /// A field of the action, member by member where its members have names.
    fn field(&mut self, own: &str, name: &str, value: &Value) {
        match value {
            Value::Array(list) if LISTS.contains(&name) && !list.is_empty() => {
                self.list(name, list);
            }
            Value::Array(list) if list.iter().all(has_name) && !list.is_empty() => {
                for member in list {
                    self.member(name, member);
                }
            }
            Value::Object(map) if name == "environment" || name == "keys" => {
                for (name, value) in map {
                    self.put(own, &format!("{name} in its environment"), hidden(value));
                }
            }
            _ if name == "origin" => {}
            _ if OPEN.contains(&name) => self.put(own, called(name), open(value)),
            _ => self.put(own, called(name), hidden(value)),
        }
    }

    /// A list of names, or of names with something said of each.
    fn list(&mut self, name: &str, list: &[Value]) {
        let mut order = String::new();
        for member in list {
            let (text, said) = match member {
                Value::Array(pair) => (pair.first().and_then(Value::as_str), pair.get(1)),
                other => (other.as_str(), None),
            };
            let text = text.unwrap_or_default();
            let subject = format!("`{text}` in {}", called(name));
            self.put(&subject, "", said.map(open).unwrap_or_default());
            order.push_str(text);
            order.push('\n');
        }
        let order = shown(&format!("#{}", Digest::of(order.as_bytes())));
        self.put(&format!("the order in {}", called(name)), "", order);
    }

    /// A file, an account, a group: something with a name.
    fn member(&mut self, list: &str, member: &Value) {
        let text = |name: &str| member.get(name).and_then(Value::as_str);
        let kind = list.trim_end_matches('s');
        let subject = match (text("origin"), text("name"), text("path").or(text("to"))) {
            (Some(origin), _, Some(path))
                if origin.starts_with("unit ") || origin.ends_with(path) =>
            {
                origin.to_owned()
            }
            (Some(origin), _, Some(path)) => format!("{origin} {path}"),
            (_, Some(name), _) => format!("{kind} {name}"),
            (_, _, path) => format!("file {}", path.unwrap_or_default()),
        };
        for (name, value) in member.as_object().into_iter().flatten() {
            match name.as_str() {
                "origin" | "name" => {}
                "mode" => {
                    let mode = value.as_u64().unwrap_or(0);
                    self.put(&subject, "mode", format!("{mode:04o}"));
                }
                name if OPEN.contains(&name) => self.put(&subject, called(name), open(value)),
                name => self.put(&subject, called(name), hidden(value)),
            }
        }
    }

    fn finish(mut self) -> Facets {
        if !self.beyond.is_empty() {
            let rest = self.facets.entry("the rest".to_owned()).or_default();
            rest.insert(String::new(), format!("#{}", self.beyond));
        }
        self.facets
    }
}

/// Whether a member of a list says what it is called.
fn has_name(member: &Value) -> bool {
    ["path", "to", "name"]
        .iter()
        .any(|field| member.get(field).is_some_and(Value::is_string))
}

/// What the manifest calls a field of an action.
fn called(field: &str) -> &str {
    match field {
        "arguments" => "command",
        "body" | "tree" | "sha256" => "content",
        "cmdline" => "the kernel's command line",
        "files" => "files",
        "keep" => "firmware",
        "patterns" => "drop",
        "world" => "packages",
        other => other,
    }
}

/// A value that may be kept as it is.
fn open(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
        // `{"xz":{"level":6}}`
        Value::Object(map) => {
            let words = map.iter().map(|(name, value)| match value {
                Value::Null => name.clone(),
                value => format!("{name} {}", open(value)),
            });
            shown(&words.collect::<Vec<_>>().join(" "))
        }
        Value::Array(_) => hidden(value),
    }
}

/// A value by its digest.
fn hidden(value: &Value) -> String {
    format!("#{}", Digest::of(value.to_string().as_bytes()))
}

/// A text as it is where it is short, else its digest.
fn shown(text: &str) -> String {
    let is_short = text.len() <= SHORT && !text.contains(char::is_control);
    if is_short {
        text.to_owned()
    } else {
        format!("#{}", Digest::of(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileBody, OwnedFile, Stage};
    use super::*;
    use crate::tree::ImagePath;

    fn file(path: &str, origin: &str) -> OwnedFile {
        OwnedFile {
            path: ImagePath::new(path).expect("a path"),
            body: FileBody::Text("text".to_owned()),
            mode: 0o644,
            uid: 0,
            gid: 0,
            origin: origin.to_owned(),
        }
    }

    fn facets(action: Action, words: &[(&str, &str, &str)]) -> Facets {
        let mut plan = Plan::default();
        let output = plan.add(Stage::ZinitSetup, "x", None, action);
        for (subject, field, value) in words {
            plan.say(output, subject, field, *value);
        }
        plan.actions.remove(0).facets()
    }

    #[test]
    fn files_are_told_apart_by_who_put_them_there() {
        let action = Action::WriteFiles {
            files: vec![
                file("/etc/motd", "file /etc/motd"),
                file("/etc/zinit/sshd.yaml", "unit sshd"),
                file("/dev", "zosc base"),
            ],
            epoch: 7,
        };
        let facets = facets(action, &[("unit sshd", "exec", "sshd -D")]);
        let subjects: Vec<&str> = facets.keys().map(String::as_str).collect();
        assert_eq!(
            subjects,
            ["", "file /etc/motd", "unit sshd", "zosc base /dev"]
        );
        assert_eq!(facets[""]["epoch"], "7");
        assert_eq!(facets["unit sshd"]["exec"], "sshd -D");
        assert_eq!(facets["file /etc/motd"]["mode"], "0644");
        assert!(facets["file /etc/motd"]["content"].starts_with('#'));
    }

    #[test]
    fn lists_are_told_by_their_members() {
        let action = Action::Modules {
            kernel: Input::Known(Digest::of(b"")),
            release: "6.12".to_owned(),
            stage1: vec![("virtio_net".to_owned(), false)],
            stage2: Vec::new(),
            flist: Vec::new(),
            epoch: 0,
        };
        let facets = facets(action, &[]);
        assert!(facets.contains_key("`virtio_net` in stage1"), "{facets:?}");
        assert_eq!(facets[""]["release"], "6.12");
    }

    #[test]
    fn secrets_are_never_kept_and_long_lists_come_to_an_end() {
        let long: Vec<OwnedFile> = (0..2 * MOST)
            .map(|index| file(&format!("/{index}"), "zosc base"))
            .collect();
        let action = Action::WriteFiles {
            files: long,
            epoch: 0,
        };
        let facets = facets(action, &[("account root", "password", &"$6$x".repeat(40))]);
        assert!(facets["account root"]["password"].starts_with('#'));
        assert!(facets["the rest"][""].starts_with('#'));
        assert!(facets.len() <= MOST + 2);
    }
}
