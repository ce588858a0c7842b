//! Blocks that a store does not have as a list needs them.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{self, Block, BlockId};
use crate::publish::blocks::{Blocks, Found, Tried};
use crate::tree::ImagePath;

/// How many blocks of a kind are told one by one.
const TOLD: usize = 8;

/// A block that could not be had.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its name.
    pub id: BlockId,
    /// A file that it belongs to.
    pub file: ImagePath,
    /// What is wrong.
    pub trouble: Trouble,
    /// What was looked at, and what was there.
    pub tried: Vec<String>,
}

/// What is wrong with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It is not there.
    Missing,
    /// Something else is there.
    Wrong,
    /// The store does not say.
    Unread,
}

impl Trouble {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Unread => "unread",
        }
    }
}

/// A block as it is in a store, and opened.
pub(super) struct Fetched {
    pub(super) sealed: Vec<u8>,
    pub(super) content: Vec<u8>,
}

/// Reads a block of a file from a store and opens it.
pub(super) fn fetch(block: &Block, file: &ImagePath, store: &dyn Blocks) -> Result<Fetched, Fault> {
    let fault = |trouble, tried| Fault {
        id: block.id,
        file: file.clone(),
        trouble,
        tried,
    };
    let sealed = store.read(&block.id).map_err(|tried| {
        let shown = tried.iter().map(Tried::to_string).collect();
        fault(trouble(&tried), shown)
    })?;
    match flist::open(block, &sealed) {
        Ok(content) => Ok(Fetched { sealed, content }),
        Err(problem) => Err(fault(Trouble::Wrong, vec![problem.message])),
    }
}

fn trouble(tried: &[Tried]) -> Trouble {
    let has = |which: fn(&Found) -> bool| tried.iter().any(|tried| which(&tried.found));
    if has(|found| matches!(found, Found::Other(_) | Found::TooMuch)) {
        Trouble::Wrong
    } else if has(|found| matches!(found, Found::Refused(_) | Found::Failed(_))) {
        Trouble::Unread
    } else {
        Trouble::Missing
    }
}

/// One problem for each kind of trouble, with the first blocks that have it.
pub(super) fn problems(faults: &[Fault], of: usize, store: &str) -> Diagnostics {
    let mut problems = Diagnostics::new();
    for (trouble, code, what, help) in [
        (
            Trouble::Missing,
            "zosc::publish::missing-blocks",
            "missing from",
            "pack the files again, or copy the blocks from a store that has them: `zosc flist clone FILE.fl --to STORE`",
        ),
        (
            Trouble::Wrong,
            "zosc::publish::wrong-blocks",
            "not what they should be in",
            "remove them from the store, then pack the files again or copy the blocks from a store that has them",
        ),
        (
            Trouble::Unread,
            "zosc::publish::unread-blocks",
            "not handed out by",
            "check that the address can be reached from here, and that everyone may read there; `--store` names another place",
        ),
    ] {
        let own: Vec<&Fault> = faults
            .iter()
            .filter(|fault| fault.trouble == trouble)
            .collect();
        if own.is_empty() {
            continue;
        }
        let verb = if own.len() == 1 { "is" } else { "are" };
        let message = format!("{} of {of} blocks {verb} {what} `{store}`", own.len());
        let mut problem = Diagnostic::error(code, message).help(help);
        let notes = match trouble {
            Trouble::Missing => by_file(&own),
            Trouble::Wrong | Trouble::Unread => one_by_one(&own),
        };
        for note in notes {
            problem = problem.note(note);
        }
        problems.push(problem);
    }
    problems
}

/// Of blocks that are nowhere there is nothing to say but whose they are.
fn by_file(faults: &[&Fault]) -> Vec<String> {
    let mut files: BTreeMap<&ImagePath, Vec<&BlockId>> = BTreeMap::new();
    for fault in faults {
        files.entry(&fault.file).or_default().push(&fault.id);
    }
    let count = files.len();
    let told = files.into_iter().take(TOLD).map(|(file, ids)| {
        let first = ids.first().map(ToString::to_string).unwrap_or_default();
        match ids.len() - 1 {
            0 => format!("of `{file}`: {first}"),
            more => format!("of `{file}`: {first} and {more} more"),
        }
    });
    let mut notes: Vec<String> = told.collect();
    if count > TOLD {
        notes.push(format!("and of {} more files", count - TOLD));
    }
    notes
}

fn one_by_one(faults: &[&Fault]) -> Vec<String> {
    let told = faults.iter().take(TOLD).map(|fault| {
        let tried = fault.tried.join("; ");
        format!("{} of `{}`: {tried}", fault.id, fault.file)
    });
    let mut notes: Vec<String> = told.collect();
    if faults.len() > TOLD {
        notes.push(format!("and {} more", faults.len() - TOLD));
    }
    notes
}
