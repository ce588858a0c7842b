//! Symbols and debugging information go out of programs, libraries and kernel modules.
//!
//! What the files are decides, and where they lie: firmware and kernels are programs of other machines, and stay. Contents
//! are looked at once each, several at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use super::Context;
use crate::archive::{Compression, Encoder};
use crate::diagnostic::Diagnostic;
use crate::elf::{self, Stripped};
use crate::kmod::{self, Packing};
use crate::plan::{Input, Stripping};
use crate::tree::{Digest, Entry, ImagePath, Node, Tree};

/// Folders of kernel modules.
const MODULES: [&str; 2] = ["/lib/modules/", "/usr/lib/modules/"];
/// Folders whose programs are not for this system, or are there for their symbols.
const OTHERS: [&str; 4] = [
    "/boot/",
    "/lib/firmware/",
    "/usr/lib/firmware/",
    "/usr/lib/debug/",
];
/// Ends of the names of kernel modules.
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];
/// An attribute that holds a signature of the content.
const SIGNATURE: &str = "security.ima";
/// How many files are named that stay as they are.
const MOST_NAMED: usize = 10;

/// What became of one content.
enum Outcome {
    /// Another content takes its place.
    Replaced(Digest, u64),
    /// It stays, and there is nothing to say about it.
    Same,
    /// It stays; why, as the end of a sentence that begins with its name.
    Left(&'static str),
}

/// A tree with stripped files; hard links stay links, and modes, owners and attributes stay what they were.
pub(super) fn strip(
    context: &Context<'_>,
    tree: &Input,
    what: Stripping,
) -> Result<Tree, Diagnostic> {
    let mut tree = context.tree(tree)?;
    let mut candidates: BTreeMap<Digest, ImagePath> = BTreeMap::new();
    for (path, entry) in tree
        .iter()
        .filter(|(path, entry)| is_meant(path, entry, what))
    {
        if let Node::File { digest, .. } = entry.node {
            candidates.entry(digest).or_insert_with(|| path.clone());
        }
    }
    let outcomes = context.each(0, candidates.into_iter().collect(), &|(digest, path)| {
        Ok((digest, one(context, &digest, &path, what)?))
    })?;
    let outcomes: BTreeMap<Digest, Outcome> = outcomes.into_iter().collect();
    let mut left = Vec::new();
    for (path, entry) in tree.iter_mut() {
        if !is_meant(path, entry, what) {
            continue;
        }
        if let Node::File { digest, size } = &mut entry.node {
            match outcomes.get(digest) {
                Some(Outcome::Replaced(new, length)) => (*digest, *size) = (*new, *length),
                Some(Outcome::Left(why)) => left.push((path.clone(), *why)),
                Some(Outcome::Same) | None => {}
            }
        }
    }
    tell(context, &left);
    Ok(tree)
}

/// Whether a file is one of those to strip, as far as its place and its permissions say.
fn is_meant(path: &ImagePath, entry: &Entry, what: Stripping) -> bool {
    let below = |folders: &[&str]| {
        folders
            .iter()
            .any(|folder| path.as_str().starts_with(folder))
    };
    let name = path.file_name();
    let meant = match what {
        Stripping::Modules => below(&MODULES) && ENDINGS.iter().any(|end| name.ends_with(end)),
        // A program that nobody may execute is data: firmware of an emulator, say.
        Stripping::Binaries => {
            let is_library = name.split('.').skip(1).any(|part| part == "so");
            let may_run = entry.mode & 0o111 != 0 || is_library;
            may_run && !below(&MODULES) && !below(&OTHERS)
        }
    };
    meant && matches!(entry.node, Node::File { .. }) && !entry.xattrs.contains_key(SIGNATURE)
}

fn one(
    context: &Context<'_>,
    digest: &Digest,
    path: &ImagePath,
    what: Stripping,
) -> Result<Outcome, Diagnostic> {
    let bytes = match what {
        Stripping::Binaries => match context.elf(digest)? {
            Some(bytes) => bytes,
            None => return Ok(Outcome::Same),
        },
        Stripping::Modules => context.store.get(digest)?,
    };
    let stripped = match what {
        Stripping::Binaries => elf::strip_program(&bytes),
        Stripping::Modules => module(path, &bytes)?,
    };
    Ok(match stripped {
        // A module that packs worse than before is no gain.
        Stripped::Smaller(smaller) if smaller.len() < bytes.len() => {
            Outcome::Replaced(context.store.put(&smaller)?, smaller.len() as u64)
        }
        Stripped::Smaller(_) | Stripped::Already => Outcome::Same,
        Stripped::Left(why) => Outcome::Left(why),
    })
}

/// A module in the compression that it had: its name says which, and so do the indexes that `modprobe` reads.
fn module(path: &ImagePath, bytes: &[u8]) -> Result<Stripped, Diagnostic> {
    let opened = kmod::open(path.as_str(), bytes)?;
    let smaller = match elf::strip_module(&opened.object) {
        Stripped::Smaller(smaller) => smaller,
        other => return Ok(other),
    };
    if opened.signed {
        let facts = elf::inspect(path.as_str(), &opened.object)?;
        return Ok(if facts.debug {
            Stripped::Left("is signed, and would not be any more")
        } else {
            Stripped::Already
        });
    }
    let compression = match opened.packing {
        Packing::Plain => return Ok(Stripped::Smaller(smaller)),
        Packing::Gzip => Compression::Gzip,
        Packing::Xz => Compression::Xz { level: 6 },
        Packing::Zstd => Compression::Zstd { level: 19 },
    };
    let packed = Encoder::new(Vec::new(), compression, smaller.len() as u64).and_then(|mut out| {
        out.write_all(&smaller)?;
        out.finish()
    });
    let refuse = |error: std::io::Error| {
        let message = format!("`{path}` cannot be compressed again: {error}");
        Diagnostic::error("zosc::build::not-compressed", message)
            .help("leave `modules` out of `size { strip … }`")
    };
    packed.map(Stripped::Smaller).map_err(refuse)
}

/// Says which files stay as they are.
fn tell(context: &Context<'_>, left: &[(ImagePath, &'static str)]) {
    if left.is_empty() {
        return;
    }
    let reasons: BTreeSet<&str> = left.iter().map(|(_, why)| *why).collect();
    let message = match left {
        [(path, why)] => format!("`{path}` is not stripped: it {why}"),
        _ => format!("{} files are not stripped", left.len()),
    };
    let signed = reasons.iter().any(|why| why.contains("signed"));
    let help = if signed {
        "nothing needs to be done: the modules work as they are; to strip them, build the kernel without MODULE_SIG"
    } else {
        "nothing needs to be done: the files work as they are"
    };
    let mut warning = Diagnostic::warning("zosc::build::not-stripped", message).help(help);
    if left.len() > 1 {
        for (path, why) in left.iter().take(MOST_NAMED) {
            warning = warning.note(format!("`{path}` {why}"));
        }
        if left.len() > MOST_NAMED {
            warning = warning.note(format!("and {} more", left.len() - MOST_NAMED));
        }
    }
    context.warn(&warning);
}
