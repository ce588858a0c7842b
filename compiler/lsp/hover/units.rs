//! A unit's place in the boot order.

use super::page::{Page, code, some};
use crate::check::Image;
use crate::zinit::{self, BootOrder, Command, Dialect, Start, Unit, Up};

/// Most names that a line shows.
const SHOWN: usize = 8;

/// What is known of a unit; whether the image has it.
pub(super) fn unit(name: &str, image: &Image, page: &mut Page) -> bool {
    let units: Vec<Unit> = image.units.iter().map(|unit| unit.unit.clone()).collect();
    let Some(unit) = units.iter().find(|unit| unit.name == name) else {
        return false;
    };
    page.title(name, format!("unit, {}", unit.kind.name()));
    if let Some(command) = &unit.command {
        page.fact(match command {
            Command::Argv(argv) => format!("runs {}", code(&zinit::quote_all(argv))),
            Command::Shell(script) => format!("runs {} in a shell", code(&first_line(script))),
        });
    }
    let dialect = image.dialect.unwrap_or(Dialect::Toml);
    let Ok(order) = zinit::order(&units, dialect) else {
        page.fact("it has no place in the boot order: units wait for each other in a circle");
        return true;
    };
    if let Some(start) = order.find(name) {
        place(&order, start, page);
    }
    beside(unit, page);
    true
}

fn place(order: &BootOrder, start: &Start, page: &mut Page) {
    page.fact(format!("starts in wave {} of {}", start.wave, order.waves));
    let waits: Vec<String> = start
        .waits
        .iter()
        .map(|wait| format!("{} ({})", code(&wait.unit), wait.edge))
        .collect();
    if !waits.is_empty() {
        let (shown, more) = waits.split_at(waits.len().min(SHOWN));
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        page.fact(format!("waits for {}{more}", shown.join(", ")));
    }
    if let Some(last) = order.last_wait(start).filter(|_| start.waits.len() > 1) {
        page.fact(format!("the last of those to come is {}", code(&last.unit)));
    }
    if !start.holds.is_empty() {
        let waits = if start.holds.len() == 1 {
            "waits"
        } else {
            "wait"
        };
        page.fact(format!("{} {waits} for it", some(&start.holds, SHOWN)));
    }
    let lost = order.lost_without(&start.unit);
    let lost: Vec<&str> = lost.iter().map(|start| start.unit.as_str()).collect();
    if lost.len() > start.holds.len() {
        page.fact(format!("without it never start {}", some(&lost, SHOWN)));
    }
    if let Some(up) = up(&start.up) {
        page.fact(up);
    }
}

/// When a unit counts as up, where that is more than that it was started.
fn up(up: &Up) -> Option<String> {
    let limit = |within: &Option<u64>| {
        let within = within.map(|milliseconds| format!(", within {}", time(milliseconds)));
        within.unwrap_or_default()
    };
    Some(match up {
        Up::Test { command, within } => {
            format!(
                "up once {} ends with 0{}",
                code(&first_line(command)),
                limit(within)
            )
        }
        Up::Tcp { address, within } => {
            format!(
                "up once {} accepts connections{}",
                code(address),
                limit(within)
            )
        }
        Up::Exit { within } => format!("up once it has ended with 0{}", limit(within)),
        Up::Elsewhere => "something else brings it while the machine runs".to_owned(),
        Up::Started | Up::Reached => return None,
    })
}

/// Edges that order nothing.
fn beside(unit: &Unit, page: &mut Page) {
    if !unit.wants.is_empty() {
        page.fact(format!("wants {} beside it", some(&unit.wants, SHOWN)));
    }
    if !unit.conflicts.is_empty() {
        page.fact(format!(
            "does not run beside {}",
            some(&unit.conflicts, SHOWN)
        ));
    }
}

fn time(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1000) {
        format!("{} s", milliseconds / 1000)
    } else {
        format!("{milliseconds} ms")
    }
}

fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() {
        format!("{first} …")
    } else {
        first.to_owned()
    }
}
