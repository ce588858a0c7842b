//! Every node of a text, sound or not, and what it is in the language.
//!
//! Comes in: the text of an editor, in whatever state it is. Goes out: [`Nodes`]: those of a [`Sketch`], each with the member of the
//! manifest's types that it is, and so are its arguments and properties. What `/-` leaves out is there too, and marked. Reports
//! nothing: that is the parser's work.

use std::borrow::Cow;
use std::ops::Range;

use super::sketch::Sketch;
use crate::diagnostic::Diagnostics;
use crate::manifest::model::{Member, Model, Shape};
use crate::source::SourceId;
use crate::syntax::scan::{Token, TokenKind, scan};
use crate::syntax::{self, Value};

/// The nodes of a text, and the tokens that they were found in.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// Parents before their children.
    pub(super) list: Vec<Node>,
    /// Those outside every block.
    top: Vec<usize>,
    pub(super) tokens: Vec<Token>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    /// The index of the node in whose block it stands.
    pub(super) parent: Option<usize>,
    /// The nodes of its block.
    children: Vec<usize>,
    pub(super) name: Word,
    pub(super) entries: Vec<Entry>,
    /// From the opening brace to behind the closing one, or to the end of what belongs to it.
    pub(super) block: Option<Range<usize>>,
    /// From `/-` or the name to the end of its last part.
    pub(super) range: Range<usize>,
    /// Whether a `/-` before it, or before something around it, leaves it out.
    pub(super) left_out: bool,
    /// What it is in the language, where it is known there.
    pub(super) member: Option<&'static Member>,
    /// The members that it may have.
    pub(super) shape: Option<&'static Shape>,
}

/// An argument or property.
#[derive(Debug)]
pub(super) struct Entry {
    /// The property's name.
    pub(super) key: Option<Word>,
    /// The value, unless it is still to be written.
    pub(super) value: Option<Word>,
    /// From `/-`, the annotation or the key to the end of the value.
    pub(super) range: Range<usize>,
    pub(super) left_out: bool,
    /// What it is in the language.
    pub(super) member: Option<&'static Member>,
}

/// A word, string, number or keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: TokenKind,
}

impl Word {
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// As it is written.
    pub(super) fn written(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }

    /// What stands between its quotes, where every character there means itself.
    pub(super) fn plain(self, text: &str) -> Option<Range<usize>> {
        if self.kind != TokenKind::String {
            return Some(self.range());
        }
        let written = self.written(text);
        let hashes = written.len() - written.trim_start_matches('#').len();
        let opened = written.get(hashes..)?.strip_prefix('"')?;
        if opened.starts_with("\"\"") || (hashes == 0 && opened.contains('\\')) {
            return None;
        }
        let closing = format!("\"{}", "#".repeat(hashes));
        let inside = opened.strip_suffix(closing.as_str()).unwrap_or(opened);
        let start = self.start + hashes + 1;
        Some(start..start + inside.len())
    }

    /// What it means to KDL.
    pub(super) fn value(self, text: &str) -> Cow<'_, str> {
        if let Some(plain) = self.plain(text) {
            return text.get(plain).unwrap_or_default().into();
        }
        let alone = format!("- {}", self.written(text));
        let document = syntax::parse(SourceId(0), &alone, &mut Diagnostics::new());
        let entry = document.nodes.first().and_then(|node| node.entries.first());
        match entry.map(|entry| &entry.value.value) {
            Some(Value::String(value)) => value.clone().into(),
            _ => self.written(text).into(),
        }
    }
}

impl Nodes {
    /// Reads a text.
    pub(super) fn read(text: &str) -> Self {
        let tokens = scan(text).tokens;
        let sketch = Sketch::new(text, &tokens);
        let mut list: Vec<Node> = Vec::with_capacity(sketch.nodes.len());
        for node in sketch.nodes {
            let around = node.parent.and_then(|parent| list.get(parent));
            let left_out = node.slashed || around.is_some_and(|around| around.left_out);
            let entries = node.entries.into_iter().map(|entry| Entry {
                key: entry.key.map(|range| word(&tokens, range)),
                value: entry.value.map(|range| word(&tokens, range)),
                range: entry.range,
                left_out: entry.slashed || left_out,
                member: None,
            });
            list.push(Node {
                parent: node.parent,
                children: node.children,
                entries: entries.collect(),
                name: word(&tokens, node.name),
                block: node.block,
                range: node.range,
                left_out,
                member: None,
                shape: None,
            });
        }
        give_meaning(text, &mut list);
        Self {
            list,
            top: sketch.top,
            tokens,
        }
    }

    /// The top-level node that a node belongs to.
    pub(super) fn top(&self, mut index: usize) -> usize {
        while let Some(parent) = self.list.get(index).and_then(|node| node.parent) {
            index = parent;
        }
        index
    }

