//! Text for a terminal: headings, aligned rows, colours that can be off.
//!
//! What is shown may come from an image of anyone's, so nothing in it can steer the terminal: control characters come out as
//! escapes.

use super::render::Style;

/// How a piece of text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// What it is about.
    Strong,
    /// What may be overlooked.
    Faint,
    /// What is well.
    Good,
    /// What is not.
    Bad,
    /// What is to be done.
    Verb,
}

/// A piece of text.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
    right: bool,
}

impl Cell {
    /// Text of a tone.
    pub(super) fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self {
            text: harmless(text.as_ref()),
            tone,
            right: false,
        }
    }

    /// Text.
    pub(super) fn plain(text: impl AsRef<str>) -> Self {
        Self::new(Tone::Plain, text)
    }

    /// Text that may be overlooked.
    pub(super) fn faint(text: impl AsRef<str>) -> Self {
        Self::new(Tone::Faint, text)
    }

    /// A number: it stands at the right of its column.
    pub(super) fn number(text: impl AsRef<str>) -> Self {
        Self {
            right: true,
            ..Self::plain(text)
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    /// The text in its tone, filled up with blanks to a width.
    fn painted(&self, style: Style, width: usize) -> String {
        let painted = match self.tone {
            _ if self.text.is_empty() => String::new(),
            Tone::Plain => self.text.clone(),
            Tone::Strong => style.strong(&self.text),
            Tone::Faint => style.faint(&self.text),
            Tone::Good => style.good(&self.text),
            Tone::Bad => style.bad(&self.text),
            Tone::Verb => style.verb(&self.text),
        };
        let blanks = " ".repeat(width.saturating_sub(self.width()));
        if self.right {
            blanks + &painted
        } else {
            painted + &blanks
        }
    }
}

fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A page on its way.
pub(super) struct Page {
    text: String,
    style: Style,
}

impl Page {
    /// An empty page.
    pub(super) fn new(style: Style) -> Self {
        Self {
            text: String::new(),
            style,
        }
    }

    /// A heading with a remark behind it, and an empty line before it where something is above.
    pub(super) fn head(&mut self, title: &str, remark: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.row(0, &[Cell::new(Tone::Strong, title), Cell::faint(remark)]);
    }

    /// One line, its pieces two blanks apart.
    pub(super) fn row(&mut self, indent: usize, cells: &[Cell]) {
        self.cells(indent, cells, &[]);
    }

    /// Lines whose pieces stand in columns, the last one as long as it likes.
    pub(super) fn table(&mut self, indent: usize, rows: &[Vec<Cell>]) {
        self.list(indent, rows, usize::MAX);
    }

    /// As a table whose columns from `broad` on may be long: those stand below their row, a line each.
    pub(super) fn list(&mut self, indent: usize, rows: &[Vec<Cell>], broad: usize) {
        let mut widths: Vec<usize> = Vec::new();
        for row in rows {
            for (column, cell) in row.iter().take(broad).enumerate() {
                match widths.get_mut(column) {
                    Some(width) => *width = cell.width().max(*width),
                    None => widths.push(cell.width()),
                }
            }
        }
        for row in rows {
            self.cells(indent, row.get(..broad).unwrap_or(row), &widths);
            for cell in row.iter().skip(broad).filter(|cell| !cell.text.is_empty()) {
                self.row(indent + 4, std::slice::from_ref(cell));
            }
        }
    }

    fn cells(&mut self, indent: usize, cells: &[Cell], widths: &[usize]) {
        let last = cells.iter().rposition(|cell| !cell.text.is_empty());
        let mut line = " ".repeat(indent);
        for (column, cell) in cells
            .iter()
            .take(last.map_or(0, |last| last + 1))
            .enumerate()
        {
            if column > 0 {
                line.push_str("  ");
            }
            let is_last = Some(column) == last && !cell.right;
            let width = widths.get(column).copied().filter(|_| !is_last);
            line.push_str(&cell.painted(self.style, width.unwrap_or(0)));
        }
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_numbers_stand_at_the_right() {
        let mut page = Page::new(Style::new(false));
        page.head("sizes", "by origin");
        page.table(
            2,
            &[
                vec![Cell::number("9"), Cell::plain("one"), Cell::faint("x")],
                vec![Cell::number("10"), Cell::plain("three"), Cell::faint("")],
            ],
        );
        assert_eq!(
            page.finish(),
            "sizes  by origin\n   9  one    x\n  10  three\n"
        );
    }

    #[test]
    fn colours_do_not_count_for_a_width_and_content_cannot_bring_its_own() {
        let mut page = Page::new(Style::new(true));
        page.table(
            0,
            &[
                vec![Cell::new(Tone::Bad, "a\u{1b}"), Cell::plain("b")],
                vec![Cell::plain("four"), Cell::plain("c")],
            ],
        );
        let text = page.finish();
        assert!(text.contains("a\\u{1b}"), "{text}");
        let plain = text.replace("\u{1b}[1;31m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, "a\\u{1b}  b\nfour     c\n");
    }
}
