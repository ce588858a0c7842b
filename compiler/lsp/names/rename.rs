//! One name becomes another, wherever it stands.
//!
//! Comes in: the names of a manifest, the one to change and the new one. Goes out: the edits of each file, or the reason why the
//! manifest would not be the same afterwards, in words for the author. Changes nothing itself.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Found, NamedFile, Names, Symbol, Use};
use crate::check::Location;
use crate::diagnostic::Diagnostics;
use crate::manifest;
use crate::source::SourceId;
use crate::syntax::{self, quote};

/// New texts for ranges of files.
pub(in crate::lsp) type Edits = BTreeMap<Location, BTreeMap<(usize, usize), String>>;

/// The account that is there in every system, and its group: under another name it would be another one.
const ROOT: &str = "root";

/// Why something cannot be renamed, in words for the author.
type Reason = String;

/// The name at an offset that can be renamed: its symbol, and where it stands there.
pub(in crate::lsp) fn renameable(
    names: &Names,
    file: &NamedFile,
    offset: usize,
) -> Result<(Symbol, Range<usize>), Reason> {
    let found = file.at(offset);
    let is_named = |symbol: &Symbol| {
        let mut places = names.declarations(file, symbol);
        places.any(|found| found.occurrence.role == Use::Names) || is_brought(names, file, symbol)
    };
    let Some(occurrence) = found.iter().find(|found| is_named(&found.symbol)) else {
        return Err(match found.first() {
            Some(found) => nameless(names, file, &found.symbol),
            None => "nothing here has a name of its own".to_owned(),
        });
    };
    let symbol = &occurrence.symbol;
    if symbol.name == ROOT && matches!(symbol.kind, "account" | "group") {
        return Err(format!(
            "every system has the {} `{ROOT}`, under this name",
            symbol.kind
        ));
    }
    for symbol in Closure::of(names, file, &occurrence.symbol).symbols() {
        refuse_shipped(names, file, symbol, &occurrence.symbol)?;
    }
    Ok((occurrence.symbol.clone(), occurrence.place.clone()))
}

/// Whether a unit is there because of another name: an flist brings the one that mounts it.
fn is_brought(names: &Names, file: &NamedFile, symbol: &Symbol) -> bool {
    symbol.kind == "unit" && !names.origins(file, symbol).is_empty()
}

fn nameless(names: &Names, file: &NamedFile, symbol: &Symbol) -> Reason {
    let (kind, name) = (symbol.kind, &symbol.name);
    if names.declarations(file, symbol).next().is_none() {
        return format!("nothing in this manifest is the {kind} `{name}`");
    }
    let word = kind.rsplit('.').next().unwrap_or(kind);
    format!("`{name}` is a {word}, not a name that a manifest gives")
}

/// The edits that give a symbol another name.
pub(in crate::lsp) fn rename(
    names: &Names,
    file: &NamedFile,
    symbol: &Symbol,
    new: &str,
) -> Result<Edits, Reason> {
    let mut closure = Closure::of(names, file, symbol);
    closure.rename(symbol, new)?;
    let mut edits = Edits::new();
    for (symbol, new) in closure.renamed() {
        refuse_shipped(names, file, symbol, symbol)?;
        refuse_clash(names, file, symbol, new)?;
        for found in names.places(file, symbol) {
            if found.occurrence.role == Use::Names {
                refuse_form(found, new)?;
            }
            let (range, text) = found.occurrence.renamed(&found.file.text, new);
            let file = edits.entry(found.file.location.clone()).or_default();
            file.insert((range.start, range.end), text);
        }
    }
    Ok(edits)
}

/// The names that follow from one another, so that they can only change together.
struct Closure {
    /// Every symbol of them, with what it is to be called.
    symbols: BTreeMap<Symbol, Option<String>>,
    /// Pairs of a name and the one that it implies, with what stands before the former in the latter.
    pairs: Vec<(Symbol, Symbol, &'static str)>,
}

impl Closure {
    fn of(names: &Names, file: &NamedFile, symbol: &Symbol) -> Self {
        let mut closure = Self {
            symbols: BTreeMap::new(),
            pairs: Vec::new(),
        };
        let mut next = vec![symbol.clone()];
        while let Some(symbol) = next.pop() {
            if closure.symbols.insert(symbol.clone(), None).is_some() {
                continue;
            }
            for found in names.all(file, &symbol) {
                closure.follow(names, file, found, &mut next);
            }
        }
        closure
    }

