//! `--set PATH=VALUE`: values of the command line take the place of those in the documents, before these are decoded.
//!
//! The command line becomes a source text of its own, so what is wrong with a value is shown where it was typed.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::model::Scalar;
use crate::source::{SourceId, SourceMap, Span, Spanned};
use crate::syntax::{Block, Document, Entry, Node, Value};

use super::setting_paths::{Form, Hop, Target, Wrong, follow};
use super::{Override, listed, suggest};

/// What became of the settings.
#[derive(Default)]
pub(super) struct Changes {
    /// The text of the command line, where there is one.
    pub(super) sources: Vec<SourceId>,
    /// Documents that are not what they were.
    pub(super) documents: BTreeSet<SourceId>,
    /// What was set.
    pub(super) overrides: Vec<Override>,
}

/// Puts settings into the documents, of which the last is the manifest itself.
pub(super) fn apply(
    settings: &[String],
    documents: &mut [&mut Document],
    sources: &mut SourceMap,
    changes: &mut Changes,
    sink: &mut Diagnostics,
) {
    if settings.is_empty() {
        return;
    }
    let id = sources.add("<command line>", settings.join("\n"));
    changes.sources.push(id);
    let mut start = 0;
    for setting in settings {
        match Setting::read(setting, id, start) {
            Err(problem) => sink.push(problem),
            Ok(setting) => set(&setting, documents, changes, sink),
        }
        start += setting.len() + 1;
    }
}

/// A setting as it was typed.
pub(super) struct Setting {
    pub(super) path: Spanned<String>,
    pub(super) value: Spanned<String>,
}

impl Setting {
    fn read(text: &str, source: SourceId, start: usize) -> Result<Self, Diagnostic> {
        let span = |from: usize, to: usize| Span::new(source, start + from, start + to);
        match text.split_once('=') {
            Some((path, value)) if !path.is_empty() => Ok(Self {
                path: Spanned::new(path.to_owned(), span(0, path.len())),
                value: Spanned::new(value.to_owned(), span(path.len() + 1, text.len())),
            }),
            _ => Err(Diagnostic::error(
                "zosc::check::bad-setting",
                format!("`{text}` sets nothing"),
            )
            .at(span(0, text.len()))
            .help("write `--set PATH=VALUE`, such as `--set kernel.version=6.12.50`")),
        }
    }

    /// The place of one part of the path.
    fn part(&self, index: usize) -> Span {
        let before: usize = self
            .path
            .split('.')
            .take(index)
            .map(|part| part.len() + 1)
            .sum();
        let length = self.path.split('.').nth(index).map_or(0, str::len);
        let start = self.path.span.start as usize + before;
        Span::new(self.path.span.source, start, start + length)
    }
}

fn set(
    setting: &Setting,
    documents: &mut [&mut Document],
    changes: &mut Changes,
    sink: &mut Diagnostics,
) {
    let parts: Vec<&str> = setting.path.split('.').collect();
    let target = match follow(&parts) {
        Ok(target) => target,
        Err(wrong) => return sink.push(explained(setting, &parts, &wrong)),
    };
    let (Some(first), false) = (target.hops.first(), documents.is_empty()) else {
        // Values outside any section: `edition`.
        return top_level(setting, &target, documents, changes);
    };
    let index = documents
        .iter()
        .rposition(|document| find(&document.nodes, first).is_some());
    // One in two files is told of later; the manifest's own is the one that counts.
    let index = index.unwrap_or(documents.len() - 1);
    let Some(document) = documents
        .get_mut(index)
        .filter(|document| !document.unreadable)
    else {
        return;
    };
    let replaced = reach(&mut document.nodes, &target.hops, setting)
        .map(|node| write(node, &target.form, &target.scalar, setting));
    match replaced {
        Ok(replaced) => note(setting, document.source, replaced, changes),
        Err(problem) => sink.push(problem),
    }
}

fn note(setting: &Setting, document: SourceId, replaced: Option<Span>, changes: &mut Changes) {
    changes.documents.insert(document);
    changes.overrides.push(Override {
        path: setting.path.value.clone(),
        value: setting.value.value.clone(),
        variable: None,
        replaced,
    });
}

