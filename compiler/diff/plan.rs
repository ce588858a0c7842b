//! A plan as it is written, and as facts.
//!
//! [`WrittenPlan`] is what a comparison needs of a plan. `zosc plan --format json` prints it, with more beside it, so that a plan of another
//! day or another machine can be read back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, Stage};
use crate::tree::Digest;

use super::facts::{Facts, FieldKind, Section};

/// How an action refers to the output of another.
const OUTPUT: &str = "$output";
/// How an action refers to content that is known.
const KNOWN: &str = "$digest";

/// A plan as far as comparisons go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WrittenPlan {
    /// The actions, each behind those that it needs.
    pub actions: Vec<WrittenAction>,
    /// The files that the build yields.
    pub outputs: Vec<WrittenOutput>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WrittenAction {
    /// Its stage.
    pub stage: String,
    /// What people call it.
    pub label: String,
    /// Its kind and what counts for its key.
    pub action: Value,
}

/// A file that the build yields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WrittenOutput {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Which content it has.
    pub content: Value,
}

impl From<&Plan> for WrittenPlan {
    fn from(plan: &Plan) -> Self {
        let value = |value: Result<Value, _>| value.expect("plans hold nothing JSON cannot say");
        let actions = plan.actions.iter().map(|planned| WrittenAction {
            stage: planned.stage.name().to_owned(),
            label: planned.label.clone(),
            action: value(serde_json::to_value(&planned.action)),
        });
        let outputs = plan.outputs.iter().map(|output| WrittenOutput {
            name: output.name.clone(),
            kind: output.kind.to_owned(),
            content: value(serde_json::to_value(output.content)),
        });
        Self {
            actions: actions.collect(),
            outputs: outputs.collect(),
        }
    }
}

impl WrittenPlan {
    /// Reads what `zosc plan --format json` has printed.
    ///
    /// # Errors
    /// `zosc::diff::not-a-plan`
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let not_a_plan = |why: String| {
            Diagnostic::error(
                "zosc::diff::not-a-plan",
                format!("`{name}` is no plan: {why}"),
            )
            .help("write one with `zosc plan --format json > plan.json`")
        };
        let plan: Self =
            serde_json::from_slice(bytes).map_err(|error| not_a_plan(error.to_string()))?;
        for (index, action) in plan.actions.iter().enumerate() {
            let outside = outputs_in(&action.action)
                .into_iter()
                .find(|id| *id >= index);
            if let Some(id) = outside {
                return Err(not_a_plan(format!(
                    "`{}` needs action {id}, which does not come before it",
                    action.label
                )));
            }
        }
        let outputs = plan.outputs.iter();
        let mut needed = outputs.flat_map(|output| outputs_in(&output.content));
        if let Some(id) = needed.find(|id| *id >= plan.actions.len()) {
            return Err(not_a_plan(format!("there is no action {id}")));
        }
        Ok(plan)
    }

    /// For each action the digest of all that it and what comes before it are made of: two actions with the same one yield the same.
    pub(super) fn keys(&self) -> Vec<Digest> {
        let mut keys: Vec<Digest> = Vec::with_capacity(self.actions.len());
        for action in &self.actions {
            let resolved = replaced(&action.action, &|id| {
                let key = keys.get(id).map_or_else(String::new, Digest::to_string);
                Value::from(format!("key {key}"))
            });
            keys.push(Digest::of(resolved.to_string().as_bytes()));
        }
        keys
    }

    /// The actions that one needs.
    pub(super) fn needs(&self, action: usize) -> Vec<usize> {
        let action = self.actions.get(action);
        action.map_or_else(Vec::new, |action| outputs_in(&action.action))
    }

    /// What an action is made of beside what others yield, by name; inputs are the labels of those that yield them.
    pub(super) fn parameters(&self, action: &WrittenAction) -> BTreeMap<String, Value> {
        let named = replaced(&action.action, &|id| {
            let label = self.actions.get(id).map_or("?", |action| &action.label);
            Value::from(format!("the output of `{label}`"))
        });
        let mut found = BTreeMap::new();
        match named {
            Value::Object(kinds) => {
                for (kind, parameters) in kinds {
                    found.insert("kind".to_owned(), Value::from(kind));
                    for (name, value) in parameters.as_object().into_iter().flatten() {
                        flatten(name, value, &mut found);
                    }
                }
            }
            other => {
                found.insert("kind".to_owned(), other);
            }
        }
        found
    }
}