    /// The child nodes of a node, or those at the top, with their indices.
    pub(super) fn children(&self, parent: Option<usize>) -> impl Iterator<Item = (usize, &Node)> {
        let inside = parent.and_then(|parent| self.list.get(parent));
        let indices = match (parent, inside) {
            (None, _) => &self.top[..],
            (_, Some(node)) => &node.children,
            _ => &[],
        };
        let nodes = indices.iter().copied();
        nodes.filter_map(|index| Some((index, self.list.get(index)?)))
    }
}

/// The word that is a token of the text.
fn word(tokens: &[Token], range: Range<usize>) -> Word {
    let index = tokens.partition_point(|token| token.start < range.start);
    let kind = tokens.get(index).map(|token| token.kind);
    Word {
        start: range.start,
        end: range.end,
        kind: kind.unwrap_or(TokenKind::Word),
    }
}

/// Looks every node and entry up in the language.
fn give_meaning(text: &str, list: &mut [Node]) {
    let model = Model::get();
    for index in 0..list.len() {
        let (before, rest) = list.split_at_mut(index);
        let Some(node) = rest.first_mut() else { return };
        let around = match node.parent {
            None => Some(model.root()),
            Some(parent) => before.get(parent).and_then(|parent| parent.shape),
        };
        let name = node.name.value(text);
        let member = around.and_then(|shape| shape.member(&name));
        node.member = member.filter(|member| member.role.is_child());
        node.shape = node.member.and_then(|member| model.shape_of(member));
        let mut arguments = 0;
        for entry in &mut node.entries {
            entry.member = node.member.and_then(|member| match entry.key {
                Some(key) => member.property(node.shape, &key.value(text)),
                None => member.argument(node.shape, arguments),
            });
            // What is left out counts for nothing.
            arguments += usize::from(entry.key.is_none() && (!entry.left_out || node.left_out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes and what is known of them, one a line.
    fn shown(text: &str) -> String {
        let nodes = Nodes::read(text);
        let mut lines = String::new();
        for (index, node) in nodes.list.iter().enumerate() {
            let mut depth = 0;
            let mut above = node.parent;
            while let Some(parent) = above {
                depth += 1;
                above = nodes.list[parent].parent;
            }
            let _ = index;
            let out = if node.left_out { "-" } else { "" };
            let known = node.member.map_or("?", |member| member.name.as_str());
            lines += &format!("{}{out}{known}", "  ".repeat(depth));
            for entry in &node.entries {
                let out = if entry.left_out { "-" } else { "" };
                let name = entry.member.map_or("?", |member| member.name.as_str());
                let value = entry.value.map(|value| value.value(text));
                lines += &format!(" {out}{name}={}", value.as_deref().unwrap_or("…"));
            }
            if let Some(block) = &node.block {
                lines += &format!(" {:?}", &text[block.clone()]);
            }
            lines += "\n";
        }
        lines
    }

    #[test]
    fn nodes_of_a_sound_text() {
        let text = "unit \"a\" { after b c; env X=1 }\n(t)image z version=#\"2\"# /-arch=x {\n  title \"é\\u{41}\"\n}\n";
        assert_eq!(
            shown(text),
            "unit name=a \"{ after b c; env X=1 }\"\n  after after=b after=c\n  env env=1\nimage name=z version=2 -arch=x \"{\\n  title \\\"é\\\\u{41}\\\"\\n}\"\n  title title=éA\n"
        );
    }

    #[test]
    fn what_is_more_than_the_language_takes_is_unknown() {
        let text = "image z { title a b; env X=1 }\nunit a { disabled #false #true }\n";
        let shown = shown(text);
        assert!(shown.contains("\n  title title=a ?=b\n"), "{shown}");
        assert!(
            shown.contains("\n  disabled disabled=#false ?=#true\n"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_left_out_is_marked() {
        let text = "/-unit a { after b }\nunit c /-d { /-after e; wants /-f g } /-{ after h }\n";
        assert_eq!(
            shown(text),
            "-unit -name=a \"{ after b }\"\n  -after -after=b\nunit name=c -?=d \"{ /-after e; wants /-f g }\"\n  -after -after=e\n  wants -wants=f wants=g\n  -after -after=h\n"
        );
    }

    #[test]
    fn broken_texts_have_nodes() {
        let text = "unit a {\n    after b\n    exec \"x\nunit c { after }\nsource s {\n    build cargo toolchain=\n}\nunit d {";
        assert_eq!(
            shown(text),
            "unit name=a \"{\\n    after b\\n    exec \\\"x\"\n  after after=b\n  exec exec=x\nunit name=c \"{ after }\"\n  after\nsource name=s \"{\\n    build cargo toolchain=\\n}\"\n  build recipe=cargo toolchain=…\nunit name=d \"{\"\n"
        );
        for text in [
            "}", "{", "/-", "a=", "= =", "(", "a (", "a {b {c", "\"", "unit ;}{", "é{",
        ] {
            Nodes::read(text);
        }
    }
}
