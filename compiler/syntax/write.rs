//! Nodes that zosc makes itself, as the text that a person would have written.
//!
//! Comes in: [`NewNode`]s, built value by value, with comments between them. Goes out: KDL 2, indented by four, strings bare where
//! they may be. Never fails: whatever a value holds is written so that it is read back as the same value.

use super::word::{WordShape, is_forbidden, is_newline, quote, shape};

/// The width that lines of words are kept to.
const WIDTH: usize = 100;

/// A value to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewValue {
    /// A string.
    Text(String),
    /// A number.
    Number(u64),
    /// `#true` or `#false`.
    Truth(bool),
    /// `(env)NAME`: the name of the environment variable that holds the value.
    Environment(String),
}

impl From<&str> for NewValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for NewValue {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for NewValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for NewValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for NewValue {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

/// A node to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNode {
    name: String,
    entries: Vec<(Option<String>, NewValue)>,
    children: Vec<Piece>,
    remark: Option<String>,
}

/// Something that stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A node with its children.
    Node(NewNode),
    /// A comment.
    Comment(String),
    /// An empty line; several in a row are one, and there is none at the edge of a block.
    Blank,
}

impl From<NewNode> for Piece {
    fn from(node: NewNode) -> Self {
        Self::Node(node)
    }
}

impl NewNode {
    /// A node with a name and nothing else.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            entries: Vec::new(),
            children: Vec::new(),
            remark: None,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, value: impl Into<NewValue>) -> Self {
        self.entries.push((None, value.into()));
        self
    }

    /// Adds arguments.
    pub fn args<V: Into<NewValue>>(self, values: impl IntoIterator<Item = V>) -> Self {
        values.into_iter().fold(self, Self::arg)
    }

    /// Adds a property.
    pub fn prop(mut self, key: &str, value: impl Into<NewValue>) -> Self {
        self.entries.push((Some(key.to_owned()), value.into()));
        self
    }

    /// Adds a property where there is a value.
    pub fn prop_maybe(self, key: &str, value: Option<impl Into<NewValue>>) -> Self {
        match value {
            Some(value) => self.prop(key, value),
            None => self,
        }
    }

    /// Adds a child.
    pub fn child(mut self, child: impl Into<Piece>) -> Self {
        self.children.push(child.into());
        self
    }

    /// Adds children.
    pub fn children<P: Into<Piece>>(self, children: impl IntoIterator<Item = P>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// Adds a comment at the end of the node's line.
    pub fn remark(mut self, text: impl Into<String>) -> Self {
        self.remark = Some(text.into());
        self
    }

    /// Whether the node has no children.
    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// The name with arguments and properties, of a node at this depth.
    fn head(&self, depth: usize) -> String {
        let mut text = word(&self.name);
        for (key, value) in &self.entries {
            text.push(' ');
            if let Some(key) = key {
                text.push_str(&word(key));
                text.push('=');
            }
            match value {
                NewValue::Text(lines) if may_be_block(lines) => {
                    text.push_str(&block(lines, depth + 1));
                }
                value => text.push_str(&written(value)),
            }
        }
        text
    }

    /// The whole node on one line, where it is short and has at most one child without a block.
    fn on_one_line(&self, depth: usize) -> Option<String> {
        let line = match self.children.as_slice() {
            [] => self.head(depth),
            [Piece::Node(only)] if only.is_leaf() && only.remark.is_none() => {
                format!("{} {{ {} }}", self.head(depth), only.head(depth))
            }
            _ => return None,
        };
        let is_short = line.len() <= WIDTH && !line.contains('\n');
        (self.is_leaf() || is_short).then_some(line)
    }
}

/// Words as the arguments of as many nodes of one name as lines need.
pub fn wrapped(name: &str, words: &[String], depth: usize) -> Vec<NewNode> {
    let mut nodes: Vec<NewNode> = Vec::new();
    let mut length = usize::MAX;
    for word in words {
        let wanted = written(&word.into()).len() + 1;
        match nodes.pop() {
            Some(node) if length + wanted <= WIDTH => {
                length += wanted;
                nodes.push(node.arg(word));
            }
            last => {
                nodes.extend(last);
                length = depth * 4 + name.len() + wanted;
                nodes.push(NewNode::new(name).arg(word));
            }
        }
    }
    nodes
}

/// A whole text.
pub fn write(pieces: &[Piece]) -> String {
    let mut text = String::new();
    write_block(pieces, 0, &mut text);
    text
}

fn write_block(pieces: &[Piece], depth: usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    let mut blank = false;
    let mut first = true;
    for piece in pieces {
        if *piece == Piece::Blank {
            blank = true;
            continue;
        }
        if blank && !first {
            text.push('\n');
        }
        (blank, first) = (false, false);
        match piece {
            Piece::Blank => {}
            Piece::Comment(comment) => {
                text.push_str(&format!("{indent}{}\n", line_comment(comment)));
            }
            Piece::Node(node) => write_node(node, depth, text),
        }
    }
}

fn write_node(node: &NewNode, depth: usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    let remark = node.remark.as_deref();
    let remark = remark.map_or(String::new(), |remark| format!(" {}", line_comment(remark)));
    if let Some(line) = node.on_one_line(depth) {
        text.push_str(&format!("{indent}{line}{remark}\n"));
        return;
    }
    text.push_str(&format!("{indent}{} {{{remark}\n", node.head(depth)));
    write_block(&node.children, depth + 1, text);
    text.push_str(&format!("{indent}}}\n"));
}

