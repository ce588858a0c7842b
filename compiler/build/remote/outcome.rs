//! What comes back from elsewhere, read as what a stranger wrote.
//!
//! Comes in: a result that a server has. Goes out: how the command ended and the tree that it left, with all its contents in the store.
//! Nothing is believed: the report is read before the exit code counts, every entry is one that such a command can leave, and every content is hashed as
//! it comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use super::super::capture::Mark;
use super::super::sandbox::End;
use super::job::{CONTENTS, OUT, REPORT, Report, TREE};
use crate::diagnostic::Diagnostic;
use crate::remote::{ActionResult, Blob, Client, Failure, Kind, files_of};
use crate::tree::{Digest, Entry, Node, Store, Tree};

/// The largest list of files of a folder that is read.
const MOST_FOLDER: u64 = 512 << 20;
/// The largest tree that is read.
const MOST_TREE: u64 = 512 << 20;
/// The largest report that is read.
const MOST_REPORT: u64 = 1 << 20;
/// Most entries of a tree.
const ENTRIES: usize = 2_000_000;

/// The codes that a worker's side of zosc can end in; anything else is of the last kind.
const CODES: [&str; 13] = [
    "zosc::build::no-program",
    "zosc::build::no-namespaces",
    "zosc::build::no-output",
    "zosc::build::no-subordinate-ids",
    "zosc::build::sandbox-input",
    "zosc::build::sandbox-setup",
    "zosc::build::strange-name",
    "zosc::build::too-many-files",
    "zosc::build::unplaceable-path",
    "zosc::remote::covered-toolchain",
    "zosc::remote::no-isolation",
    "zosc::remote::other-toolchain",
    "zosc::remote::worker-failed",
];

/// How a command ended elsewhere.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It did its work, and left this tree, which is in the store.
    Left(Digest),
    /// It did not do its work.
    Ended(End),
    /// It was not run, or what it left could not be read back there.
    Refused(Diagnostic),
}

/// What brings contents.
pub(super) struct Bringer<'a> {
    pub(super) client: &'a Client,
    pub(super) store: &'a Store,
    pub(super) cancel: &'a AtomicBool,
}

impl Bringer<'_> {
    /// Reads a result, and brings what it names; `tell` hears how many bytes are here, of how many.
    ///
    /// A failure of [`Kind::Lost`] means that the result leads nowhere.
    pub(super) fn bring(
        &self,
        result: &ActionResult,
        mark: &Mark,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Result<Outcome, Failure> {
        let folder = result.folders.iter().find(|(path, _)| path == OUT);
        let Some((_, folder)) = folder else {
            return Err(self.no_report(result));
        };
        let files = files_of(&self.read(folder, MOST_FOLDER)?)?;
        let Some(report) = files.get(REPORT) else {
            return Err(self.no_report(result));
        };
        let report: Report = serde_json::from_slice(&self.read(report, MOST_REPORT)?)
            .map_err(|_| odd("has a report that cannot be read"))?;
        match report {
            Report::Ended(end) if end.is_success() => {}
            Report::Ended(end) => return Ok(Outcome::Ended(end)),
            Report::Refused(refusal) => {
                let problem = refusal.told(&CODES, "zosc::remote::worker-failed");
                let problem = self.cleaned(problem);
                return Ok(Outcome::Refused(problem.note(self.place(result))));
            }
        }
        let encoded = files
            .get(TREE)
            .ok_or_else(|| odd("lacks the tree that was captured"))?;
        let tree = Tree::decode(&self.read(encoded, MOST_TREE)?)
            .map_err(|_| odd("has a tree that cannot be read"))?;
        verify(&tree, mark)?;
        let contents = contents(&tree, &files)?;
        self.client
            .download(&contents, self.store, tell, self.cancel)?;
        Ok(Outcome::Left(self.store.put_tree(&tree)?))
    }

    /// What somebody there says, without what would do more on a terminal than say it.
    fn cleaned(&self, mut problem: Diagnostic) -> Diagnostic {
        problem.message = self.client.clean(&problem.message);
        problem.help = problem.help.map(|help| self.client.clean(&help));
        problem.notes.truncate(SHOWN);
        for note in &mut problem.notes {
            *note = self.client.clean(note);
        }
        problem
    }

    fn read(&self, blob: &Blob, most: u64) -> Result<Vec<u8>, Failure> {
        self.client.read(blob, most, self.cancel)
    }

    /// Where a command ran.
    pub(super) fn place(&self, result: &ActionResult) -> String {
        let endpoint = self.client.endpoint();
        match result.worker.as_str() {
            "" => format!("it ran on a worker of {endpoint}"),
            worker => format!("it ran on the worker `{worker}` of {endpoint}"),
        }
    }

    /// Nobody has said how it went. One that is said to have done its work may be lost in part, and any other has failed.
    fn no_report(&self, result: &ActionResult) -> Failure {
        let kind = match result.exit_code {
            0 => Kind::Lost,
            _ => Kind::Final,
        };
        let problem = self.told_without_report(result);
        Failure { kind, problem }
    }

    fn told_without_report(&self, result: &ActionResult) -> Diagnostic {
        let mut problem = Diagnostic::error(
            "zosc::remote::worker-failed",
            format!(
                "the worker left no report: zosc's program ended there with exit code {}",
                result.exit_code
            ),
        );
        problem = problem.note(self.place(result));
        for output in [&result.stderr, &result.stdout] {
            let bytes = match output {
                crate::remote::Output::Inline(bytes) => bytes.clone(),
                crate::remote::Output::Blob(blob) => {
                    self.read(blob, MOST_REPORT).unwrap_or_default()
                }
            };
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(SHOWN)..] {
                problem = problem.note(self.client.clean(line));
            }
        }
        problem.help(
            "the worker must be a Linux machine of this one's architecture that starts programs of the input root; \
             `zosc remote check` says what the server is",
        )
    }
}

