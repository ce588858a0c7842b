//! Other ways to write what is right as it is: a list in one line each, a value in quotes, what the lock keeps.

use std::ops::Range;

use crate::lock::{Lock, LockedSource, LockedToolchain};
use crate::manifest::model::{Kind, Model, Role, Shape};
use crate::source::{SourceId, Span};
use crate::syntax::{self, Document, Entry, Node, Value};

use super::super::edit::Changes;
use super::super::protocol::{self as lsp, CodeActionKind};
use super::super::view::View;

/// What can be written otherwise at a place.
pub(super) fn rewritings(view: &View<'_>, at: usize) -> Vec<lsp::CodeAction> {
    let text = view.document.text.as_str();
    let mut problems = crate::diagnostic::Diagnostics::new();
    let document = syntax::parse(SourceId(0), text, &mut problems);
    let path = nodes_at(&document, at);
    let mut rewritings = Vec::new();
    rewritings.extend(split(text, &path));
    rewritings.extend(in_quotes(&path, at));
    // A lock that the manifest as it is has no image for is that of the last good one.
    let checked = view.project.good.as_ref().unwrap_or(&view.project.checked);
    rewritings.extend(pinned(&checked.lock, &path));
    let action = |(title, bytes, new_text): Rewriting| {
        let mut changes = Changes::default();
        let document = view.document;
        changes.replace(
            view.workspace,
            &document.path,
            &document.text,
            bytes,
            new_text,
        );
        lsp::CodeAction {
            title,
            kind: Some(CodeActionKind::RefactorRewrite),
            edit: Some(changes.finish(view.workspace)),
            ..lsp::CodeAction::default()
        }
    };
    rewritings.into_iter().map(action).collect()
}

/// A title, what is replaced, and by what.
type Rewriting = (String, Range<usize>, String);

/// The nodes around a place, the outermost first.
fn nodes_at(document: &Document, at: usize) -> Vec<&Node> {
    let mut path = Vec::new();
    let mut nodes = document.nodes.as_slice();
    let is_at = |node: &&Node| holds(node.span, at);
    while let Some(node) = nodes.iter().find(is_at) {
        path.push(node);
        nodes = node.children();
    }
    path
}

fn holds(span: Span, at: usize) -> bool {
    span.start as usize <= at && at <= span.end as usize
}

/// A list of several names as one node for each.
fn split(text: &str, path: &[&Node]) -> Option<Rewriting> {
    let (node, above) = path.split_last()?;
    let name = &node.name.value;
    let names: Vec<&Entry> = node.arguments().collect();
    if names.len() < 2 || node.children.is_some() || !is_list(above, name) {
        return None;
    }
    let properties = node.entries.iter().filter(|entry| entry.key.is_some());
    let properties = properties.fold(String::new(), |written, entry| {
        written + " " + &text[entry.span.range()]
    });
    let start = node.span.start as usize;
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let before = &text[line..start];
    let between = if before.trim().is_empty() {
        format!("\n{before}")
    } else {
        "; ".to_owned()
    };
    let nodes: Vec<String> = names
        .iter()
        .map(|entry| {
            format!(
                "{} {}{properties}",
                &text[node.name.span.range()],
                &text[entry.span.range()]
            )
        })
        .collect();
    let title = format!("write one `{name}` for each");
    Some((title, node.span.range(), nodes.join(&between)))
}

/// Whether a node of this name may be repeated, and its arguments are all alike.
fn is_list(above: &[&Node], name: &str) -> bool {
    let model = Model::get();
    let mut shape: &Shape = model.root();
    for node in above {
        match shape.member(&node.name.value).map(|member| &member.kind) {
            Some(Kind::Shape(index)) => shape = model.shape(*index),
            _ => return false,
        }
    }
    let Some(member) = shape.member(name) else {
        return false;
    };
    match (member.role, &member.kind) {
        (Role::Words, _) => true,
        (Role::List, Kind::Shape(index)) => {
            let shape = model.shape(*index);
            shape.with_role(Role::Args).is_some() && shape.with_role(Role::Arg).is_none()
        }
        _ => false,
    }
}

/// A bare text in quotes.
fn in_quotes(path: &[&Node], at: usize) -> Option<Rewriting> {
    let entry = path
        .last()?
        .entries
        .iter()
        .find(|entry| holds(entry.value.span, at))?;
    let Value::String(text) = &entry.value.value else {
        return None;
    };
    let is_bare = !entry.raw.starts_with(['"', '#']);
    is_bare.then(|| {
        (
            "put it in quotes".to_owned(),
            entry.value.span.range(),
            syntax::quote(text),
        )
    })
}

