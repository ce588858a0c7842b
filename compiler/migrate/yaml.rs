//! YAML as a tree in which every value keeps its place and its own spelling.
//!
//! The parser is `saphyr-parser`; its events are gathered here, since what zinit makes of a plain `yes`, a quoted `true` or a
//! doubled key differs from what a general loader would.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::source::Span;

use super::folder::Text;

/// How deep lists and maps may nest, and how many values a text may have.
const DEEPEST: usize = 16;
const MOST: usize = 10_000;

/// A value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// What it is.
    pub(super) data: Data,
    /// Where it stands.
    pub(super) span: Span,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// A scalar; `plain` where it has no quotes and is no block.
    Scalar {
        /// Its text.
        text: String,
        /// Whether it has no quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map with its keys in order.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar. Where zinit wants a string it takes this, also for `true`, `null` and numbers.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar without quotes.
    pub(super) fn plain(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }
}

/// Why a text is no YAML.
pub(super) struct Fault {
    /// What is wrong.
    pub(super) message: String,
    /// Where it shows.
    pub(super) span: Span,
}

/// Reads a text; `None` where it holds no value.
pub(super) fn read(text: &Text) -> Result<Option<Node>, Fault> {
    Tree::new(text).read()
}

struct Tree<'a> {
    text: &'a Text,
    /// Where each character starts, for the parser counts characters.
    offsets: Vec<usize>,
    /// Lists and maps that are open, with the key that waits for its value.
    open: Vec<(Node, Option<Node>)>,
    count: usize,
    root: Option<Node>,
}

impl<'a> Tree<'a> {
    fn new(text: &'a Text) -> Self {
        Self {
            text,
            offsets: text.content.char_indices().map(|(at, _)| at).collect(),
            open: Vec::new(),
            count: 0,
            root: None,
        }
    }

    fn offset(&self, characters: usize) -> usize {
        self.offsets
            .get(characters)
            .copied()
            .unwrap_or(self.text.content.len())
    }

    fn fault(&self, at: usize, message: impl Into<String>) -> Fault {
        let start = self.offset(at);
        let end = self.offset(at + 1);
        Fault {
            message: message.into(),
            span: Span::new(self.text.source, start, end),
        }
    }

    fn read(mut self) -> Result<Option<Node>, Fault> {
        let text = self.text.content.clone();
        for event in Parser::new_from_str(&text) {
            let (event, place) =
                event.map_err(|error| self.fault(error.marker().index(), error.info()))?;
            let at = place.start.index();
            let span = self.span(at, place.end.index());
            match event {
                Event::Scalar(text, style, _, _) => self.add(
                    at,
                    Node {
                        data: Data::Scalar {
                            text: text.into_owned(),
                            plain: style == ScalarStyle::Plain,
                        },
                        span,
                    },
                )?,
                Event::SequenceStart(..) => self.start(at, Data::List(Vec::new()), span)?,
                Event::MappingStart(..) => self.start(at, Data::Map(Vec::new()), span)?,
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some((node, _)) = self.open.pop() {
                        self.add(at, node)?;
                    }
                }
                Event::Alias(_) => return Err(self.fault(at, "aliases (`*NAME`) are not read")),
                Event::DocumentStart(_) if self.root.is_some() => {
                    return Err(self.fault(at, "there is more than one document"));
                }
                _ => {}
            }
        }
        Ok(self.root)
    }

    /// The place of a value without the blanks behind it.
    fn span(&self, start: usize, end: usize) -> Span {
        let (start, end) = (self.offset(start), self.offset(end));
        let written = self.text.content.get(start..end).unwrap_or("").trim_end();
        Span::new(self.text.source, start, start + written.len())
    }

    fn start(&mut self, at: usize, data: Data, span: Span) -> Result<(), Fault> {
        if self.open.len() >= DEEPEST {
            return Err(self.fault(at, "values nest too deep"));
        }
        self.open.push((Node { data, span }, None));
        Ok(())
    }

    fn add(&mut self, at: usize, node: Node) -> Result<(), Fault> {
        self.count += 1;
        if self.count > MOST {
            return Err(self.fault(at, "there are too many values"));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((parent, key)) => match &mut parent.data {
                Data::List(list) => list.push(node),
                Data::Map(map) => match key.take() {
                    Some(key) => map.push((key, node)),
                    None => *key = Some(node),
                },
                Data::Scalar { .. } => {}
            },
        }
        Ok(())
    }
}
