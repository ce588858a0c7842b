//! `firmware.conf`: packages of firmware, a line each or in variables, to the `firmware` section.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::write::{NewNode, Piece, wrapped};

use super::Ctx;
use super::assignments::{self, Variables};
use super::folder::Text;
use super::lines::{Line, lines};

/// Alpine's packages of firmware begin with this.
const PREFIX: &str = "linux-firmware";

/// Carries the list over.
pub(super) fn carry(text: &Text, earlier: &Variables, ctx: &mut Ctx<'_>) -> Option<NewNode> {
    let mut list = List::default();
    if lines(text).any(|line| matches!(line, Line::Entry(entry) if is_assignment(entry.text))) {
        let variables = assignments::read(text, earlier, ctx.sink);
        for (_, variable) in variables.all() {
            for word in variable.value.split_whitespace() {
                list.word(word, variable.span, ctx);
            }
        }
    } else {
        for line in lines(text) {
            match line {
                Line::Comment(comment) => list.pieces(Piece::Comment(comment)),
                Line::Blank => list.pieces(Piece::Blank),
                Line::Rule => {}
                Line::Entry(entry) => {
                    let name = entry.text.split([':', ' ', '\t', '|', ',']).next();
                    list.word(name.unwrap_or(""), entry.span, ctx);
                }
            }
        }
    }
    list.flush();
    (!list.seen.is_empty()).then(|| NewNode::new("firmware").children(list.pieces))
}

fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

#[derive(Default)]
struct List {
    pieces: Vec<Piece>,
    packages: Vec<String>,
    seen: BTreeSet<String>,
}

impl List {
    fn flush(&mut self) {
        let nodes = wrapped("package", &std::mem::take(&mut self.packages), 1);
        self.pieces.extend(nodes.into_iter().map(Piece::Node));
    }

    fn pieces(&mut self, piece: Piece) {
        self.flush();
        self.pieces.push(piece);
    }

    /// Takes a package, with or without its prefix.
    fn word(&mut self, word: &str, span: Span, ctx: &mut Ctx<'_>) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
        let starts = word.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !starts || !word.chars().all(is_name) {
            return ctx.push(
                Diagnostic::warning(
                    "zosc::migrate::no-package",
                    format!("`{word}` is no package of firmware"),
                )
                .at(span)
                .help("`firmware { package NAME; keep \"FOLDER/*\" }` takes single files out of a package"),
            );
        }
        let package = if word.starts_with(PREFIX) || word.ends_with("-firmware") {
            word.to_owned()
        } else {
            format!("{PREFIX}-{word}")
        };
        if self.seen.insert(package.clone()) {
            self.packages.push(package);
        }
    }
}