/// What the lock keeps, written into the manifest: a commit, a digest.
fn pinned(lock: &Lock, path: &[&Node]) -> Option<Rewriting> {
    let [section, node, ..] = path else {
        return None;
    };
    let Value::String(name) = &section.arguments().next()?.value.value else {
        return None;
    };
    match (section.name.value.as_str(), node.name.value.as_str()) {
        ("source", "git") => {
            let LockedSource::Git {
                revision, commit, ..
            } = lock.sources.get(name)?
            else {
                return None;
            };
            let (entry, kind, value) = ["tag", "branch", "rev"].iter().find_map(|kind| {
                let (entry, value) = property(node, kind)?;
                Some((entry, kind, value))
            })?;
            let is_locked = *revision == format!("{kind} {value}");
            let short = commit.get(..7)?;
            is_locked.then(|| {
                let title = format!("pin it to the commit in the lock, {short}");
                (
                    title,
                    entry.span.range(),
                    format!("rev={}", syntax::quote(commit)),
                )
            })
        }
        ("source", _) => match lock.sources.get(name)? {
            LockedSource::Release { url, sha256, .. } => digest(node, url, &sha256.to_string()),
            _ => None,
        },
        ("toolchain", "rootfs") => match lock.toolchains.get(name)? {
            LockedToolchain::Download { url, sha256, .. } => digest(node, url, &sha256.to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The digest of a download that has none of its own.
fn digest(node: &Node, url: &str, sha256: &str) -> Option<Rewriting> {
    let address = node.arguments().next()?;
    if address.value.value != Value::String(url.to_owned()) {
        return None;
    }
    let title = "pin it to the digest in the lock".to_owned();
    let new_text = format!("sha256={}", syntax::quote(sha256));
    match property(node, "sha256") {
        Some((entry, "lock")) => Some((title, entry.span.range(), new_text)),
        Some(_) => None,
        None => {
            let behind = address.span.behind().range();
            Some((title, behind, format!(" {new_text}")))
        }
    }
}

fn property<'a>(node: &'a Node, name: &str) -> Option<(&'a Entry, &'a str)> {
    let is_named = |entry: &&Entry| entry.key.as_ref().is_some_and(|key| key.value == name);
    let entry = node.entries.iter().find(is_named)?;
    match &entry.value.value {
        Value::String(value) => Some((entry, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tree::Digest;

    /// What becomes of a text whose cursor stands at `‸`, with the titles.
    fn rewritten(text: &str, lock: &Lock) -> Vec<String> {
        let at = text.find('‸').unwrap();
        let text = text.replace('‸', "");
        let mut problems = crate::diagnostic::Diagnostics::new();
        let document = syntax::parse(SourceId(0), &text, &mut problems);
        let path = nodes_at(&document, at);
        let found = split(&text, &path)
            .into_iter()
            .chain(in_quotes(&path, at))
            .chain(pinned(lock, &path));
        found
            .map(|(title, range, new_text)| {
                let mut text = text.clone();
                text.replace_range(range, &new_text);
                format!("{title}: {text}")
            })
            .collect()
    }

    #[test]
    fn a_list_is_split() {
        let none = Lock::default();
        assert_eq!(
            rewritten(
                "packages {\n    ‸install \"a\" \"\u{e9}\" tag=edge\n}\n",
                &none
            ),
            [
                "write one `install` for each: packages {\n    install \"a\" tag=edge\n    install \"\u{e9}\" tag=edge\n}\n"
            ]
        );
        assert_eq!(
            rewritten("modules { ‸stage1 a b; stage2 c }", &none),
            ["write one `stage1` for each: modules { stage1 a; stage1 b; stage2 c }"]
        );
        assert_eq!(rewritten("unit a { ‸exec \"a\" \"b\" }", &none).len(), 0);
        assert_eq!(rewritten("packages { ‸install \"a\" }", &none).len(), 0);
    }

    #[test]
    fn a_bare_text_gets_quotes() {
        assert_eq!(
            rewritten("alpine v‸3.22 { }", &Lock::default()),
            ["put it in quotes: alpine \"v3.22\" { }"]
        );
        assert_eq!(rewritten("alpine \"3‸.22\"", &Lock::default()).len(), 0);
    }

    #[test]
    fn what_the_lock_keeps_is_written_down() {
        let digest = Digest::of(b"a");
        let git = LockedSource::Git {
            url: "https://example.org/a".to_owned(),
            revision: "tag v1".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            submodules: false,
            keep_git: false,
            tree: digest,
        };
        let release = LockedSource::Release {
            url: "https://example.org/b".to_owned(),
            sha256: digest,
            size: 1,
        };
        let sources = [("a", git), ("b", release)];
        let lock = Lock {
            sources: sources
                .map(|(name, source)| (name.to_owned(), source))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            ..Lock::default()
        };
        assert_eq!(
            rewritten(
                "source a { git \"https://example.org/a\" tag=‸\"v1\" }",
                &lock
            ),
            [
                "pin it to the commit in the lock, 0123456: source a { git \"https://example.org/a\" rev=\"0123456789abcdef0123456789abcdef01234567\" }"
            ]
        );
        assert_eq!(
            rewritten(
                "source a { git \"https://example.org/a\" tag=‸\"v2\" }",
                &lock
            )
            .len(),
            0
        );
        let pinned = format!(
            "pin it to the digest in the lock: source b {{ release \"https://example.org/b\" sha256=\"{digest}\" }}"
        );
        assert_eq!(
            rewritten("source b { ‸release \"https://example.org/b\" }", &lock),
            [&*pinned]
        );
        assert_eq!(
            rewritten(
                "source b { release ‸\"https://example.org/b\" sha256=\"lock\" }",
                &lock
            ),
            [&*pinned]
        );
        assert_eq!(
            rewritten("source b { release ‸\"https://example.org/c\" }", &lock).len(),
            0
        );
    }
}
