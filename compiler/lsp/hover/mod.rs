//! What a word of a manifest means, for who points at it.
//!
//! Comes in: the text as the editor has it, broken or not, and an offset; the last good image and what caches know. Goes out: a short
//! page and the range of the word that it is about. Looks nothing up but in memory.

mod kernel;
mod language;
mod packages;
mod page;
mod sections;
mod sources;
mod units;

use std::ops::Range;

use super::knowledge::Knowledge;
use super::meaning::{Meanings, Part, Word};
use super::protocol as lsp;
use super::sketch::Sketch;
use super::view::View;
use crate::check::Image;
use crate::lock::Lock;
use crate::manifest::model::{NameForm, Role};
use crate::plan;
use crate::syntax::scan::scan;

use page::{Page, code};

/// Answers `textDocument/hover`.
pub(super) fn hover(view: &View<'_>, parameters: lsp::HoverParams) -> Option<lsp::Hover> {
    let position = parameters.text_document_position_params.position;
    let good = view.project.good.as_ref();
    let known = Known {
        image: good.and_then(|good| good.image.as_ref()),
        knowledge: view.knowledge,
    };
    let (page, range) = told(view.document.text.as_str(), view.offset(position), known)?;
    let as_markdown = view.client.markdown("/textDocument/hover/contentFormat");
    let kind = if as_markdown {
        lsp::MarkupKind::Markdown
    } else {
        lsp::MarkupKind::PlainText
    };
    let contents = lsp::MarkupContent::new(kind, page.render(as_markdown));
    Some(lsp::Hover::new(contents.into(), Some(view.range(range))))
}

/// What is known beside the text.
#[derive(Clone, Copy)]
struct Known<'a> {
    /// The last image in which nothing was wrong.
    image: Option<&'a Image>,
    knowledge: &'a Knowledge,
}

impl<'a> Known<'a> {
    fn lock(self) -> Option<&'a Lock> {
        self.knowledge.locked().map(super::knowledge::Locked::lock)
    }
}

/// A word that somebody points at.
struct Asked<'a> {
    meanings: &'a Meanings<'a>,
    word: Word<'a>,
    /// The name inside the word that is pointed at, and where it stands.
    name: &'a str,
    range: Range<usize>,
    known: Known<'a>,
}

/// The page about the word at an offset.
fn told(text: &str, offset: usize, known: Known<'_>) -> Option<(Page, Range<usize>)> {
    let sketch = Sketch::new(text, &scan(text).tokens);
    let meanings = Meanings::new(text, &sketch);
    // Of two words that meet at the offset, the one behind it is pointed at.
    let word = meanings.words(offset..offset).last()?;
    let mut page = Page::default();
    if let Some((variable, range)) = variable_at(text, &word, offset) {
        template(variable, &word, &meanings, known, &mut page);
        return Some((page, range));
    }
    let range = name_at(text, &word, offset);
    let name = text.get(range.clone()).unwrap_or_default();
    let asked = Asked {
        meanings: &meanings,
        name: if range == word.range {
            &word.text
        } else {
            name
        },
        word: word.clone(),
        range,
        known,
    };
    asked.tell(&mut page);
    (!page.is_empty()).then_some((page, asked.range))
}

