//! Which unit holds the others back. Pure: states as they were reported and the order of the units in, clauses for people out.

use std::collections::BTreeMap;

use crate::zinit::{BootOrder, Start, Until};

/// The last reported state of every unit.
pub(super) type States = BTreeMap<String, String>;

/// From a unit that is not up to the one that is to blame: each waits for the next.
pub(super) fn chain<'a>(order: &'a BootOrder, states: &States, unit: &str) -> Vec<&'a Start> {
    let mut chain: Vec<&Start> = order.find(unit).into_iter().collect();
    while let Some(last) = chain.last() {
        let mut waits: Vec<&Start> = last
            .waits
            .iter()
            .filter(|wait| wait.until == Until::Up || !is_tried(states, &wait.unit))
            .filter(|wait| !is_up(states, &wait.unit))
            .filter_map(|wait| order.find(&wait.unit))
            .collect();
        // A failure is the answer; what works or waits may be on its way.
        waits.sort_by_key(|start| rank(states, &start.unit));
        match waits.first() {
            // The order has no cycles, so this comes to an end.
            Some(next) => chain.push(next),
            None => break,
        }
    }
    chain
}

/// A chain in words: `ready` waits for `network`, which waits for `udhcpc`, which is starting.
pub(super) fn told(chain: &[&Start], states: &States) -> Option<String> {
    let (first, rest) = chain.split_first()?;
    let last = chain.last()?;
    let state = states.get(&last.unit).map_or("unknown", String::as_str);
    let Some((second, others)) = rest.split_first() else {
        return Some(format!(
            "`{}` is {state}, and waits for no other unit",
            first.unit
        ));
    };
    let mut text = format!("`{}` waits for `{}`", first.unit, second.unit);
    for start in others {
        text.push_str(&format!(", which waits for `{}`", start.unit));
    }
    Some(format!("{text}, which is {state}"))
}

/// Units that have failed, by name.
pub(super) fn failed(states: &States) -> Vec<&str> {
    let failed = states.iter().filter(|(_, state)| *state == "failed");
    failed.map(|(name, _)| name.as_str()).collect()
}

fn is_up(states: &States, unit: &str) -> bool {
    let state = states.get(unit).map(String::as_str);
    matches!(state, Some("running" | "success"))
}

fn is_tried(states: &States, unit: &str) -> bool {
    let state = states.get(unit).map(String::as_str);
    matches!(state, Some("running" | "success" | "failed" | "stopped"))
}

fn rank(states: &States, unit: &str) -> u8 {
    match states.get(unit).map(String::as_str) {
        Some("failed") => 0,
        Some("starting") => 1,
        Some("blocked") => 2,
        _ => 3,
    }
}

/// Who speaks of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// zinit.
    Zinit,
    /// The unit itself.
    Own,
}

/// What was said last of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// By zinit.
    pub zinit: Option<String>,
    /// By the unit itself.
    pub own: Option<String>,
}

impl Words {
    /// Notes a line.
    pub(super) fn note(&mut self, voice: Voice, line: &str) {
        let place = match voice {
            Voice::Zinit => &mut self.zinit,
            Voice::Own => &mut self.own,
        };
        *place = Some(line.trim().to_owned());
    }
}

/// Who speaks of a unit in a line, where somebody does.
pub(super) fn voice(line: &str, unit: &str) -> Option<Voice> {
    if !line.contains(unit) {
        return None;
    }
    // zinit 0.3 has fields, zinit 0.2 has sentences.
    let zinit = [
        format!("service={unit}"),
        format!("service {unit}"),
        format!("service '{unit}'"),
        format!("service \"{unit}\""),
    ];
    let own = [format!("[{unit}]"), format!("{unit}: ")];
    let has = |marks: &[String]| marks.iter().any(|mark| has_mark(line, mark, unit));
    if has(&zinit) {
        return Some(Voice::Zinit);
    }
    has(&own).then_some(Voice::Own)
}

/// Whether a mark stands in a line and the name in it is a whole one: one that only ends or begins like it is another's.
fn has_mark(line: &str, mark: &str, unit: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    line.match_indices(mark).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let behind = line[at + mark.len()..].chars().next();
        let is_cut = mark.ends_with(unit) && behind.is_some_and(goes_on);
        !is_cut && !before.is_some_and(goes_on)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zinit::{Command, Dialect, Kind, Unit, order};

    fn order_of(edges: &[(&str, &[&str])]) -> BootOrder {
        let units: Vec<Unit> = edges
            .iter()
            .map(|(name, requires)| Unit {
                requires: requires.iter().map(|name| (*name).to_owned()).collect(),
                ..Unit::new(
                    *name,
                    Kind::Oneshot,
                    Some(Command::Shell("true".to_owned())),
                )
            })
            .collect();
        order(&units, Dialect::Toml).expect("no cycle")
    }

    fn states(states: &[(&str, &str)]) -> States {
        let owned = states
            .iter()
            .map(|(unit, state)| ((*unit).to_owned(), (*state).to_owned()));
        owned.collect()
    }

    #[test]
    fn the_unit_that_is_to_blame_ends_the_chain() {
        let order = order_of(&[
            ("ready", &["network", "disks"]),
            ("network", &["udhcpc"]),
            ("udhcpc", &[]),
            ("disks", &[]),
        ]);
        let states = states(&[
            ("ready", "blocked"),
            ("network", "blocked"),
            ("udhcpc", "starting"),
            ("disks", "success"),
        ]);
        let told = told(&chain(&order, &states, "ready"), &states).expect("told");
        assert_eq!(
            told,
            "`ready` waits for `network`, which waits for `udhcpc`, which is starting"
        );
    }

    #[test]
    fn a_failure_goes_before_what_is_on_its_way() {
        let order = order_of(&[("ready", &["a", "b"]), ("a", &[]), ("b", &[])]);
        let states = states(&[("a", "starting"), ("b", "failed")]);
        let told = told(&chain(&order, &states, "ready"), &states).expect("told");
        assert_eq!(told, "`ready` waits for `b`, which is failed");
        assert_eq!(failed(&states), ["b"]);
    }

    #[test]
    fn lines_are_about_whole_names() {
        let zinit = Some(Voice::Zinit);
        assert_eq!(
            voice("ERROR failed to spawn service service=net error=x", "net"),
            zinit
        );
        assert_eq!(
            voice("INFO service started service=network pid=7", "net"),
            None
        );
        assert_eq!(voice("service 'net' is scheduled", "net"), zinit);
        assert_eq!(voice("[net] no lease", "net"), Some(Voice::Own));
        assert_eq!(voice("net: no lease", "net"), Some(Voice::Own));
        assert_eq!(voice("subnet: 10.0.0.0", "net"), None);
        assert_eq!(voice("the net is up", "net"), None);
    }
}
