//! What a change costs: which actions run again and why, which outputs change, how much is fetched.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::plan::Stage;
use crate::tree::{Digest, Store};

use super::plan::{WrittenAction, WrittenPlan};

/// What a build of the new side does when the old side has been built.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Impact {
    /// Actions that run again, at the most: where one of them yields what it yielded before, those behind it do not.
    pub again: usize,
    /// How many of those have a result in the store already.
    pub stored: usize,
    /// All actions.
    pub actions: usize,
    /// The stages of those that run again.
    pub stages: Vec<StageImpact>,
    /// The files that the build yields.
    pub outputs: Vec<OutputImpact>,
    /// What is fetched.
    pub fetch: Fetch,
    /// The packages of the image and the files that the manifest names, where both sides are manifests with locks: the initramfs grows by
    /// about as much as both together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// Bytes of what goes into an image, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Growth {
    /// The packages that it had, compressed as they are downloaded.
    pub packages_before: u64,
    /// The packages that it has.
    pub packages_after: u64,
    /// The files that it had from this machine, not compressed.
    pub files_before: u64,
    /// The files that it has.
    pub files_after: u64,
}

/// The actions of a stage that run again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StageImpact {
    /// The stage.
    pub stage: String,
    /// How many actions it has.
    pub actions: usize,
    /// Those that run again.
    pub again: Vec<ActionImpact>,
}

/// An action that runs again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ActionImpact {
    /// The action.
    pub label: String,
    /// Why.
    pub because: String,
    /// Whether that lies in the action itself, and not in those that it comes after.
    pub own: bool,
    /// Whether the store has its result already.
    pub stored: bool,
}

/// A file that the build yields.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputImpact {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// What becomes of it.
    pub change: OutputChange,
    /// The bytes that it had, where the store knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// The bytes that it has, where the store knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// What becomes of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is made anew.
    Changed,
    /// It stays as it is, byte for byte.
    Same,
}

/// What is fetched, beyond what the old side needs and the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fetch {
    /// How many downloads.
    pub downloads: usize,
    /// Their bytes, of those whose size is locked.
    pub bytes: u64,
    /// How many of them have no locked size, such as commits and container images.
    pub unknown: usize,
}

/// Results of actions that the store has, in the order of the plan; nothing, where a plan comes from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Those of the old plan.
    pub old: Vec<Option<Digest>>,
    /// Those of the new plan.
    pub new: Vec<Option<Digest>>,
}

/// What a build of the new plan does when the old one has been built.
pub(super) fn between(
    old: &WrittenPlan,
    new: &WrittenPlan,
    stored: &Stored,
    store: &Store,
) -> Impact {
    let (before, after) = (old.keys(), new.keys());
    let known: BTreeSet<&Digest> = before.iter().collect();
    let again: BTreeSet<usize> = (0..new.actions.len())
        .filter(|index| after.get(*index).is_some_and(|key| !known.contains(key)))
        .collect();
    let is_stored = |index: usize| stored.new.get(index).is_some_and(Option::is_some);
    let mut by_stage: BTreeMap<&str, Vec<ActionImpact>> = BTreeMap::new();
    let labels = labels(old);
    for index in &again {
        let Some(action) = new.actions.get(*index) else {
            continue;
        };
        let stage = by_stage.entry(&action.stage).or_default();
        let (own, because) = because(old, new, *index, &labels, &again);
        stage.push(ActionImpact {
            label: action.label.clone(),
            because,
            own,
            stored: is_stored(*index),
        });
    }
    let rank = |stage: &str| Stage::ALL.iter().position(|known| known.name() == stage);
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for action in &new.actions {
        *sizes.entry(&action.stage).or_default() += 1;
    }
    let mut stages: Vec<StageImpact> = by_stage
        .into_iter()
        .map(|(stage, again)| StageImpact {
            actions: sizes.get(stage).copied().unwrap_or(0),
            stage: stage.to_owned(),
            again,
        })
        .collect();
    stages.sort_by_key(|stage| rank(&stage.stage).unwrap_or(usize::MAX));
    Impact {
        again: again.len(),
        stored: again.iter().filter(|index| is_stored(**index)).count(),
        actions: new.actions.len(),
        stages,
        outputs: outputs((old, &before), (new, &after), stored, store),
        fetch: fetch(new, &again, stored, store),
        growth: None,
    }
}

