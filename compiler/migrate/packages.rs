//! `packages.list`: a package a line, to the `packages` section.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::write::{NewNode, Piece, wrapped};

use super::Ctx;
use super::folder::Text;
use super::lines::{Entry, Line, lines};

/// Tags that apk's users give repositories by habit, with what they stand for.
const TAGS: &[(&str, &[&str])] = &[("edge", &["main", "community"]), ("testing", &["testing"])];

/// What `packages.list` becomes.
#[derive(Default)]
pub(super) struct Packages {
    /// The children of the `packages` section.
    pub(super) pieces: Vec<Piece>,
    /// `repository` nodes that tagged packages need.
    pub(super) repositories: Vec<NewNode>,
}

/// Carries the list over.
pub(super) fn carry(text: &Text, ctx: &mut Ctx<'_>) -> Packages {
    let mut list = List::default();
    for line in lines(text) {
        match line {
            Line::Blank => {
                list.flush();
                list.pieces.push(Piece::Blank);
            }
            Line::Rule => list.flush(),
            Line::Comment(comment) => {
                list.flush();
                list.pieces.push(Piece::Comment(comment));
            }
            Line::Entry(entry) => list.entry(&entry, ctx),
        }
    }
    list.flush();
    let repositories = TAGS
        .iter()
        .filter(|(tag, _)| list.tags.contains(*tag))
        .flat_map(|(tag, names)| {
            names.iter().map(|name| {
                NewNode::new("repository")
                    .arg(*name)
                    .prop("branch", "edge")
                    .prop("tag", *tag)
            })
        });
    Packages {
        repositories: repositories.collect(),
        pieces: list.pieces,
    }
}

#[derive(Default)]
struct List {
    pieces: Vec<Piece>,
    /// Plain names that share lines.
    names: Vec<String>,
    seen: BTreeSet<String>,
    tags: BTreeSet<String>,
}

impl List {
    fn flush(&mut self) {
        let names = std::mem::take(&mut self.names);
        let nodes = wrapped("install", &names, 1);
        self.pieces.extend(nodes.into_iter().map(Piece::Node));
    }

    fn alone(&mut self, node: NewNode, remark: Option<&String>) {
        self.flush();
        let node = match remark {
            Some(remark) => node.remark(remark),
            None => node,
        };
        self.pieces.push(node.into());
    }

    fn entry(&mut self, entry: &Entry<'_>, ctx: &mut Ctx<'_>) {
        let mut words = entry.text.split_whitespace().peekable();
        while let Some(word) = words.next() {
            // A remark belongs to the last word of its line.
            let remark = entry.remark.as_ref().filter(|_| words.peek().is_none());
            self.word(word, remark, entry.span, ctx);
        }
    }

    fn word(&mut self, word: &str, remark: Option<&String>, span: Span, ctx: &mut Ctx<'_>) {
        let Some(wish) = Wish::read(word) else {
            return ctx.push(
                Diagnostic::warning(
                    "zosc::migrate::no-package",
                    format!("`{word}` is no package"),
                )
                .at(span)
                .help("write it into the `packages` section as `install NAME`"),
            );
        };
        if let Some(tag) = wish.tag {
            if !TAGS.iter().any(|(known, _)| *known == tag) {
                return ctx.push(
                    Diagnostic::warning(
                        "zosc::migrate::unknown-tag",
                        format!("nothing here says which repository the tag `{tag}` stands for"),
                    )
                    .at(span)
                    .help(format!(
                        "add `repository NAME branch=edge tag={tag}` to `alpine`, and `install {} tag={tag}` to `packages`",
                        wish.name
                    )),
                );
            }
            self.tags.insert(tag.to_owned());
        }
        if !self.seen.insert(wish.name.to_owned()) {
            let place = ctx.place(span);
            return ctx.note(format!("{place}: `{}` is listed twice", wish.name));
        }
        if wish.excluded {
            return self.alone(NewNode::new("exclude").arg(wish.name), remark);
        }
        if wish.version.is_none() && wish.tag.is_none() && remark.is_none() {
            return self.names.push(wish.name.to_owned());
        }
        let node = NewNode::new("install")
            .arg(wish.name)
            .prop_maybe("version", wish.version)
            .prop_maybe("tag", wish.tag);
        self.alone(node, remark);
    }
}

/// A package as apk's world names it: `NAME`, `!NAME`, `NAME@TAG`, `NAME=VERSION`, `NAME~VERSION`.
struct Wish<'a> {
    name: &'a str,
    tag: Option<&'a str>,
    version: Option<&'a str>,
    excluded: bool,
}

impl<'a> Wish<'a> {
    fn read(word: &'a str) -> Option<Self> {
        let (excluded, word) = match word.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        let end = word.find(['=', '<', '>', '~']).unwrap_or(word.len());
        let (name, version) = word.split_at(end);
        let (name, tag) = match name.split_once('@') {
            Some((name, tag)) => (name, Some(tag)),
            None => (name, None),
        };
        let (version, tag) = match version.split_once('@') {
            Some((version, tag)) => (version, Some(tag)),
            None => (version, tag),
        };
        let is_version = version.is_empty()
            || version
                .trim_start_matches(['=', '<', '>', '~'])
                .starts_with(|first: char| first.is_ascii_digit());
        let is_word = |text: &str| {
            let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
            text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
                && text.chars().all(inner)
        };
        (is_word(name) && is_version && tag.is_none_or(is_word)).then_some(Self {
            name,
            tag,
            version: (!version.is_empty()).then_some(version),
            excluded,
        })
    }
}
