//! From abstract units to the files of one dialect.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::unit::{Kind, Unit};
use super::{toml, yaml};
use crate::diagnostic::listed;

/// A generation of zinit, named by the format of its unit files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// zinit 0.2: `/etc/zinit/NAME.yaml`.
    Yaml,
    /// zinit 0.3: `/etc/zinit/services/NAME.toml`.
    Toml,
}

impl Dialect {
    /// The name used in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Toml => "toml",
        }
    }

    /// The generation of zinit that reads it.
    pub fn generation(self) -> &'static str {
        match self {
            Self::Yaml => "zinit 0.2",
            Self::Toml => "zinit 0.3",
        }
    }

    /// Where the file of a unit lies in the image.
    pub fn path(self, unit: &str) -> String {
        match self {
            Self::Yaml => format!("/etc/zinit/{unit}.yaml"),
            Self::Toml => format!("/etc/zinit/services/{unit}.toml"),
        }
    }
}

/// What a dialect could not express in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Order without dependence.
    After,
    /// A want.
    Wants,
    /// A conflict.
    Conflicts,
    /// A readiness probe on something that is not a daemon.
    Probe,
    /// A limit to the time a start may take.
    StartTimeout,
    /// When the unit is started again.
    Restart,
    /// The signal that asks the unit to stop.
    StopSignal,
    /// The time the unit has to stop.
    StopTimeout,
}

impl Feature {
    /// The name used in messages and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Wants => "wants",
            Self::Conflicts => "conflicts",
            Self::Probe => "probe",
            Self::StartTimeout => "start-timeout",
            Self::Restart => "restart",
            Self::StopSignal => "stop-signal",
            Self::StopTimeout => "stop-timeout",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One wish that the image will not fulfil as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The unit that wished.
    pub unit: String,
    /// What was wished.
    pub feature: Feature,
    /// What happens instead: a clause about the unit, lower case, no final period.
    pub consequence: String,
}

/// One unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// The unit it describes.
    pub unit: String,
    /// Its absolute path in the image.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The files of one image's units.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lowered {
    /// The files, sorted by unit.
    pub files: Vec<UnitFile>,
    /// What the dialect could not express, in the same order.
    pub losses: Vec<Loss>,
}

/// Writes the files of all enabled units but those that are brought from elsewhere.
///
/// Soft edges (`after`, `wants`, `conflicts`) to units that are off or unknown are left out, since zinit 0.2 would wait for
/// such a name for ever; `requires` is written as it stands.
pub fn lower(units: &[Unit], dialect: Dialect) -> Lowered {
    let mut enabled: Vec<&Unit> = units.iter().filter(|unit| unit.enabled).collect();
    enabled.sort_by(|one, other| one.name.cmp(&other.name));
    let present: BTreeSet<&str> = enabled.iter().map(|unit| unit.name.as_str()).collect();
    let mut lowered = Lowered::default();
    let external = |unit: &&&Unit| unit.kind == Kind::External;
    let external: BTreeSet<&str> = enabled
        .iter()
        .filter(external)
        .map(|unit| unit.name.as_str())
        .collect();
    for unit in enabled.iter().filter(|unit| unit.kind != Kind::External) {
        let mut losses = Losses {
            unit: &unit.name,
            list: &mut lowered.losses,
        };
        let text = match dialect {
            Dialect::Yaml => yaml::write(unit, &present, &mut losses),
            Dialect::Toml => {
                late(unit, &external, &mut losses);
                toml::write(unit, &present, &mut losses)
            }
        };
        lowered.files.push(UnitFile {
            unit: unit.name.clone(),
            path: dialect.path(&unit.name),
            text,
        });
    }
    lowered
}

/// zinit 0.3 waits for no name that is not there when it starts.
fn late(unit: &Unit, external: &BTreeSet<&str>, losses: &mut Losses<'_>) {
    let late = present(&unit.after, external);
    if !late.is_empty() {
        let names = listed(late.iter().copied());
        losses.push(
            Feature::After,
            format!("it starts without {names}, which is not there when zinit starts"),
        );
    }
}

/// Takes down the losses of one unit.
pub(super) struct Losses<'a> {
    unit: &'a str,
    list: &'a mut Vec<Loss>,
}

impl Losses<'_> {
    /// Takes one down.
    pub(super) fn push(&mut self, feature: Feature, consequence: impl Into<String>) {
        self.list.push(Loss {
            unit: self.unit.to_owned(),
            feature,
            consequence: consequence.into(),
        });
    }
}

/// The names among `names` that are present, each once, in the order of writing.
pub(super) fn present<'a>(names: &'a [String], among: &BTreeSet<&str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names
        .iter()
        .map(String::as_str)
        .filter(|name| among.contains(name) && seen.insert(*name))
        .collect()
}