/// The facts of a plan.
pub(super) fn facts(plan: &WrittenPlan) -> Facts {
    let mut facts = Facts::default();
    for action in &plan.actions {
        let known = Stage::ALL
            .iter()
            .position(|stage| stage.name() == action.stage);
        let section = facts.section(known.unwrap_or(Stage::ALL.len()), &action.stage);
        let name = section.free_name(&action.label);
        let thing = section.thing(&name);
        for (name, value) in plan.parameters(action) {
            let kind = if name == "size" {
                FieldKind::Bytes
            } else {
                FieldKind::Plain
            };
            thing.set(&name, kind, value);
        }
    }
    let section = facts.section(Stage::ALL.len() + 1, "outputs");
    outputs(section, plan);
    facts
}

fn outputs(section: &mut Section, plan: &WrittenPlan) {
    for output in &plan.outputs {
        let content = replaced(&output.content, &|id| {
            let label = plan.actions.get(id).map_or("?", |action| &action.label);
            Value::from(format!("the output of `{label}`"))
        });
        let name = section.free_name(&format!("{} {}", output.kind, output.name));
        section.thing(&name).say("content", content);
    }
}

/// A parameter; maps, and lists of things with a name, become a parameter for each of theirs.
fn flatten(name: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(map) if !map.is_empty() => {
            for (member, value) in map {
                found.insert(format!("{name}.{member}"), value.clone());
            }
        }
        Value::Array(list) => {
            let identity = |item: &Value| {
                let map: &Map<String, Value> = item.as_object()?;
                let mut names = ["path", "to", "name", "source", "at"].into_iter();
                let name = names.find_map(|name| map.get(name)?.as_str())?;
                Some(name.to_owned())
            };
            let names: Option<Vec<String>> = list.iter().map(identity).collect();
            let distinct = |names: &Vec<String>| {
                let set: std::collections::BTreeSet<&String> = names.iter().collect();
                set.len() == names.len()
            };
            match names.filter(|names| !names.is_empty() && distinct(names)) {
                Some(names) => {
                    for (member, item) in names.iter().zip(list) {
                        found.insert(format!("{name} {member}"), item.clone());
                    }
                }
                None => {
                    found.insert(name.to_owned(), value.clone());
                }
            }
        }
        other => {
            found.insert(name.to_owned(), other.clone());
        }
    }
}

/// The outputs of other actions that a value refers to, each once.
fn outputs_in(value: &Value) -> Vec<usize> {
    let found = std::cell::RefCell::new(std::collections::BTreeSet::new());
    replaced(value, &|id| {
        found.borrow_mut().insert(id);
        Value::Null
    });
    found.into_inner().into_iter().collect()
}

/// A value with something in place of each reference to another action, and known content as its digest.
fn replaced(value: &Value, output: &dyn Fn(usize) -> Value) -> Value {
    match value {
        Value::Object(map) => {
            if let Some(id) = map.get(OUTPUT).and_then(Value::as_u64) {
                return output(usize::try_from(id).unwrap_or(usize::MAX));
            }
            if let (Some(digest), 1) = (map.get(KNOWN), map.len()) {
                return digest.clone();
            }
            let members = map.iter();
            members
                .map(|(name, value)| (name.clone(), replaced(value, output)))
                .collect()
        }
        Value::Array(list) => list.iter().map(|item| replaced(item, output)).collect(),
        other => other.clone(),
    }
}
