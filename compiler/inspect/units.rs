//! The units of an image in the order in which zinit starts them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::tree::{Entry, ImagePath, Node, Store, Tree};
use crate::zinit::{self, Command, Dialect, Unit};

use super::origins::text;

/// The longest unit file that is read.
const LONGEST: u64 = 1 << 20;

/// One unit of zinit.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct UnitReport {
    /// Its name, from its file.
    pub name: String,
    /// The generation of zinit that reads it: `yaml` or `toml`.
    pub dialect: &'static str,
    /// Its file.
    pub path: ImagePath,
    /// `daemon`, `oneshot` or `target`; left out where the file cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Its wave, from 1: units of one wave start side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<usize>,
    /// What it runs, as its file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Units that must be up before it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Units that must have been tried before it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// The units of an image: by wave, then by name; those whose order is not known come last. What cannot be read adds a remark.
pub fn units(tree: &Tree, store: &Store, remarks: &mut Vec<String>) -> Vec<UnitReport> {
    let mut reports = Vec::new();
    for dialect in [Dialect::Yaml, Dialect::Toml] {
        let (found, units) = read(tree, store, dialect, remarks);
        let waves = match zinit::order(&units, dialect) {
            Ok(order) => {
                let waves = order.units.into_iter();
                waves.map(|start| (start.unit, start.wave)).collect()
            }
            Err(rings) => {
                let rings = rings.iter().map(|ring| ring.path().join("` → `"));
                remarks.extend(rings.map(|ring| format!("units wait for one another: `{ring}`")));
                BTreeMap::new()
            }
        };
        reports.extend(found.into_iter().map(|report| UnitReport {
            wave: waves.get(&report.name).copied(),
            ..report
        }));
    }
    reports.sort_by_key(|report| (report.wave.is_none(), report.wave));
    reports
}

/// The unit files of a dialect, by path, and the units in those that can be read.
fn read(
    tree: &Tree,
    store: &Store,
    wanted: Dialect,
    remarks: &mut Vec<String>,
) -> (Vec<UnitReport>, Vec<Unit>) {
    let mut reports = Vec::new();
    let mut units = Vec::new();
    for (path, entry) in tree.iter() {
        let Some((name, dialect)) = unit_name(path, entry) else {
            continue;
        };
        if dialect != wanted {
            continue;
        }
        let file = match &entry.node {
            Node::Hardlink { to } => tree.get(to),
            _ => Some(entry),
        };
        let text = file.and_then(|file| text(file, store, LONGEST));
        let text = text.ok_or_else(|| "its file is too large".to_owned());
        let unit = text.and_then(|text| zinit::read(name, &text, dialect));
        if let Err(why) = &unit {
            remarks.push(format!("the unit `{name}` cannot be read: {why}"));
        }
        let unit = unit.ok();
        let command = unit.as_ref().and_then(|unit| unit.command.clone());
        reports.push(UnitReport {
            name: name.to_owned(),
            dialect: dialect.name(),
            path: path.clone(),
            kind: unit.as_ref().map(|unit| unit.kind.name()),
            wave: None,
            command: command.map(|command| match command {
                Command::Argv(argv) => zinit::quote_all(&argv),
                Command::Shell(line) => line,
            }),
            requires: unit.as_ref().map_or_else(Vec::new, |u| u.requires.clone()),
            after: unit.as_ref().map_or_else(Vec::new, |u| u.after.clone()),
        });
        units.extend(unit);
    }
    (reports, units)
}

/// The unit that a file is, and the generation of zinit that reads it.
pub(super) fn unit_name<'p>(path: &'p ImagePath, entry: &Entry) -> Option<(&'p str, Dialect)> {
    if !matches!(entry.node, Node::File { .. } | Node::Hardlink { .. }) {
        return None;
    }
    let file = path.as_str().rsplit('/').next()?;
    let (stem, _) = file.rsplit_once('.')?;
    let dialects = [Dialect::Yaml, Dialect::Toml].into_iter();
    let mut dialects = dialects.filter(|dialect| dialect.path(stem) == path.as_str());
    dialects.next().map(|dialect| (stem, dialect))
}