    /// Notes what hangs on a name at one of its places.
    fn follow(
        &mut self,
        names: &Names,
        file: &NamedFile,
        found: Found<'_>,
        next: &mut Vec<Symbol>,
    ) {
        let place = &found.occurrence.place;
        let beside = found.file.of_node(found.occurrence.node).iter();
        let beside = beside.filter(|other| other.place == *place);
        for other in beside {
            let (from, to, implied) = match (found.occurrence.role, other.role) {
                (Use::Names, Use::Implies(implied)) => (found.occurrence, other, implied),
                (Use::Implies(implied), Use::Names) => (other, found.occurrence, implied),
                _ => continue,
            };
            // A group that a package brings is nobody's to rename.
            let named = |symbol: &Symbol| {
                names.declarations(file, symbol).next().is_some() || is_brought(names, file, symbol)
            };
            if named(&from.symbol) && named(&to.symbol) {
                next.extend([from.symbol.clone(), to.symbol.clone()]);
                let pair = (
                    from.symbol.clone(),
                    to.symbol.clone(),
                    implied.prefix.as_str(),
                );
                if !self.pairs.contains(&pair) {
                    self.pairs.push(pair);
                }
            }
        }
    }

    fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.keys()
    }

    fn renamed(&self) -> impl Iterator<Item = (&Symbol, &str)> {
        let symbols = self.symbols.iter();
        symbols.filter_map(|(symbol, new)| Some((symbol, new.as_deref()?)))
    }

    /// Gives a symbol its new name, and those that hang on it theirs.
    fn rename(&mut self, symbol: &Symbol, new: &str) -> Result<(), Reason> {
        let known = self.symbols.entry(symbol.clone()).or_default();
        if known.is_some() {
            return Ok(());
        }
        *known = Some(new.to_owned());
        for (from, to, prefix) in self.pairs.clone() {
            if from == *symbol {
                self.rename(&to, &format!("{prefix}{new}"))?;
            } else if to == *symbol {
                let Some(rest) = new.strip_prefix(prefix).filter(|rest| !rest.is_empty()) else {
                    let (kind, whose) = (to.kind, from.kind);
                    return Err(format!(
                        "the {kind} `{}` belongs to the {whose} `{}`, so its name is `{prefix}` and that of the {whose}",
                        to.name, from.name
                    ));
                };
                self.rename(&from, rest)?;
            }
        }
        Ok(())
    }
}

fn refuse_shipped(
    names: &Names,
    file: &NamedFile,
    symbol: &Symbol,
    asked: &Symbol,
) -> Result<(), Reason> {
    let mut places = names.places(file, symbol);
    let Some(found) = places.find(|found| found.file.is_shipped()) else {
        return Ok(());
    };
    let which = if symbol == asked {
        format!("the {} `{}`", symbol.kind, symbol.name)
    } else {
        format!("the {} `{}`, which goes with it,", symbol.kind, symbol.name)
    };
    Err(format!(
        "{which} stands in `{}`, which ships with zosc and cannot be changed",
        found.file.name()
    ))
}

fn refuse_clash(names: &Names, file: &NamedFile, symbol: &Symbol, new: &str) -> Result<(), Reason> {
    let taken = Symbol {
        name: new.to_owned(),
        ..symbol.clone()
    };
    if taken == *symbol {
        return Ok(());
    }
    match names.declarations(file, &taken).next() {
        Some(found) => Err(format!(
            "there is a {} `{new}` already, in `{}`",
            symbol.kind,
            found.file.name()
        )),
        None => Ok(()),
    }
}

/// Refuses a name that the language does not allow here, in the language's words.
fn refuse_form(found: Found<'_>, new: &str) -> Result<(), Reason> {
    let (text, list) = (&found.file.text, &found.file.nodes.list);
    let Some(node) = list.get(found.occurrence.node) else {
        return Ok(());
    };
    let is_it = |word: super::super::nodes::Word| {
        word.start <= found.occurrence.place.start && found.occurrence.place.end <= word.end
    };
    let entry = node
        .entries
        .iter()
        .find(|entry| entry.value.is_some_and(is_it));
    let key = entry
        .and_then(|entry| entry.key)
        .map_or(String::new(), |key| format!("{}=", key.written(text)));
    let mut alone = format!("{} {key}{}", node.name.written(text), quote(new));
    let mut above = node.parent;
    while let Some(parent) = above.and_then(|parent| list.get(parent)) {
        alone = format!("{} {{ {alone} }}", parent.name.written(text));
        above = parent.parent;
    }
    let mut problems = Diagnostics::new();
    let document = syntax::parse(SourceId(0), &alone, &mut problems);
    manifest::decode(&document, &mut problems);
    let quoted = quote(new);
    let problem = problems.iter().find(|problem| {
        let mut labels = problem.labels.iter();
        labels.any(|label| alone.get(label.span.range()) == Some(quoted.as_str()))
    });
    problem.map_or(Ok(()), |problem| {
        let rule = node.shape.and_then(|shape| {
            let mut members = shape.members.iter();
            members
                .find(|member| member.naming.names.is_some())?
                .message
                .clone()
        });
        Err(rule.unwrap_or_else(|| problem.message.clone()))
    })
}
