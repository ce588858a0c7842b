//! The boot order as facts: what each unit waits for, in the generation of zinit that reads it.

use serde_json::Value;

use crate::check::Image;
use crate::zinit::{self, Dialect, Until};

use super::facts::{Facts, FieldKind};

/// The section comes right after those of the manifest.
const RANK: usize = 90;

/// Adds what starts before what.
///
/// Units of one side alone are part of the section `unit` and not of this one, so that only what is new about the order is told.
pub(super) fn add(facts: &mut Facts, image: &Image, others: &Image) {
    let units: Vec<zinit::Unit> = image.units.iter().map(|unit| unit.unit.clone()).collect();
    // Without units any dialect will do.
    let dialect = image.dialect.unwrap_or(Dialect::Toml);
    // A check refuses rings.
    let Ok(order) = zinit::order(&units, dialect) else {
        return;
    };
    let section = facts.section(RANK, "boot order");
    for start in &order.units {
        let is_it = |unit: &&crate::check::ResolvedUnit| unit.unit.name == start.unit;
        if !others.units.iter().any(|unit| is_it(&unit)) {
            continue;
        }
        let thing = section.thing(format!("unit {}", start.unit));
        thing.place = image.units.iter().find(is_it).map(|unit| unit.span);
        let waits = start.waits.iter().map(|wait| match wait.until {
            Until::Up => wait.unit.clone(),
            Until::Tried => format!("{} (tried)", wait.unit),
        });
        let waits: Vec<String> = waits.collect();
        if !waits.is_empty() {
            thing.say("starts after", waits);
        }
        thing.set("wave", FieldKind::Detail, Value::from(start.wave));
    }
}
