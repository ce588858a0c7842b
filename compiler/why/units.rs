//! Why a unit is in the image, when it starts, and who waits for it.

use crate::zinit::{self, Dialect};

use super::{Answer, Known};

/// What there is to say about a unit.
pub(super) fn unit(known: &Known<'_>, asked: &str) -> Option<Answer> {
    let mut units = known.image.units.iter();
    let unit = units.find(|unit| unit.unit.name == asked)?;
    let mut answer = Answer::new("unit", asked);
    let kind = unit.unit.kind.name();
    answer.at(format!("the manifest has it as a {kind}"), unit.span);
    let units: Vec<zinit::Unit> = known
        .image
        .units
        .iter()
        .map(|unit| unit.unit.clone())
        .collect();
    let dialect = known.image.dialect.unwrap_or(Dialect::Toml);
    let Ok(order) = zinit::order(&units, dialect) else {
        return Some(answer);
    };
    let Some(start) = order.find(asked) else {
        return Some(answer);
    };
    answer.say(format!(
        "it starts in wave {} of {}",
        start.wave, order.waves
    ));
    for wait in &start.waits {
        answer.say(format!("{} {}: it waits for that", wait.edge, wait.unit));
    }
    for name in &start.holds {
        let edge = order.find(name).and_then(|other| {
            let wait = other.waits.iter().find(|wait| wait.unit == asked)?;
            Some(wait.edge.name())
        });
        let other = known
            .image
            .units
            .iter()
            .find(|unit| unit.unit.name == *name);
        let text = format!(
            "the unit {name} waits for it: {} {asked}",
            edge.unwrap_or("after")
        );
        answer.at(text, other.map(|unit| unit.span));
    }
    Some(answer)
}
