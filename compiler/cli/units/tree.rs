//! The boot order as a tree for people: each unit hangs below the one that it waits for longest.

use std::collections::BTreeMap;

use crate::zinit::{BootOrder, Dialect, EdgeKind, Until, Up, Wait};

use super::super::render::Style;
use super::{Placed, Report};

/// Columns of the whole picture, before reasons go on in a line of their own.
const WIDTH: usize = 110;
/// Columns that reasons get at the least.
const LEAST: usize = 30;

/// One line: a unit with the branches in front of it.
struct Line<'a> {
    unit: &'a Placed<'a>,
    /// The branches of this line, and those of lines that go on below it.
    branch: String,
    below: String,
}

/// All units as a tree.
pub(super) fn tree(report: &Report<'_>, order: &BootOrder, style: Style) -> String {
    let Some(dialect) = report.dialect else {
        return format!("{} has no units\n", style.strong(report.image));
    };
    let mut lines = Vec::new();
    hang(&children(report, order), None, "", &mut lines);
    let mut text = head(report, dialect, style);
    let name_width = width(&lines, |line| {
        columns(&line.branch) + line.unit.start.unit.len()
    });
    let place_width = width(&lines, |line| columns(&line.unit.place()));
    let wave_width = report.waves.to_string().len().max("wave".len());
    let before = wave_width + 2 + name_width + 2 + 8 + 2 + 7 + 2 + place_width + 2;
    let room = WIDTH.saturating_sub(before).max(LEAST);
    let title = format!(
        "{:>wave_width$}  {:name_width$}  {:8}  {:7}  {:place_width$}  waits for",
        "wave", "unit", "kind", "up once", "where"
    );
    text.push_str(&format!("{}\n", style.faint(&title)));
    for line in &lines {
        let start = line.unit.start;
        let name_room = name_width - columns(&line.branch);
        let reasons = reasons(&start.waits, room);
        let first = reasons.first().map_or("", String::as_str);
        text.push_str(&format!(
            "{}  {}{}  {:8}  {:7}  {}  {first}",
            style.faint(&format!("{:>wave_width$}", start.wave)),
            style.faint(&line.branch),
            style.strong(&format!("{:name_room$}", start.unit)),
            start.kind.name(),
            word(&start.up),
            style.faint(&format!("{:place_width$}", line.unit.place())),
        ));
        end_line(&mut text);
        for reason in reasons.iter().skip(1) {
            let branch_room = before - wave_width - 2;
            text.push_str(&format!(
                "{:wave_width$}  {}{reason}\n",
                "",
                style.faint(&format!("{:branch_room$}", line.below))
            ));
        }
    }
    text
}

/// `zos-demo: 12 units for zinit 0.3 in 8 waves`.
fn head(report: &Report<'_>, dialect: Dialect, style: Style) -> String {
    let count = |count: usize, word: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {word}{plural}")
    };
    format!(
        "{}: {} for {} in {}\n\n",
        style.strong(report.image),
        count(report.units.len(), "unit"),
        dialect.generation(),
        count(report.waves, "wave"),
    )
}

/// The units that hang below each, and those that wait for nothing below none.
type Children<'a> = BTreeMap<Option<&'a str>, Vec<&'a Placed<'a>>>;

fn children<'a>(report: &'a Report<'a>, order: &'a BootOrder) -> Children<'a> {
    let mut children = Children::new();
    for unit in &report.units {
        let above = order.last_wait(unit.start);
        let above = above.map(|wait| wait.unit.as_str());
        children.entry(above).or_default().push(unit);
    }
    // The last wave comes first, so what hangs below a unit is known before it.
    let mut deepest: BTreeMap<&str, usize> = BTreeMap::new();
    for unit in report.units.iter().rev() {
        let below = children.get(&Some(unit.start.unit.as_str()));
        let depths = below.into_iter().flatten();
        let depths = depths.filter_map(|unit| deepest.get(unit.start.unit.as_str()));
        let depth = depths.copied().max().unwrap_or(unit.start.wave);
        deepest.insert(&unit.start.unit, depth);
    }
    // The longest way comes last, so that its branches do not part the others.
    for units in children.values_mut() {
        units.sort_by_key(|unit| (deepest.get(unit.start.unit.as_str()), &unit.start.unit));
    }
    children
}

/// Adds the units that hang below one, or those that wait for nothing, and what hangs below them.
fn hang<'a>(
    children: &Children<'a>,
    parent: Option<&str>,
    indentation: &str,
    lines: &mut Vec<Line<'a>>,
) {
    let units = children.get(&parent).map_or(&[][..], Vec::as_slice);
    for (number, unit) in units.iter().enumerate() {
        let is_last = number + 1 == units.len();
        let (own, further) = match (parent, is_last) {
            (None, _) => ("", ""),
            (Some(_), true) => ("└─ ", "   "),
            (Some(_), false) => ("├─ ", "│  "),
        };
        let name = Some(unit.start.unit.as_str());
        let further = format!("{indentation}{further}");
        let stem = if children.contains_key(&name) {
            "│"
        } else {
            ""
        };
        lines.push(Line {
            unit,
            branch: format!("{indentation}{own}"),
            below: format!("{further}{stem}"),
        });
        hang(children, name, &further, lines);
    }
}

/// What a unit waits for, in lines of at most so many columns: `requires a, b; after c (order only)`.
fn reasons(waits: &[Wait], room: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (number, wait) in waits.iter().enumerate() {
        let same = |other: Option<&Wait>| {
            other.is_some_and(|other| (other.edge, other.until) == (wait.edge, wait.until))
        };
        let next = waits.get(number + 1);
        if !same(number.checked_sub(1).and_then(|before| waits.get(before))) {
            words.push(wait.edge.to_string());
        }
        words.push(match next {
            Some(_) if same(next) => format!("{},", wait.unit),
            _ => wait.unit.clone(),
        });
        if !same(next) {
            words.extend(aside(wait).map(|aside| format!("({aside})")));
            if let Some(last) = words.last_mut().filter(|_| next.is_some()) {
                last.push(';');
            }
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(&word) <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(_) => lines.push(format!("  {word}")),
            None => lines.push(word),
        }
    }
    lines
}

/// What is to be known about an edge that does not do what its name says everywhere.
pub(super) fn aside(wait: &Wait) -> Option<&'static str> {
    match (wait.edge, wait.until) {
        (EdgeKind::After, Until::Tried) => Some("order only"),
        (EdgeKind::After, Until::Up) => Some("until it is up"),
        _ => None,
    }
}

/// When a unit is up, in a word.
fn word(up: &Up) -> &'static str {
    match up {
        Up::Started => "at once",
        Up::Test { .. } => "test",
        Up::Tcp { .. } => "tcp",
        Up::Exit { .. } => "exit 0",
        Up::Reached => "reached",
        Up::Elsewhere => "brought",
    }
}

fn width<T>(lines: &[T], of: impl Fn(&T) -> usize) -> usize {
    lines.iter().map(of).max().unwrap_or(0)
}

/// How many columns a text takes: names and branches have one a character.
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Ends a line without blanks at its end.
fn end_line(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}