fn line_comment(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| {
            if is_newline(c) || is_forbidden(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    format!("// {}", plain.trim()).trim_end().to_owned()
}

fn written(value: &NewValue) -> String {
    match value {
        NewValue::Text(text) => word(text),
        NewValue::Number(number) => number.to_string(),
        NewValue::Truth(true) => "#true".to_owned(),
        NewValue::Truth(false) => "#false".to_owned(),
        NewValue::Environment(name) => format!("(env){}", word(name)),
    }
}

/// A string: bare where it looks like a name, raw where that spares escapes, else quoted.
fn word(text: &str) -> String {
    if is_name(text) && shape(text) == WordShape::Identifier {
        return text.to_owned();
    }
    let needs_escapes = text.contains(['"', '\\']);
    // Three quotes in a row would open a string of several lines.
    let opens_block = text == "\"" || text.starts_with("\"\"");
    let may_be_raw = !opens_block
        && !text.contains("\"#")
        && !text
            .chars()
            .any(|c| is_newline(c) || is_forbidden(c) || c == '\t');
    if needs_escapes && may_be_raw {
        return format!("#\"{text}\"#");
    }
    quote(text)
}

/// Whether a text reads best as a string of several lines, and comes back as it is.
///
/// A line of nothing but blanks would come back empty.
fn may_be_block(text: &str) -> bool {
    let is_plain = |c: char| c == '\n' || !(is_newline(c) || is_forbidden(c));
    let is_kept = |line: &str| line.is_empty() || !line.trim().is_empty();
    text.contains('\n')
        && text.chars().all(is_plain)
        && !text.contains("\"\"\"")
        && text.split('\n').all(is_kept)
}

/// A string of several lines, indented to this depth.
fn block(text: &str, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    let sign = if text.contains('\\') { "#" } else { "" };
    let mut block = format!("{sign}\"\"\"\n");
    for line in text.split('\n') {
        let line = if line.is_empty() {
            String::new()
        } else {
            format!("{indent}{line}")
        };
        block.push_str(&format!("{line}\n"));
    }
    block + &format!("{indent}\"\"\"{sign}")
}

/// Whether a text looks like a name: letters of one case, digits, `_`, `-` and `+`.
fn is_name(text: &str) -> bool {
    let has = |is: fn(&char) -> bool| text.chars().any(|c| is(&c));
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'))
        && !(has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::SourceId;
    use crate::syntax::{self, Value, format};

    #[test]
    fn nodes_look_as_one_would_write_them() {
        let unit = NewNode::new("unit")
            .arg("web")
            .child(Piece::Comment("the page".to_owned()))
            .child(NewNode::new("exec").arg("/usr/sbin/httpd -f"))
            .child(Piece::Blank)
            .child(NewNode::new("env").prop("LANG", "C.UTF-8").remark("plain"));
        let account = NewNode::new("account")
            .arg("root")
            .child(NewNode::new("passwordless"));
        let pieces = [
            Piece::Comment("made by hand\nor not".to_owned()),
            NewNode::new("alpine").arg("3.22").into(),
            Piece::Blank,
            Piece::Blank,
            unit.into(),
            account.into(),
            NewNode::new("key")
                .arg(NewValue::Environment("S3_KEY".to_owned()))
                .arg(true)
                .arg(5)
                .into(),
            Piece::Blank,
        ];
        let expected = r#"// made by hand or not
alpine "3.22"

unit web {
    // the page
    exec "/usr/sbin/httpd -f"

    env LANG="C.UTF-8" // plain
}
account root { passwordless }
key (env)S3_KEY #true 5
"#;
        assert_eq!(write(&pieces), expected);
        assert_eq!(word("echo \"$1\""), "#\"echo \"$1\"\"#");
        assert_eq!(word("\""), "\"\\\"\"");
        assert_eq!(word("\"\"a"), "\"\\\"\\\"a\"");
    }

    #[test]
    fn long_lists_of_words_become_several_lines() {
        let words: Vec<String> = (0..30).map(|number| format!("package{number}")).collect();
        let pieces: Vec<Piece> = wrapped("install", &words, 0)
            .into_iter()
            .map(Piece::from)
            .collect();
        let text = write(&pieces);
        assert!(
            text.lines().count() == 4 && text.lines().all(|line| line.len() <= WIDTH),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn every_string_is_read_back(
            text in "\\PC{0,40}",
            odd in "[\\x00-\\x7f\u{202e}\u{2028}]{0,20}",
            lines in "([ a\"\\\\#]{0,5}\n){0,5}",
        ) {
            for text in [text.as_str(), odd.as_str(), lines.as_str()] {
                let written = write(&[
                    Piece::Comment(text.to_owned()),
                    NewNode::new(text).arg(text).prop(text, text).remark(text).into(),
                    NewNode::new("a").child(NewNode::new("b").arg(text)).into(),
                ]);
                let mut sink = Diagnostics::new();
                let document = syntax::parse(SourceId(0), &written, &mut sink);
                prop_assert!(sink.is_empty(), "{written}\n{sink:#?}");
                let formatted = format(SourceId(0), &written);
                prop_assert_eq!(formatted.as_ref(), Ok(&written));
                let node = &document.nodes[0];
                prop_assert_eq!(&node.name.value, text);
                prop_assert_eq!(&node.entries[0].value.value, &Value::String(text.to_owned()));
                prop_assert_eq!(&node.entries[1].value.value, &Value::String(text.to_owned()));
                let inner = &document.nodes[1].children()[0];
                prop_assert_eq!(&inner.entries[0].value.value, &Value::String(text.to_owned()));
            }
        }
    }
}