fn top_level(
    setting: &Setting,
    target: &Target,
    documents: &mut [&mut Document],
    changes: &mut Changes,
) {
    let Some(document) = documents.last_mut() else {
        return;
    };
    let Form::Child(name) = &target.form else {
        return;
    };
    let replaced = child(&mut document.nodes, name, setting, &target.scalar);
    note(setting, document.source, replaced, changes);
}

fn explained(setting: &Setting, parts: &[&str], wrong: &Wrong) -> Diagnostic {
    let unknown = |message: String, span: Span| {
        Diagnostic::error("zosc::check::unknown-setting", message).at(span)
    };
    let path = &setting.path;
    let known =
        |names: &[String]| format!("known here: {}", listed(names.iter().map(String::as_str)));
    match wrong {
        Wrong::Unknown(index, names) => {
            let part = parts.get(*index).copied().unwrap_or("");
            let span = setting.part(*index);
            let problem = unknown(format!("the language has no `{}`", path.value), span);
            let mut problem = suggest(
                problem,
                part,
                span,
                names.iter().map(String::as_str),
                &known(names),
            );
            // There is no file to change.
            problem.fixes.clear();
            problem
        }
        Wrong::Incomplete(names) => unknown(
            format!("`{}` is a section, not a value", path.value),
            path.span,
        )
        .help(known(names)),
        Wrong::Nameless => unknown(
            format!("`{}` stands for several things", path.value),
            path.span,
        )
        .help(format!("add the name of one: `{}.NAME`", path.value)),
        Wrong::List(index) => unknown(
            format!("`{}` is in a list that cannot be set", path.value),
            setting.part(*index),
        )
        .help("write it in the manifest"),
        Wrong::TooLong(index) => unknown(
            format!("nothing follows in `{}`", path.value),
            setting.part(*index),
        )
        .help("leave the rest of the path out"),
    }
}

fn is_named(node: &Node, hop: &Hop) -> bool {
    node.name.value == hop.node
        && hop.identity.as_ref().is_none_or(|identity| {
            let first = node.arguments().next().map(|entry| &entry.value.value);
            first == Some(&Value::String(identity.clone()))
        })
}

fn find(nodes: &[Node], hop: &Hop) -> Option<usize> {
    nodes.iter().rposition(|node| is_named(node, hop))
}

/// The node at the end of a path; sections that may stand once are added where they are missing.
fn reach<'a>(
    nodes: &'a mut Vec<Node>,
    hops: &[Hop],
    setting: &Setting,
) -> Result<&'a mut Node, Diagnostic> {
    let missing = || {
        Diagnostic::error(
            "zosc::check::unknown-setting",
            format!(
                "nothing in the manifest has the path `{}`",
                setting.path.value
            ),
        )
        .at(setting.path.span)
    };
    let Some((first, rest)) = hops.split_first() else {
        return Err(missing().help("name a value of a section"));
    };
    let index = match (find(nodes, first), &first.identity) {
        (Some(index), _) => index,
        (None, None) => {
            nodes.push(node(&first.node, setting.path.span));
            nodes.len() - 1
        }
        (None, Some(identity)) => {
            let names: Vec<String> = nodes
                .iter()
                .filter(|node| node.name.value == first.node)
                .filter_map(|node| match &node.arguments().next()?.value.value {
                    Value::String(name) => Some(name.clone()),
                    _ => None,
                })
                .collect();
            let help = format!("there is no `{} {identity}` in the manifest", first.node);
            let names = names.iter().map(String::as_str);
            let mut problem = suggest(missing(), identity, setting.path.span, names, &help);
            problem.fixes.clear();
            return Err(problem);
        }
    };
    let Some(found) = nodes.get_mut(index) else {
        return Err(missing().help("name a value of a section"));
    };
    if rest.is_empty() {
        return Ok(found);
    }
    reach(children(found), rest, setting)
}

pub(super) fn children(node: &mut Node) -> &mut Vec<Node> {
    let span = node.span;
    let block = node.children.get_or_insert_with(|| Block {
        nodes: Vec::new(),
        span,
    });
    &mut block.nodes
}

