//! How a build went: what was performed, side by side in lanes, and what was there already.

use serde::Serialize;

use crate::build::{ActionRecord, Record};
use crate::plan::Stage;

/// How many causes of one action are told.
const CAUSES: usize = 6;

/// A build.
#[derive(Debug, Serialize)]
pub(super) struct Build {
    number: u32,
    /// In milliseconds since 1970.
    started: u64,
    /// In milliseconds.
    elapsed: u64,
    lanes: usize,
    /// Names of the stages that something was performed in, in the order in which people think of them.
    stages: Vec<&'static str>,
    /// What was performed, and what was brought from others.
    performed: Vec<Performed>,
    /// How many results were in the store, by stage.
    stored: Vec<(&'static str, usize)>,
}

/// An action that was performed.
#[derive(Debug, Serialize)]
struct Performed {
    #[serde(rename = "n")]
    label: String,
    /// The place of its stage in the list.
    #[serde(rename = "s")]
    stage: usize,
    #[serde(rename = "l")]
    lane: usize,
    /// In milliseconds since the build began.
    #[serde(rename = "t")]
    started: u64,
    /// In milliseconds.
    #[serde(rename = "d")]
    elapsed: u64,
    #[serde(rename = "c")]
    cause: Vec<String>,
    /// Where, if not on this machine.
    #[serde(rename = "w", skip_serializing_if = "String::is_empty")]
    place: String,
    /// Whether others have performed it, and its output was brought.
    #[serde(rename = "b", skip_serializing_if = "std::ops::Not::not")]
    brought: bool,
}

/// Lays a build out.
pub(super) fn build(record: &Record) -> Build {
    // What was brought from elsewhere took time as well.
    let (mut performed, stored): (Vec<&ActionRecord>, Vec<_>) = record
        .actions
        .iter()
        .partition(|action| action.performed || action.is_brought());
    performed.sort_by_key(|action| action.started);
    let in_stage = |actions: &[&ActionRecord], stage: Stage| {
        let actions = actions.iter();
        actions
            .filter(|action| action.stage == stage.name())
            .count()
    };
    let used = |stage: &Stage| in_stage(&performed, *stage) > 0;
    let stages: Vec<Stage> = Stage::ALL.into_iter().filter(used).collect();
    let names: Vec<&str> = stages.iter().map(|stage| stage.name()).collect();
    let mut lanes = Lanes::default();
    let laid: Vec<Performed> = performed
        .iter()
        .map(|action| Performed {
            label: action.label.clone(),
            stage: names
                .iter()
                .position(|name| *name == action.stage)
                .unwrap_or(0),
            lane: lanes.place(action.started, action.elapsed),
            started: action.started,
            elapsed: action.elapsed,
            cause: shortened(&action.cause),
            place: action.place.clone(),
            brought: action.is_brought(),
        })
        .collect();
    let stored = Stage::ALL.map(|stage| (stage.name(), in_stage(&stored, stage)));
    Build {
        number: record.number,
        started: record.started,
        elapsed: record.elapsed,
        lanes: lanes.ends.len(),
        stages: stages.iter().map(|stage| stage.name()).collect(),
        performed: laid,
        stored: stored.into_iter().filter(|(_, count)| *count > 0).collect(),
    }
}

fn shortened(cause: &[String]) -> Vec<String> {
    let mut told: Vec<String> = cause.iter().take(CAUSES).cloned().collect();
    if cause.len() > CAUSES {
        told.push(format!("and {} more", cause.len() - CAUSES));
    }
    told
}

/// Lanes in which nothing overlaps, by the times at which they are free again.
#[derive(Default)]
struct Lanes {
    ends: Vec<u64>,
}

impl Lanes {
    fn place(&mut self, started: u64, elapsed: u64) -> usize {
        let end = started.saturating_add(elapsed);
        if let Some(lane) = self.ends.iter().position(|free| *free <= started) {
            self.ends[lane] = end;
            return lane;
        }
        self.ends.push(end);
        self.ends.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Digest;

    fn action(label: &str, performed: bool, place: &str) -> ActionRecord {
        ActionRecord {
            label: label.to_owned(),
            stage: Stage::ComponentsBuild.name().to_owned(),
            kind: "run".to_owned(),
            key: Digest::of(label.as_bytes()),
            output: Digest::of(b""),
            performed,
            started: 0,
            elapsed: 7,
            cause: Vec::new(),
            place: place.to_owned(),
        }
    }

    #[test]
    fn what_others_have_made_took_time_and_was_not_stored_here() {
        let record = Record {
            number: 1,
            manifest: "zos.kdl".into(),
            name: "test".to_owned(),
            started: 0,
            elapsed: 9,
            lock: None,
            tree: None,
            build_id: None,
            actions: vec![
                action("here", true, ""),
                action("there", true, "remote build-7"),
                action("brought", false, "shared cache"),
                action("stored", false, ""),
            ],
            outputs: Vec::new(),
        };
        let laid = serde_json::to_value(build(&record)).expect("JSON");
        let shown: Vec<_> = laid["performed"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|action| {
                (
                    action["n"].as_str(),
                    action["w"].as_str(),
                    action["b"].as_bool(),
                )
            })
            .collect();
        let expected = [
            (Some("here"), None, None),
            (Some("there"), Some("remote build-7"), None),
            (Some("brought"), Some("shared cache"), Some(true)),
        ];
        assert_eq!(shown, expected);
        assert_eq!(laid["stored"], serde_json::json!([["components_build", 1]]));
    }
}
