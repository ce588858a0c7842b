//! Differences as a comment on a pull request, in GitHub's Markdown.
//!
//! What comes from outside stands inside `<code>` with all punctuation as character references, so that no name of a file and no
//! value can become markup, a link or a mention. A comment has a longest length; what does not fit is counted.

use crate::diff::{Change, ChangeKind, Difference, Impact, SectionDifference, TextChange};

use super::human::{actions, change_of, fetch, growths, others, output, places, summary};
use super::values::{notes, shown, tame, value};

/// The longest comment, in bytes; GitHub takes 65,536 characters.
const LONGEST: usize = 60_000;
/// What is kept for closing lines.
const RESERVE: usize = 600;
/// The most actions of a stage that are named.
const ACTIONS: usize = 20;

/// The comment; in short, only the counts of each section.
pub(super) fn text(difference: &Difference, in_short: bool) -> String {
    let mut page = Page::default();
    page.push(&format!(
        "**zosc diff** {} → {}: {}\n",
        code(&difference.old),
        code(&difference.new),
        summary(difference)
    ));
    for note in &difference.notes {
        page.push(&format!("\n> {}\n", escaped(&tame(note))));
    }
    if let Some(found) = &difference.impact {
        impact(&mut page, found);
    }
    if in_short {
        counts(&mut page, difference);
    } else {
        for section in &difference.sections {
            self::section(&mut page, section);
        }
    }
    page.finish()
}

/// A text that stops growing in time.
#[derive(Default)]
struct Page {
    text: String,
    left_out: usize,
}

impl Page {
    /// Adds a piece as a whole, or counts it.
    fn push(&mut self, piece: &str) -> bool {
        let fits = self.left_out == 0 && self.text.len() + piece.len() + RESERVE <= LONGEST;
        if fits {
            self.text.push_str(piece);
        } else {
            self.left_out += 1;
        }
        fits
    }

    /// Closes what was opened, which there is room for.
    fn close(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let count = self.left_out;
            self.text.push_str(&format!(
                "\n**{count} more rows do not fit here**; `zosc diff --format json` has them all.\n"
            ));
        }
        self.text
    }
}

fn section(page: &mut Page, section: &SectionDifference) {
    let count = section.changes.len();
    let plural = if count == 1 { "" } else { "s" };
    let open = format!(
        "\n<details><summary>{}: {count} difference{plural}</summary>\n\n| | what | difference | where |\n|-|-|-|-|\n",
        escaped(&tame(&section.section))
    );
    let opened = page.push(&open);
    if !opened {
        page.left_out += count - 1;
        return;
    }
    for change in &section.changes {
        page.push(&row(change));
    }
    for change in &section.changes {
        if let Some(lines) = &change.text {
            let block = fenced(lines);
            page.push(&format!("\n{}\n\n{block}", code(&change.what)));
        }
    }
    page.close("\n</details>\n");
}

fn row(change: &Change) -> String {
    let sign = match change.change {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed => "changed",
        ChangeKind::Moved => "moved",
    };
    let alone = matches!(change.change, ChangeKind::Added | ChangeKind::Removed);
    let fields = shown(change).into_iter().map(|field| {
        let text = if alone {
            let known = field.after.as_ref().or(field.before.as_ref());
            known.map_or_else(String::new, |known| value(known, field.kind))
        } else {
            change_of(field, change.text.is_some())
        };
        format!("{} {}", escaped(&tame(&field.field)), code(&text))
    });
    let notes = notes(&change.fields).map(|note| {
        let known = note.after.as_ref().or(note.before.as_ref());
        let known = known.map_or_else(String::new, |known| value(known, note.kind));
        format!("{} {}", escaped(&tame(&note.field)), code(&known))
    });
    let facts: Vec<String> = fields.chain(notes).collect();
    let places = places(change.old.as_ref(), change.new.as_ref());
    let places = if places.is_empty() {
        places
    } else {
        code(&places)
    };
    format!(
        "| {sign} | {} | {} | {places} |\n",
        code(&change.what),
        facts.join("<br>")
    )
}

fn impact(page: &mut Page, impact: &Impact) {
    let mut lines = vec![actions(impact)];
    lines.extend(impact.outputs.iter().map(output));
    lines.push(fetch(impact));
    lines.extend(growths(impact));
    let list = lines.iter().map(|line| escaped(&tame(line)));
    let list: Vec<String> = list.collect();
    page.push(&format!("\n- {}\n", list.join("\n- ")));
    if impact.stages.is_empty() {
        return;
    }
    let open =
        "\n<details><summary>What runs again</summary>\n\n| stage | action | because |\n|-|-|-|\n";
    if !page.push(open) {
        return;
    }
    for stage in &impact.stages {
        let own = stage.again.iter().filter(|action| action.own);
        for action in own.take(ACTIONS) {
            page.push(&format!(
                "| {} | {} | {} |\n",
                escaped(&tame(&stage.stage)),
                code(&action.label),
                escaped(&tame(&action.because))
            ));
        }
        if let Some(others) = others(stage, ACTIONS) {
            page.push(&format!(
                "| {} | {others} | |\n",
                escaped(&tame(&stage.stage))
            ));
        }
    }
    page.close("\n</details>\n");
}

fn counts(page: &mut Page, difference: &Difference) {
    page.push("\n| section | differences |\n|-|-|\n");
    for section in &difference.sections {
        let name = escaped(&tame(&section.section));
        page.push(&format!("| {name} | {} |\n", section.changes.len()));
    }
}

/// Lines in a fence that is longer than any inside.
fn fenced(lines: &TextChange) -> String {
    let tamed: Vec<String> = lines.lines.iter().map(|line| tame(line)).collect();
    let longest = tamed.iter().map(|line| run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let more = match lines.left_out {
        0 => String::new(),
        count => format!("\nand {count} more lines\n"),
    };
    format!("{fence}diff\n{}\n{fence}\n{more}", tamed.join("\n"))
}

/// The longest run of backticks.
fn run(line: &str) -> usize {
    let runs = line.split(|character| character != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// A text from outside as code.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(&tame(text)))
}

/// A text in which nothing means anything to Markdown or HTML.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        let safe = character.is_alphanumeric() || matches!(character, ' ' | '-' | '/' | ',' | '.');
        if safe || !character.is_ascii() {
            escaped.push(character);
        } else {
            escaped.push_str(&format!("&#{};", character as u32));
        }
    }
    // The one kind of address that needs no colon.
    escaped.replace("www.", "www&#46;")
}
