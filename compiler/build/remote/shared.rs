//! Results that machines share: under the key of zosc's action, whoever performed it and however.
//!
//! The entry is the result of an action that nobody executes: its command names the key, and its input root is empty. So
//! any server that keeps results is a shared cache, also between versions of zosc and between executors.

use super::super::sandbox::End;
use super::input::stored;
use super::job::{CONTENTS, OUT, REPORT, Report, TREE};
use crate::diagnostic::Diagnostic;
use crate::remote::{self, Blob, Command, Content, Folder, Prepared};
use crate::tree::{Digest, Node, Store, Tree};

/// The action that stands for a key.
pub(super) fn entry(key: &Digest) -> Prepared {
    let command = Command {
        arguments: ["zosc-result".to_owned(), "1".to_owned(), key.to_string()].into(),
        outputs: vec![OUT.to_owned()],
        ..Command::default()
    };
    remote::action(&command, &Folder::new().blob())
}

/// A result as it is shared.
pub(super) struct Shared {
    /// The folder that such a command would have left.
    pub(super) folder: Blob,
    /// All that the server needs.
    pub(super) contents: Vec<(Blob, Content)>,
}

/// A tree as the result of a command that did its work.
pub(super) fn result(
    output: &Digest,
    tree: &Tree,
    entry: &Prepared,
    store: &Store,
) -> Result<Shared, Diagnostic> {
    let report = serde_json::to_vec(&Report::Ended(End::Exited(0)));
    let report = report.expect("texts and numbers are always JSON");
    let mut folder = Folder::new();
    folder.file(REPORT, Blob::of(&report), false)?;
    let encoded = tree.encode();
    debug_assert_eq!(Digest::of(&encoded), *output);
    folder.file(TREE, Blob::of(&encoded), false)?;
    let mut contents = vec![
        (Blob::of(&report), Content::Bytes(report)),
        (Blob::of(&encoded), Content::Bytes(encoded)),
        (Blob::of(b""), Content::Bytes(Vec::new())),
    ];
    for (_, file) in tree.iter() {
        if let Node::File { digest, size } = file.node {
            let blob = Blob { digest, size };
            folder.file(&format!("{CONTENTS}/{digest}"), blob, false)?;
            contents.push(stored(&blob, store));
        }
    }
    let (named, message) = folder.tree();
    // A server may look for every folder of it before it hands out the result.
    let (_, folders) = folder.messages();
    let messages = entry.messages.iter().cloned();
    let messages = messages.chain(folders).chain([(named, message)]);
    contents.extend(messages.map(|(blob, bytes)| (blob, Content::Bytes(bytes))));
    Ok(Shared {
        folder: named,
        contents,
    })
}
