//! The boot order: what each unit really waits for, in the generation of zinit that reads it.
//!
//! In come units and a [`Dialect`]; out goes a [`BootOrder`]. zinit starts at once whatever need not wait, so an order is no
//! list but a number of waves: a unit belongs to the wave behind the last one that it waits for. Edges that order nothing
//! in a dialect (wants, conflicts) are not part of it; what they come to is told by [`lower`](super::lower).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::graph::{Cycle, EdgeKind, cycles};
use super::lower::Dialect;
use super::toml;
use super::unit::{Command, Kind, Probe, Restart, Unit};

/// The order in which zinit starts the enabled units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BootOrder {
    /// The generation of zinit.
    pub dialect: Dialect,
    /// How many waves there are.
    pub waves: usize,
    /// The units by wave, those of one wave by name.
    pub units: Vec<Start>,
}

/// One unit in the boot order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Start {
    /// Its name.
    pub unit: String,
    /// What kind of life it leads.
    pub kind: Kind,
    /// Its wave, from 1: units of one wave start side by side.
    pub wave: usize,
    /// When it counts as up.
    pub up: Up,
    /// What it waits for, in the order of writing, required units first.
    pub waits: Vec<Wait>,
    /// Units that wait for this one, by name.
    pub holds: Vec<String>,
}

/// One unit that another waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wait {
    /// The unit that is waited for.
    pub unit: String,
    /// How the manifest says so.
    pub edge: EdgeKind,
    /// What must have become of it.
    pub until: Until,
}

/// What must have become of a unit before those that wait for it go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// It is up; as long as it is not, nothing goes on.
    Up,
    /// It was tried, whatever became of it.
    Tried,
}

/// When a unit counts as up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "when")]
pub enum Up {
    /// Once its process runs.
    Started,
    /// Once this command has ended with 0.
    Test {
        /// The command, as a shell would be given it.
        command: String,
        /// Most milliseconds that may take; `null` is any time.
        within: Option<u64>,
    },
    /// Once this address accepts connections.
    Tcp {
        /// Host and port.
        address: String,
        /// Most milliseconds that may take; `null` is any time.
        within: Option<u64>,
    },
    /// Once it has ended with 0.
    Exit {
        /// Most milliseconds that may take; `null` is any time.
        within: Option<u64>,
    },
    /// Once all that it waits for is up: it runs nothing.
    Reached,
    /// Once something has brought it from elsewhere and says so.
    Elsewhere,
}

/// The order in which zinit starts the enabled units, each with what holds it back until then.
pub fn order(units: &[Unit], dialect: Dialect) -> Result<BootOrder, Vec<Cycle>> {
    let enabled: BTreeMap<&str, &Unit> = units
        .iter()
        .filter(|unit| unit.enabled)
        .map(|unit| (unit.name.as_str(), unit))
        .collect();
    let mut open: BTreeMap<&str, Vec<Wait>> = enabled
        .iter()
        .map(|(name, unit)| (*name, waits(unit, &enabled, dialect)))
        .collect();
    let mut holds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, waits) in &open {
        for wait in waits {
            let held = holds.entry(wait.unit.clone()).or_default();
            held.push((*name).to_owned());
        }
    }
    let mut order = BootOrder {
        dialect,
        waves: 0,
        units: Vec::new(),
    };
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while !open.is_empty() {
        let is_free = |waits: &[Wait]| waits.iter().all(|wait| done.contains(wait.unit.as_str()));
        let free: Vec<&str> = open
            .iter()
            .filter(|(_, waits)| is_free(waits))
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            return Err(cycles(units));
        }
        order.waves += 1;
        for name in free {
            done.insert(name);
            let (Some(waits), Some(unit)) = (open.remove(name), enabled.get(name)) else {
                continue;
            };
            order.units.push(Start {
                unit: name.to_owned(),
                kind: unit.kind,
                wave: order.waves,
                up: up(unit, dialect),
                waits,
                holds: holds.remove(name).unwrap_or_default(),
            });
        }
    }
    Ok(order)
}

