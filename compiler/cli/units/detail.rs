//! All about one unit, for people.

use std::fmt::Write as _;

use crate::check::Image;
use crate::zinit::{BootOrder, Command, Kind, Restart, Start, Unit, Up, Wait, quote_all};

use super::super::render::Style;
use super::tree::aside;
use super::{Placed, Report};

/// Each wanted unit in turn.
pub(super) fn details(
    image: &Image,
    report: &Report<'_>,
    order: &BootOrder,
    wanted: &[String],
    style: Style,
) -> String {
    let mut texts = Vec::new();
    for name in wanted {
        let placed = report.units.iter().find(|unit| unit.start.unit == *name);
        let unit = image.units.iter().find(|unit| unit.unit.name == *name);
        let Some((placed, unit)) = placed.zip(unit) else {
            continue;
        };
        texts.push(detail(placed, &unit.unit, order, style));
    }
    texts.join("\n")
}

fn detail(placed: &Placed<'_>, unit: &Unit, order: &BootOrder, style: Style) -> String {
    let start = placed.start;
    let mut text = format!(
        "{}  {}, wave {} of {}  {}\n",
        style.strong(&start.unit),
        start.kind.name(),
        start.wave,
        order.waves,
        style.faint(&placed.place())
    );
    let mut field = |name: &str, value: &str| {
        let name = style.faint(&format!("{name:11}"));
        let value = value.replace('\n', "\n               ");
        writeln!(text, "  {name}  {value}").expect("writing to a String does not fail");
    };
    if let Some(command) = &unit.command {
        field("runs", &shown(command));
    }
    field("up once", &up(&start.up));
    if start.kind == Kind::Daemon {
        field("after end", after_end(unit.restart));
    }
    let rows = |waits: Vec<(String, String, Option<usize>)>| -> String {
        let width = waits.iter().map(|(name, _, _)| name.len()).max();
        let width = width.unwrap_or(0);
        let row = |(name, reason, wave): &(String, String, Option<usize>)| {
            let wave = wave.map_or_else(String::new, |wave| format!(", wave {wave}"));
            format!("{name:width$}  {}", style.faint(&format!("{reason}{wave}")))
        };
        waits.iter().map(row).collect::<Vec<_>>().join("\n")
    };
    let wave = |name: &str| order.find(name).map(|other| other.wave);
    if !start.waits.is_empty() {
        let waits = start.waits.iter();
        let waits = waits.map(|wait| (wait.unit.clone(), reason(wait), wave(&wait.unit)));
        field("waits for", &rows(waits.collect()));
        field("in a chain", &chain(start, order));
    }
    if !start.holds.is_empty() {
        let held = start.holds.iter().filter_map(|name| {
            let waits = &order.find(name)?.waits;
            let wait = waits.iter().find(|wait| wait.unit == start.unit)?;
            Some((name.clone(), reason(wait), wave(name)))
        });
        field("holds", &rows(held.collect()));
    }
    let lost = order.lost_without(&start.unit);
    if !lost.is_empty() {
        let names: Vec<&str> = lost.iter().map(|other| other.unit.as_str()).collect();
        let fact = format!("never started: {}", names.join(", "));
        field("if it fails", &fact);
    }
    text
}

/// The way through the unit that is waited for longest, from the first wave on.
fn chain(start: &Start, order: &BootOrder) -> String {
    let mut way = vec![start.unit.as_str()];
    let mut at = Some(start);
    while let Some(wait) = at.and_then(|start| order.last_wait(start)) {
        way.push(&wait.unit);
        at = order.find(&wait.unit);
    }
    way.reverse();
    way.join(" → ")
}

fn reason(wait: &Wait) -> String {
    match aside(wait) {
        Some(aside) => format!("{} ({aside})", wait.edge),
        None => wait.edge.to_string(),
    }
}

fn shown(command: &Command) -> String {
    match command {
        Command::Argv(argv) => quote_all(argv),
        Command::Shell(script) => script.trim_end().to_owned(),
    }
}

fn up(up: &Up) -> String {
    match up {
        Up::Started => "its process runs".to_owned(),
        Up::Test { command, within } => format!("`{command}` succeeds{}", limit(*within)),
        Up::Tcp { address, within } => format!("{address} accepts connections{}", limit(*within)),
        Up::Exit { within } => format!("it has ended with 0{}", limit(*within)),
        Up::Reached => "all that it waits for is up".to_owned(),
        Up::Elsewhere => "something has brought it, and it is up".to_owned(),
    }
}

fn limit(within: Option<u64>) -> String {
    match within {
        None => ", however long that takes".to_owned(),
        Some(limit) => format!(", within {}", duration(limit)),
    }
}

/// Milliseconds in the largest unit that is exact.
fn duration(milliseconds: u64) -> String {
    match milliseconds {
        whole if whole % 60_000 == 0 => format!("{} min", whole / 60_000),
        whole if whole % 1000 == 0 => format!("{} s", whole / 1000),
        other => format!("{other} ms"),
    }
}

fn after_end(restart: Restart) -> &'static str {
    match restart {
        Restart::Always => "it is started again",
        Restart::OnFailure => "it is started again if it failed",
        Restart::Never => "it stays ended",
    }
}