/// Actions by stage and label.
fn labels(plan: &WrittenPlan) -> BTreeMap<(&str, &str), &WrittenAction> {
    let actions = plan.actions.iter();
    actions
        .map(|action| ((action.stage.as_str(), action.label.as_str()), action))
        .collect()
}

/// Why an action runs again: what is different about itself, else the first of those that it comes after; and whether it is the former.
fn because(
    old: &WrittenPlan,
    new: &WrittenPlan,
    index: usize,
    labels: &BTreeMap<(&str, &str), &WrittenAction>,
    again: &BTreeSet<usize>,
) -> (bool, String) {
    let Some(action) = new.actions.get(index) else {
        return (false, String::new());
    };
    let earlier = labels.get(&(action.stage.as_str(), action.label.as_str()));
    let Some(earlier) = earlier else {
        return (true, "new".to_owned());
    };
    let (then, now) = (old.parameters(earlier), new.parameters(action));
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let changed: Vec<&str> = names
        .into_iter()
        .filter(|name| then.get(*name) != now.get(*name))
        .map(String::as_str)
        .collect();
    if !changed.is_empty() {
        let (shown, more) = changed.split_at(changed.len().min(3));
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return (true, format!("changed: {}{more}", shown.join(", ")));
    }
    let needs = new.needs(index);
    let first = needs.iter().find(|id| again.contains(id));
    let first = first.and_then(|id| new.actions.get(*id));
    let because = first.map_or_else(
        || "its inputs changed".to_owned(),
        |action| format!("comes after `{}`", action.label),
    );
    (false, because)
}

fn outputs(
    old: (&WrittenPlan, &[Digest]),
    new: (&WrittenPlan, &[Digest]),
    stored: &Stored,
    store: &Store,
) -> Vec<OutputImpact> {
    let action = |content: &Value| {
        let id = content.get("$output")?.as_u64()?;
        usize::try_from(id).ok()
    };
    let key = |keys: &[Digest], content: &Value| {
        let key = action(content).and_then(|id| keys.get(id));
        key.map_or_else(|| content.to_string(), Digest::to_string)
    };
    let size = |results: &[Option<Digest>], content: &Value| {
        let result = *results.get(action(content)?)?;
        super::size_of(store, &result?)
    };
    let find = |plan: &WrittenPlan, kind: &str, name: &str| {
        let mut outputs = plan.outputs.iter();
        let found = outputs.find(|output| output.kind == kind && output.name == name);
        found.map(|output| output.content.clone())
    };
    let all = old.0.outputs.iter().chain(&new.0.outputs);
    let names: BTreeSet<(&str, &str)> = all
        .map(|output| (output.kind.as_str(), output.name.as_str()))
        .collect();
    names
        .into_iter()
        .map(|(kind, name)| {
            let (then, now) = (find(old.0, kind, name), find(new.0, kind, name));
            let change = match (&then, &now) {
                (None, _) => OutputChange::Added,
                (_, None) => OutputChange::Removed,
                (Some(then), Some(now)) if key(old.1, then) == key(new.1, now) => {
                    OutputChange::Same
                }
                _ => OutputChange::Changed,
            };
            OutputImpact {
                name: name.to_owned(),
                kind: kind.to_owned(),
                change,
                before: then.and_then(|content| size(&stored.old, &content)),
                after: now.and_then(|content| size(&stored.new, &content)),
            }
        })
        .collect()
}

/// What the actions that run again bring from elsewhere.
fn fetch(new: &WrittenPlan, again: &BTreeSet<usize>, stored: &Stored, store: &Store) -> Fetch {
    let mut fetch = Fetch::default();
    for index in again {
        if stored.new.get(*index).is_some_and(Option::is_some) {
            continue;
        }
        let kinds = new
            .actions
            .get(*index)
            .and_then(|one| one.action.as_object());
        for (kind, parameters) in kinds.into_iter().flatten() {
            match kind.as_str() {
                "fetch" => {
                    let digest = parameters.get("sha256").and_then(Value::as_str);
                    let digest = digest.and_then(|digest| digest.parse().ok());
                    let here = |digest: Digest| super::size_of(store, &digest);
                    if digest.and_then(here).is_none() {
                        let size = parameters.get("size").and_then(Value::as_u64);
                        fetch.downloads += 1;
                        fetch.bytes = fetch.bytes.saturating_add(size.unwrap_or(0));
                    }
                }
                "vendor" | "git" | "dependencies" | "pull" => {
                    fetch.downloads += 1;
                    fetch.unknown += 1;
                }
                _ => {}
            }
        }
    }
    fetch
}