/// The enabled units that one waits for, each once.
fn waits(unit: &Unit, enabled: &BTreeMap<&str, &Unit>, dialect: Dialect) -> Vec<Wait> {
    let after = match dialect {
        // Its one edge waits until the other is up, whatever the manifest meant.
        Dialect::Yaml => Until::Up,
        Dialect::Toml => Until::Tried,
    };
    let edges = [
        (EdgeKind::Requires, Until::Up, &unit.requires),
        (EdgeKind::After, after, &unit.after),
    ];
    let mut waits: Vec<Wait> = Vec::new();
    for (edge, until, names) in edges {
        for name in names {
            let known = waits.iter().any(|wait| wait.unit == *name);
            // zinit 0.3 waits for no name that is not there when it starts.
            let is_there = |other: &&Unit| dialect == Dialect::Yaml || other.kind != Kind::External;
            if !known && enabled.get(name.as_str()).is_some_and(is_there) {
                let unit = name.clone();
                waits.push(Wait { unit, edge, until });
            }
        }
    }
    waits
}

/// When a unit counts as up.
fn up(unit: &Unit, dialect: Dialect) -> Up {
    let limit = |otherwise: Duration| match dialect {
        Dialect::Yaml => None,
        Dialect::Toml => {
            let limit = unit.start_timeout.unwrap_or(otherwise);
            u64::try_from(limit.as_millis()).ok()
        }
    };
    match (unit.kind, &unit.probe) {
        (Kind::Target, _) => Up::Reached,
        (Kind::External, _) => Up::Elsewhere,
        (Kind::Oneshot, _) => Up::Exit {
            within: limit(toml::ONESHOT_LIMIT),
        },
        // zinit 0.2 has no other way to leave a daemon ended.
        (Kind::Daemon, _) if dialect == Dialect::Yaml && unit.restart == Restart::Never => {
            Up::Exit { within: None }
        }
        (Kind::Daemon, None) => Up::Started,
        (Kind::Daemon, Some(Probe::Tcp(address))) => Up::Tcp {
            address: address.clone(),
            within: limit(toml::READY_LIMIT),
        },
        (Kind::Daemon, Some(Probe::Exec(command))) => Up::Test {
            command: line(command),
            within: limit(toml::READY_LIMIT),
        },
    }
}

/// A command as a shell would be given it.
fn line(command: &Command) -> String {
    match command {
        Command::Argv(argv) => super::quote_all(argv),
        Command::Shell(script) => script.clone(),
    }
}

impl BootOrder {
    /// The unit with this name.
    pub fn find(&self, name: &str) -> Option<&Start> {
        self.units.iter().find(|start| start.unit == name)
    }

    /// What a unit waits for longest: of the units that it waits for the one of the latest wave.
    pub fn last_wait<'a>(&'a self, start: &'a Start) -> Option<&'a Wait> {
        let wave = |wait: &Wait| self.find(&wait.unit).map(|other| other.wave);
        let latest = start.waits.iter().map(wave).max()?;
        start.waits.iter().find(|wait| wave(wait) == latest)
    }

    /// The units that one waits for through any number of others, by wave; none of them comes twice.
    pub fn before(&self, name: &str) -> Vec<&Start> {
        self.closure(name, |start| {
            start.waits.iter().map(|wait| wait.unit.as_str()).collect()
        })
    }

    /// The units that wait for one through any number of others, by wave; none of them comes twice.
    pub fn behind(&self, name: &str) -> Vec<&Start> {
        self.closure(name, |start| {
            start.holds.iter().map(String::as_str).collect()
        })
    }

    /// The units that never start where this one does not come up, by wave.
    pub fn lost_without(&self, name: &str) -> Vec<&Start> {
        self.closure(name, |start| {
            let needs = |other: &&Start| {
                let mut waits = other.waits.iter();
                waits.any(|wait| wait.unit == start.unit && wait.until == Until::Up)
            };
            let others = start.holds.iter().filter_map(|other| self.find(other));
            others
                .filter(needs)
                .map(|other| other.unit.as_str())
                .collect()
        })
    }

    fn closure<'a>(
        &'a self,
        name: &str,
        next: impl Fn(&'a Start) -> Vec<&'a str>,
    ) -> Vec<&'a Start> {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&Start> = self.find(name).into_iter().collect();
        while let Some(start) = open.pop() {
            for name in next(start) {
                if found.insert(name) {
                    open.extend(self.find(name));
                }
            }
        }
        let among = |start: &&Start| found.contains(start.unit.as_str());
        self.units.iter().filter(among).collect()
    }
}

#[cfg(test)]
mod tests;
