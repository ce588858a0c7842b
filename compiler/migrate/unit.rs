//! One unit of zinit 0.2, from its fields to a `unit` section.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::write::{NewNode, Piece};

use super::Ctx;
use super::fields::{FIELDS, bad_value, ignored};
use super::folder::Text;
use super::lines::comment;
use super::yaml::Node;

/// A unit on its way.
pub(super) struct Read<'a> {
    /// Its file.
    pub(super) text: &'a Text,
    /// Its name.
    pub(super) name: &'a str,
    /// Whether zinit read the file.
    pub(super) is_live: bool,
    /// The names of all units that zinit read.
    pub(super) others: &'a BTreeSet<String>,
}

/// What the fields say.
#[derive(Default)]
pub(super) struct Fields {
    /// Comments and nodes by the field that they belong to.
    pieces: BTreeMap<String, Vec<Piece>>,
    /// Whether `exec` holds a command.
    pub(super) has_command: bool,
    /// Whether it runs once.
    pub(super) oneshot: bool,
    /// Whether `exec` is `true`: a point in the boot.
    pub(super) is_barrier: bool,
    /// Units that it waits for.
    pub(super) requires: Vec<String>,
    /// The signal that stops it.
    pub(super) signal: Option<String>,
    /// How long it may take to stop.
    pub(super) timeout: Option<String>,
}

impl Fields {
    /// Adds a node or a comment to what a field becomes.
    pub(super) fn put(&mut self, field: &str, piece: impl Into<Piece>) {
        self.pieces
            .entry(field.to_owned())
            .or_default()
            .push(piece.into());
    }

    /// Leaves only the comments of a field.
    fn without_nodes(&mut self, field: &str) {
        if let Some(pieces) = self.pieces.get_mut(field) {
            pieces.retain(|piece| matches!(piece, Piece::Comment(_)));
        }
    }

    /// Takes the comments of a file: each belongs to the field below it, and those above all fields to the unit.
    fn comments(&mut self, text: &Text, fields: &[(Node, Node)]) {
        let (mut offset, mut in_heading) = (0, true);
        for line in text.content.split_inclusive('\n') {
            let start = offset;
            offset += line.len();
            in_heading = in_heading && line.trim_start().starts_with('#');
            let is_in_value = fields
                .iter()
                .any(|(_, value)| value.span.range().contains(&start));
            if in_heading || is_in_value || !line.trim_start().starts_with('#') {
                continue;
            }
            let below = fields
                .iter()
                .find(|(key, _)| key.span.range().start >= start);
            let field = below.and_then(|(key, _)| key.text()).unwrap_or("");
            if let Some(said) = comment(line.trim()) {
                self.put(field, Piece::Comment(said));
            }
        }
    }

    fn node(mut self, unit: &Read<'_>) -> NewNode {
        if self.is_barrier && self.oneshot {
            self.without_nodes("exec");
            self.put("exec", NewNode::new("target"));
        } else if self.oneshot {
            self.put("oneshot", NewNode::new("oneshot"));
        }
        if !unit.is_live {
            self.put("oneshot", NewNode::new("disabled"));
        }
        if !self.requires.is_empty() {
            let requires = std::mem::take(&mut self.requires);
            self.put("after", NewNode::new("requires").args(requires));
        }
        if self.signal.is_some() || self.timeout.is_some() {
            let stop = NewNode::new("stop")
                .prop_maybe("signal", self.signal.take())
                .prop_maybe("timeout", self.timeout.take());
            self.put("shutdown_timeout", stop);
        }
        let known: Vec<Piece> = FIELDS
            .iter()
            .flat_map(|field| self.pieces.remove(*field).unwrap_or_default())
            .collect();
        let rest = self.pieces.into_values().flatten();
        NewNode::new("unit")
            .arg(unit.name)
            .children(known)
            .children(rest)
    }
}

/// Carries a unit over; `None` where it has nothing to run.
pub(super) fn carry(
    unit: &Read<'_>,
    fields: &[(Node, Node)],
    ctx: &mut Ctx<'_>,
) -> Option<NewNode> {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    let mut read = Fields::default();
    read.comments(unit.text, fields);
    for (key, value) in fields {
        let Some(name) = key.text() else {
            continue;
        };
        if seen.contains_key(name) {
            ctx.push(
                bad_value(key.span, format!("the field `{name}` is given twice"))
                    .help("zinit skipped the file for it; the first one is taken"),
            );
            continue;
        }
        seen.insert(name, key.span);
        unit.field(name, key, value, &mut read, ctx);
    }
    if !read.has_command {
        let place = seen.get("exec").copied().unwrap_or(unit.text.top());
        ctx.push(nothing_to_run(unit, place));
        return None;
    }
    if let Some(test) = seen.get("test").filter(|_| read.oneshot) {
        read.without_nodes("test");
        ctx.push(
            ignored(*test, format!("`{}` is a oneshot, so zinit never ran its `test`", unit.name))
                .help("dependents of a oneshot wait for its end; remove `oneshot` if it is to go on running"),
        );
    }
    Some(read.node(unit))
}

fn nothing_to_run(unit: &Read<'_>, place: Span) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::bad-unit",
        format!("the unit `{}` has no command in `exec`", unit.name),
    )
    .at(place)
    .help("zinit skipped the file; write `exec \"…\"`, or `target` for a point in the boot")
}
