//! `zinit/*.yaml`: the units of zinit 0.2, to `unit` sections.
//!
//! What zinit did with a file is kept, not what its author may have hoped for: fields that it ignored order nothing, and files that
//! it never read become units that are `disabled`. Each of these is told.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, nearest};
use crate::syntax::write::Piece;
use crate::zinit::is_unit_name;

use super::Ctx;
use super::folder::Text;
use super::lines::{Line, filled, lines};
use super::unit::{self, Read};
use super::yaml::{self, Data};

/// What the files of units become.
#[derive(Default)]
pub(super) struct Units {
    /// `unit` sections.
    pub(super) pieces: Vec<Piece>,
    /// The names of all that are not disabled.
    pub(super) names: BTreeSet<String>,
}

/// A file that has the form of a unit.
struct File<'a> {
    text: &'a Text,
    name: &'a str,
    fields: Vec<(yaml::Node, yaml::Node)>,
    is_live: bool,
}

/// Carries all units over.
pub(super) fn carry(texts: &[Text], ctx: &mut Ctx<'_>) -> Units {
    let files: Vec<File<'_>> = texts.iter().filter_map(|text| open(text, ctx)).collect();
    let live = files.iter().filter(|file| file.is_live);
    let names: BTreeSet<String> = live.map(|file| file.name.to_owned()).collect();
    let mut units = Units::default();
    let mut written = BTreeSet::new();
    // A name may be taken twice, by `NAME.yaml` and `NAME.yml`.
    let by_life = |wanted: bool| files.iter().filter(move |file| file.is_live == wanted);
    for file in by_life(true).chain(by_life(false)) {
        if !written.insert(file.name) {
            ctx.note(format!(
                "{}: left out, for zinit read `zinit/{}.yaml` instead",
                file.text.name, file.name
            ));
            continue;
        }
        let read = Read {
            text: file.text,
            name: file.name,
            is_live: file.is_live,
            others: &names,
        };
        if let Some(node) = unit::carry(&read, &file.fields, ctx) {
            units.pieces.push(Piece::Blank);
            units.pieces.extend(heading(file).map(Piece::Comment));
            units.pieces.push(node.into());
        }
    }
    units.names = names;
    units
}

/// The comments at the top of a file, up to the first line that is none.
fn heading<'a>(file: &'a File<'_>) -> impl Iterator<Item = String> + 'a {
    lines(file.text)
        .take_while(|line| !matches!(line, Line::Entry(_) | Line::Blank))
        .filter_map(|line| match line {
            Line::Comment(comment) => Some(comment),
            _ => None,
        })
}

/// Reads a file as YAML; what cannot be a unit is told and left out.
fn open<'a>(text: &'a Text, ctx: &mut Ctx<'_>) -> Option<File<'a>> {
    let file = text.name.rsplit('/').next().unwrap_or(&text.name);
    let (name, ending) = file.rsplit_once('.')?;
    let mut refuse = |message: String, span, help: &str| {
        ctx.lost(filled(text));
        ctx.push(
            Diagnostic::warning("zosc::migrate::bad-unit", message)
                .at(span)
                .help(help),
        );
    };
    let starts = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !is_unit_name(name) || !starts {
        let message = format!("`{name}` cannot be the name of a unit");
        refuse(
            message,
            text.top(),
            "rename the file: letters, digits, `.`, `_` and `-`",
        );
        return None;
    }
    let root = match yaml::read(text) {
        Ok(root) => root,
        Err(fault) => {
            let message = format!("the unit is no YAML: {}", fault.message);
            let help = "zinit skipped the file, so the unit never ran; mend it and migrate again";
            refuse(message, fault.span, help);
            return None;
        }
    };
    let Some(Data::Map(fields)) = root.map(|root| root.data) else {
        let help =
            "zinit skipped the file; a unit is a list of fields, such as `exec: /usr/sbin/sshd -D`";
        refuse("the file holds no unit".to_owned(), text.top(), help);
        return None;
    };
    let is_live = ending == "yaml" && !text.is_link;
    if !is_live {
        ctx.push(never_read(text, name));
    }
    Some(File {
        text,
        name,
        fields,
        is_live,
    })
}

fn never_read(text: &Text, name: &str) -> Diagnostic {
    let why = if text.is_link {
        "is a symbolic link"
    } else {
        "does not end in `.yaml`"
    };
    Diagnostic::warning(
        "zosc::migrate::never-read",
        format!("zinit never read `{}`: it {why}", text.name),
    )
    .at(text.top())
    .help(format!(
        "the unit `{name}` is `disabled`, as it was in effect; remove that word if it is to run"
    ))
}

/// The unit that an edge may have meant.
pub(super) fn unknown_unit(name: &str, others: &BTreeSet<String>) -> String {
    match nearest(name, others.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? then write `requires {near}`"),
        None => format!(
            "if it comes while the machine runs, add `unit {name} {{ external }}` and write `requires {name}`"
        ),
    }
}