/// How many lines of a program's own words are shown.
const SHOWN: usize = 12;

/// Refuses what no command on a toolchain can have left.
pub(super) fn verify(tree: &Tree, mark: &Mark) -> Result<(), Diagnostic> {
    if tree.len() > ENTRIES {
        return Err(odd("has a tree of too many files"));
    }
    for (path, entry) in tree.iter() {
        let above = path.parent().filter(|above| !above.is_root());
        let is_placed = above.is_none_or(|above| tree.get(&above).is_some_and(Entry::is_directory));
        let is_marked = entry.origin == mark.origin && entry.mtime == mark.epoch;
        let is_sound = match &entry.node {
            Node::Hardlink { to } => tree.get(to).is_some_and(|file| {
                matches!(file.node, Node::File { .. }) && file.mode == entry.mode
            }),
            Node::Symlink { target } => entry.mode == 0o777 && !target.contains('\0'),
            _ => entry.mode <= 0o7777,
        };
        if !(is_placed && is_marked && is_sound) || path.is_root() && !entry.is_directory() {
            return Err(odd(&format!(
                "has an entry `{path}` that no command leaves"
            )));
        }
        if let Some(what) = unportable(entry) {
            return Err(Diagnostic::error(
                "zosc::remote::unportable-output",
                format!("the command left `{path}` {what}, which only this machine can make"),
            )
            .help("build it here: `--executor sandbox`; or let the build leave plain files, and give them owners in the manifest"));
        }
    }
    Ok(())
}

/// What the protocol has no words for.
fn unportable(entry: &Entry) -> Option<String> {
    if (entry.uid, entry.gid) != (0, 0) {
        return Some(format!("to user {} and group {}", entry.uid, entry.gid));
    }
    if let Some(name) = entry.xattrs.keys().next() {
        return Some(format!("with the attribute `{name}`"));
    }
    match entry.node {
        Node::CharDevice { .. } | Node::BlockDevice { .. } => Some("as a device".to_owned()),
        Node::Fifo => Some("as a pipe".to_owned()),
        _ => None,
    }
}

/// The contents of a tree, each of which must be in the folder that came back.
fn contents(tree: &Tree, files: &BTreeMap<String, Blob>) -> Result<Vec<Blob>, Diagnostic> {
    let mut found = BTreeSet::new();
    for (path, entry) in tree.iter() {
        let Node::File { digest, size } = entry.node else {
            continue;
        };
        let blob = Blob { digest, size };
        if files.get(&format!("{CONTENTS}/{digest}")) != Some(&blob) {
            return Err(odd(&format!("lacks the content of `{path}`")));
        }
        found.insert(blob);
    }
    Ok(found.into_iter().collect())
}

fn odd(how: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::odd-output",
        format!("a folder that came out of a remote command {how}"),
    )
    .help("nothing of it was used; the server or a worker is out of order")
}
