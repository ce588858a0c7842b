//! Programs are picked out of an image, and put back smaller.

use std::collections::BTreeMap;

use super::Context;
use super::select::Patterns;
use crate::diagnostic::Diagnostic;
use crate::elf::{self, Kind};
use crate::plan::Input;
use crate::tree::{Digest, Entry, ImagePath, Node, Origin, Tree};

/// Where a pattern with wildcards does not reach: kernel modules, and what may be the first process.
const SPARED: [&str; 6] = [
    "/lib/modules",
    "/usr/lib/modules",
    "/{init,linuxrc}",
    "/{sbin,bin,usr/sbin,usr/bin,usr/local/bin,usr/local/sbin}/init",
    "/**/{zinit,zinit-server,zinit-pid1,my_init}",
    "/{lib,usr/lib}/firmware",
];
/// How many files are named that stay as they are.
const MOST_NAMED: usize = 10;

/// The programs that patterns name, each content once, under its digest. Names are all that leads to a file: its own path
/// and those of its hard links.
pub(super) fn programs(
    context: &Context<'_>,
    tree: &Input,
    patterns: &[String],
    except: Option<&str>,
) -> Result<Tree, Diagnostic> {
    let tree = context.tree(tree)?;
    let (wild, exact): (Vec<String>, Vec<String>) = patterns
        .iter()
        .cloned()
        .partition(|pattern| pattern.contains(['*', '?', '[', '{']));
    let except: Vec<String> = except.into_iter().map(str::to_owned).collect();
    let [wild, except] = [wild, except].map(|patterns| Patterns::new(&patterns));
    let (wild, except) = (wild?, except?);
    let spared = Patterns::new(&SPARED.map(str::to_owned))?;
    let mut found = Tree::new();
    for (_, names) in names(&tree) {
        let is = |test: &dyn Fn(&ImagePath) -> bool| names.iter().any(|name| test(name));
        let by_name = is(&|name| exact.iter().any(|path| path == name.as_str()));
        let by_pattern = is(&|name| wild.matches(name)) && !is(&|name| spared.cover(name));
        if !(by_name || by_pattern) || is(&|name| except.matches(name)) {
            continue;
        }
        let Some(Node::File { digest, size }) = names
            .first()
            .and_then(|name| tree.get(name))
            .map(|entry| &entry.node)
        else {
            continue;
        };
        let place = ImagePath::new(&digest.to_string()).expect("digits are a sound name");
        if found.contains(&place) || !is_program(context, digest, names[0])? {
            continue;
        }
        let origin = Origin::new("programs");
        found.insert(place, Entry::file(*digest, *size, 0o755, 0, origin));
    }
    Ok(found)
}

/// By file: its path, then its other names.
fn names(tree: &Tree) -> BTreeMap<&ImagePath, Vec<&ImagePath>> {
    let files = tree
        .iter()
        .filter(|(_, entry)| matches!(entry.node, Node::File { .. }));
    let mut names: BTreeMap<&ImagePath, Vec<&ImagePath>> =
        files.map(|(path, _)| (path, vec![path])).collect();
    for (path, entry) in tree.iter() {
        if let Node::Hardlink { to } = &entry.node
            && let Some(names) = names.get_mut(to)
        {
            names.push(path);
        }
    }
    names
}

fn is_program(
    context: &Context<'_>,
    digest: &Digest,
    path: &ImagePath,
) -> Result<bool, Diagnostic> {
    let Some(bytes) = context.elf(digest)? else {
        return Ok(false);
    };
    let facts = elf::inspect(path.as_str(), &bytes);
    Ok(facts.is_ok_and(|facts| facts.kind == Kind::Program))
}

/// The image with what programs became, where that is smaller; the others are told.
pub(super) fn exchange(
    context: &Context<'_>,
    tree: &Input,
    programs: &Input,
    packed: &Input,
) -> Result<Tree, Diagnostic> {
    let mut tree = context.tree(tree)?;
    let (programs, packed) = (context.tree(programs)?, context.tree(packed)?);
    let mut left = Vec::new();
    for (path, entry) in tree.iter_mut() {
        let Node::File { digest, size } = &mut entry.node else {
            continue;
        };
        let name = ImagePath::new(&digest.to_string()).expect("digits are a sound name");
        if !programs.contains(&name) {
            continue;
        }
        match packed.get(&name).map(|entry| &entry.node) {
            Some(Node::File {
                digest: new,
                size: length,
            }) if length < size => (*digest, *size) = (*new, *length),
            _ => left.push((path.clone(), why(context, &packed, &name))),
        }
    }
    tell(context, &left);
    Ok(tree)
}

/// What UPX said of a program, without the name that it had there.
fn why(context: &Context<'_>, packed: &Tree, name: &ImagePath) -> String {
    let note = ImagePath::new(&format!("{name}.why")).ok();
    let note = note.and_then(|note| packed.get(&note).map(|entry| entry.node.clone()));
    let text = match note {
        Some(Node::File { digest, .. }) => context.store.get(&digest).unwrap_or_default(),
        _ => Vec::new(),
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    let line = line.map(|line| line.rsplit(": ").next().unwrap_or(line).trim());
    line.unwrap_or("it would not be smaller").to_owned()
}

fn tell(context: &Context<'_>, left: &[(ImagePath, String)]) {
    let message = match left {
        [] => return,
        [(path, why)] => format!("`{path}` is not packed: {why}"),
        _ => format!("{} programs are not packed", left.len()),
    };
    let mut warning = Diagnostic::warning("zosc::build::not-packed", message)
        .help("nothing needs to be done: the programs work as they are; name them in `except` to be rid of this");
    if left.len() > 1 {
        for (path, why) in left.iter().take(MOST_NAMED) {
            warning = warning.note(format!("`{path}`: {why}"));
        }
        if left.len() > MOST_NAMED {
            warning = warning.note(format!("and {} more", left.len() - MOST_NAMED));
        }
    }
    context.warn(&warning);
}