/// Writes the value; yields the place of the one that it replaces.
pub(super) fn write(
    node: &mut Node,
    form: &Form,
    scalar: &Scalar,
    setting: &Setting,
) -> Option<Span> {
    match form {
        Form::Argument => {
            let entry = entry(None, setting, scalar);
            let old = node.entries.iter_mut().find(|entry| entry.key.is_none());
            if let Some(old) = old {
                return Some(std::mem::replace(old, entry).value.span);
            }
            node.entries.insert(0, entry);
            None
        }
        Form::Property(name) => property(node, name, setting, scalar),
        Form::Child(name) => child(children(node), name, setting, scalar),
        Form::Words(name) => words(children(node), name, setting),
        Form::Pair(name, key) => {
            let nodes = children(node);
            let holder = nodes.iter().rposition(|node| {
                node.name.value == *name && node.entries.iter().any(|entry| is_key(entry, key))
            });
            let index = holder.unwrap_or_else(|| {
                nodes.push(self::node(name, setting.path.span));
                nodes.len() - 1
            });
            nodes
                .get_mut(index)
                .and_then(|node| property(node, key, setting, scalar))
        }
    }
}

fn is_key(entry: &Entry, name: &str) -> bool {
    entry.key.as_ref().is_some_and(|key| key.value == name)
}

fn property(node: &mut Node, name: &str, setting: &Setting, scalar: &Scalar) -> Option<Span> {
    let old = node.entries.iter().rfind(|entry| is_key(entry, name));
    let old = old.map(|entry| entry.value.span);
    node.entries.retain(|entry| !is_key(entry, name));
    node.entries.push(entry(Some(name), setting, scalar));
    old
}

fn child(nodes: &mut Vec<Node>, name: &str, setting: &Setting, scalar: &Scalar) -> Option<Span> {
    let place = nodes.iter().rfind(|node| node.name.value == name);
    let place = place.map(|node| {
        node.arguments()
            .next()
            .map_or(node.span, |entry| entry.value.span)
    });
    nodes.retain(|node| node.name.value != name);
    let mut new = node(name, setting.path.span);
    new.entries.push(entry(None, setting, scalar));
    nodes.push(new);
    place
}

/// Words are separated by white space; they replace all that the manifest gives.
fn words(nodes: &mut Vec<Node>, name: &str, setting: &Setting) -> Option<Span> {
    let place = nodes
        .iter()
        .find(|node| node.name.value == name)
        .map(|node| node.span);
    nodes.retain(|node| node.name.value != name);
    add_words(nodes, name, setting);
    place
}

/// Words beside those that the manifest gives.
pub(super) fn add_words(nodes: &mut Vec<Node>, name: &str, setting: &Setting) {
    let mut new = node(name, setting.path.span);
    for word in setting.value.split_whitespace() {
        let text = Spanned::new(Value::String(word.to_owned()), setting.value.span);
        new.entries.push(Entry {
            key: None,
            annotation: None,
            value: text,
            raw: word.to_owned(),
            span: setting.value.span,
        });
    }
    if !new.entries.is_empty() {
        nodes.push(new);
    }
}

fn entry(key: Option<&str>, setting: &Setting, scalar: &Scalar) -> Entry {
    let mut text = setting.value.value.as_str();
    let mut annotation = None;
    if let (Scalar::Secret(_), Some(name)) = (scalar, text.strip_prefix("(env)")) {
        annotation = Some(Spanned::new("env".to_owned(), setting.value.span));
        text = name;
    }
    let plain = || Value::String(text.to_owned());
    let value = match scalar {
        Scalar::Text | Scalar::Choice(_) | Scalar::Secret(_) => plain(),
        Scalar::Number => text.parse().map_or_else(|_| plain(), Value::Integer),
        Scalar::Truth => match text.trim_start_matches('#') {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => plain(),
        },
    };
    Entry {
        key: key.map(|key| Spanned::new(key.to_owned(), setting.path.span)),
        annotation,
        value: Spanned::new(value, setting.value.span),
        raw: text.to_owned(),
        span: setting.value.span,
    }
}

fn node(name: &str, span: Span) -> Node {
    Node {
        name: Spanned::new(name.to_owned(), span),
        annotation: None,
        entries: Vec::new(),
        children: None,
        span,
        removal: span,
        damaged: false,
    }
}
