//! `modules.conf`: `stage1:NAME` and `stage2:NAME`, to the `modules` section.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::syntax::write::{NewNode, Piece, wrapped};

use super::Ctx;
use super::folder::Text;
use super::lines::{Entry, Line, lines};

const STAGES: [&str; 2] = ["stage1", "stage2"];

/// Modules that never were part of Linux: overlayfs took their place.
const NOT_IN_LINUX: &[&str] = &["aufs", "unionfs"];

/// Carries the list over.
pub(super) fn carry(text: &Text, ctx: &mut Ctx<'_>) -> Option<NewNode> {
    let mut list = List::default();
    for line in lines(text) {
        match line {
            Line::Rule => list.open = false,
            Line::Blank => list.before_next(Piece::Blank),
            Line::Comment(comment) => list.before_next(Piece::Comment(comment)),
            Line::Entry(entry) => list.entry(&entry, ctx),
        }
    }
    if list.hints > 0 {
        ctx.note(format!(
            "{}: {} hints at firmware are left out: each module says itself what it asks for, and `firmware {{ for-modules stage1 stage2 }}` takes just that",
            text.name, list.hints
        ));
    }
    list.section()
}

/// Modules that stand together.
struct Group {
    stage: usize,
    before: Vec<Piece>,
    names: Vec<String>,
}

#[derive(Default)]
struct List {
    groups: Vec<Group>,
    /// Comments and empty lines that belong to the next group.
    before: Vec<Piece>,
    /// Whether the last group goes on.
    open: bool,
    /// Modules by their names with `_`: stage and place.
    seen: BTreeMap<String, (usize, Span)>,
    hints: usize,
}

impl List {
    fn before_next(&mut self, piece: Piece) {
        self.open = false;
        self.before.push(piece);
    }

    fn entry(&mut self, entry: &Entry<'_>, ctx: &mut Ctx<'_>) {
        let mut parts = entry.text.split(':').map(str::trim);
        let (first, name) = (parts.next().unwrap_or(""), parts.next());
        let Some(name) = name else {
            return ctx.push(no_stage(entry));
        };
        let Some(stage) = STAGES.iter().position(|stage| *stage == first) else {
            return ctx.push(unknown_stage(entry, first));
        };
        self.hints += usize::from(parts.any(|hint| !hint.is_empty()));
        for name in name.split([' ', '\t', ',']).filter(|name| !name.is_empty()) {
            self.module(stage, name, entry, ctx);
        }
    }

    fn module(&mut self, stage: usize, name: &str, entry: &Entry<'_>, ctx: &mut Ctx<'_>) {
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = name.split(".ko").next().unwrap_or(name);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let starts = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !starts || !name.chars().all(is_name) {
            return ctx.push(no_module(entry, name));
        }
        if NOT_IN_LINUX.contains(&name) {
            return ctx.push(not_in_linux(entry, name, STAGES[stage]));
        }
        let one = name.replace('-', "_");
        if let Some((earlier, span)) = self.seen.get(&one) {
            let (place, before) = (ctx.place(entry.span), ctx.place(*span));
            let note = match (*earlier, stage) {
                (0, 1) => {
                    format!("{place}: `{name}` is in stage 1 already ({before}) and stays there")
                }
                (1, 0) => format!(
                    "{place}: `{name}` stays in stage 2, where {before} has it; move it if stage 1 needs it"
                ),
                _ => format!("{place}: `{name}` is the same module as in {before}"),
            };
            return ctx.note(note);
        }
        self.seen.insert(one, (stage, entry.span));
        let goes_on = self.open && self.groups.last().is_some_and(|group| group.stage == stage);
        if !goes_on {
            self.groups.push(Group {
                stage,
                before: std::mem::take(&mut self.before),
                names: Vec::new(),
            });
            self.open = true;
        }
        if let Some(group) = self.groups.last_mut() {
            let remark = entry
                .remark
                .as_ref()
                .map(|remark| format!("{name}: {remark}"));
            group.before.extend(remark.map(Piece::Comment));
            group.names.push(name.to_owned());
        }
    }

    fn section(self) -> Option<NewNode> {
        let mut section = NewNode::new("modules");
        for (index, stage) in STAGES.iter().enumerate() {
            section = section.child(Piece::Blank);
            for group in self.groups.iter().filter(|group| group.stage == index) {
                let nodes = wrapped(stage, &group.names, 1).into_iter().map(Piece::Node);
                section = section.children(group.before.clone()).children(nodes);
            }
        }
        section = section.children(self.before);
        (!self.groups.is_empty()).then_some(section)
    }
}

fn no_stage(entry: &Entry<'_>) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::unknown-stage",
        format!("`{}` names no stage", entry.text),
    )
    .at(entry.span)
    .help(format!(
        "write `stage1 {0}` or `stage2 {0}` into the `modules` section",
        entry.text
    ))
}

fn unknown_stage(entry: &Entry<'_>, stage: &str) -> Diagnostic {
    let help = match nearest(stage, STAGES) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "the stages are `stage1` and `stage2`".to_owned(),
    };
    Diagnostic::warning(
        "zosc::migrate::unknown-stage",
        format!("there is no stage `{stage}`"),
    )
    .at(entry.span)
    .help(help)
}

fn no_module(entry: &Entry<'_>, name: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::no-module",
        format!("`{name}` is no module's name"),
    )
    .at(entry.span)
    .help("write the module's name into the `modules` section, without folder and `.ko`")
}

fn not_in_linux(entry: &Entry<'_>, name: &str, stage: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::no-module",
        format!("Linux has no module `{name}`, and the builder never loaded one"),
    )
    .at(entry.span)
    .help(format!(
        "`overlay` does its work; if your kernel is patched, write `{stage} {name}`"
    ))
}
