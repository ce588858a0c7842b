//! The tree that a text parses to.

use crate::source::{SourceId, Span, Spanned};

/// One parsed text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The text it was parsed from.
    pub source: SourceId,
    /// The nodes at the top, in order.
    pub nodes: Vec<Node>,
    /// Names of top-level nodes that could not be parsed and are left out.
    pub broken: Vec<Spanned<String>>,
    /// Whether nothing of the text could be used, or a top-level node without a readable name is left out.
    pub unreadable: bool,
}

impl Document {
    /// A document of which nothing could be read.
    pub(super) fn unreadable(source: SourceId) -> Self {
        Self {
            source,
            nodes: Vec::new(),
            broken: Vec::new(),
            unreadable: true,
        }
    }

    /// Whether every node of the text is here, in full.
    pub fn is_whole(&self) -> bool {
        !self.unreadable && self.broken.is_empty() && !self.nodes.iter().any(|node| node.damaged)
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name; the span includes quotes.
    pub name: Spanned<String>,
    /// The type annotation before the name; the span lies inside the parentheses.
    pub annotation: Option<Spanned<String>>,
    /// Arguments and properties, in order.
    pub entries: Vec<Entry>,
    /// The block of children, if there is one.
    pub children: Option<Block>,
    /// From the annotation or name to the end of the block or last entry.
    pub span: Span,
    /// What to delete so that the node is gone: with the `;` that ends it, where there is one.
    pub removal: Span,
    /// Whether something inside, at any depth, was left out because it could not be parsed.
    pub damaged: bool,
}

impl Node {
    /// The arguments in order.
    pub fn arguments(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.key.is_none())
    }

    /// The child nodes in order.
    pub fn children(&self) -> &[Node] {
        self.children.as_ref().map_or(&[], |block| &block.nodes)
    }
}

/// The children of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The children in order.
    pub nodes: Vec<Node>,
    /// From the opening brace to behind the closing one.
    pub span: Span,
}

/// An argument or a property.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The property's name; `None` for an argument.
    pub key: Option<Spanned<String>>,
    /// The type annotation before the value; the span lies inside the parentheses.
    pub annotation: Option<Spanned<String>>,
    /// The value; the span is that of its text, quotes included.
    pub value: Spanned<Value>,
    /// The value as it is written: `6.10` keeps its zero.
    pub raw: String,
    /// The whole entry.
    pub span: Span,
}

/// A value as KDL knows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string, quoted or bare.
    String(String),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or exponent, `#inf`, `#-inf` or `#nan`.
    Float(f64),
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`.
    Null,
    /// Something was here that could not be parsed and has been reported.
    Poisoned,
}