impl Asked<'_> {
    fn tell(&self, page: &mut Page) {
        match self.word.part {
            Part::Key if self.word.member.complete.as_deref() == Some("kconfig") => {
                kernel::symbol(
                    &self.word.text,
                    self.known.image,
                    self.known.knowledge,
                    page,
                );
            }
            Part::Node | Part::Key => {
                language::member(self, page);
                let node = self.meanings.node(self.word.node).map(|(node, _)| node);
                let is_section = node.is_some_and(|node| node.parent.is_none());
                if let (true, Part::Node, Some(image)) =
                    (is_section, self.word.part, self.known.image)
                {
                    sections::section(&self.word.member.name, image, self.known.knowledge, page);
                }
            }
            Part::Value => self.value(page),
        }
    }

    fn value(&self, page: &mut Page) {
        let (member, name) = (self.word.member, self.name);
        let (image, lock) = (self.known.image, self.known.lock());
        let knowledge = self.known.knowledge;
        let naming = &member.naming;
        let kinds = [&naming.names, &naming.refers, &member.complete];
        for kind in kinds.into_iter().flatten() {
            let is_told = match (kind.as_str(), image) {
                ("package", _) => {
                    packages::package(name, self.toolchain().as_deref(), knowledge, page);
                    true
                }
                ("module", _) => {
                    kernel::module(name, knowledge, page);
                    true
                }
                ("firmware", _) => {
                    kernel::firmware(name, knowledge, page);
                    true
                }
                ("unit", Some(image)) => units::unit(name, image, page),
                ("source", Some(image)) => sources::source(name, image, lock, page),
                ("toolchain", Some(image)) => sources::toolchain(name, image, lock, page),
                _ => false,
            };
            if is_told {
                return;
            }
        }
        if language::value(self, page) {
            if let Some(image) = image.filter(|_| member.name == "for-modules") {
                kernel::stage(name, image, knowledge, page);
            }
            return;
        }
        language::about_value(self, page);
    }

    /// The toolchain that a package is named for.
    fn toolchain(&self) -> Option<String> {
        let mut at = self.word.node;
        while let Some((node, member)) = self.meanings.node(at) {
            if member.name == "toolchain" && node.parent.is_none() {
                return self
                    .meanings
                    .identity(node)
                    .map(std::borrow::Cow::into_owned);
            }
            at = node.parent?;
        }
        None
    }
}

/// The variable in braces that an offset is in, where the word may have some.
fn variable_at<'t>(
    text: &'t str,
    word: &Word<'_>,
    offset: usize,
) -> Option<(&'t str, Range<usize>)> {
    if word.part != Part::Value || word.member.naming.template.is_empty() {
        return None;
    }
    let before = text.get(word.range.start..offset)?;
    let open = word.range.start + before.rfind('{')?;
    let inside = text.get(open + 1..word.range.end)?;
    let end = open + 1 + inside.find('}')?;
    (offset <= end).then(|| (text.get(open + 1..end).unwrap_or_default(), open..end + 1))
}

/// What a variable stands for.
fn template(
    variable: &str,
    word: &Word<'_>,
    meanings: &Meanings<'_>,
    known: Known<'_>,
    page: &mut Page,
) {
    page.title(&format!("{{{variable}}}"), "variable");
    let nothing = Lock::default();
    let lock = known.lock().unwrap_or(&nothing);
    let value = known.image.and_then(|image| match variable {
        "title" => Some(image.title.clone()),
        "tag" => {
            let node = meanings.node(word.node)?.0;
            let flist = meanings.identity(meanings.node(node.parent?)?.0)?;
            let mut flists = image.flists.iter();
            let flist = flists.find(|other| other.name.value == flist)?;
            flist.tag.as_ref().map(|tag| tag.value.clone())
        }
        _ => {
            let template = format!("{{{variable}}}");
            let filled = plan::filled(&template, image, lock);
            (filled != template).then_some(filled)
        }
    });
    match value {
        Some(value) => page.fact(format!("stands for {}", code(&value))),
        None => page.fact("has a value once the image is locked: run `zosc lock`"),
    }
}

/// The range of the name that is pointed at: all of a word, or a part of it where a word holds several.
fn name_at(text: &str, word: &Word<'_>, offset: usize) -> Range<usize> {
    let has_several = word.part == Part::Value
        && (word.member.naming.form != NameForm::Whole)
        && word.member.role != Role::Args;
    if !has_several {
        return word.range.clone();
    }
    let is_bound = |character: char| character.is_whitespace() || character == '"';
    let before = text.get(word.range.start..offset).unwrap_or_default();
    let behind = text.get(offset..word.range.end).unwrap_or_default();
    let start = before.rfind(is_bound).map_or(word.range.start, |at| {
        let bound = before[at..].chars().next().map_or(1, char::len_utf8);
        word.range.start + at + bound
    });
    let end = behind
        .find(is_bound)
        .map_or(word.range.end, |at| offset + at);
    start..end.max(start)
}

#[cfg(test)]
mod tests;
