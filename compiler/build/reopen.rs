//! Opens the sandbox of an earlier command again, with a shell in it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::executor::Executor;
use super::perform::run::{Prepared, Request, log_path, prepare};
use super::sandbox::Outcome;
use crate::diagnostic::Diagnostic;
use crate::io;
use crate::tree::{Digest, Store};

/// A sandbox that stands ready as its command found it.
pub struct Reopened {
    /// What the action is called.
    pub label: String,
    /// The command that the action runs.
    pub arguments: Vec<String>,
    /// The log of its last run.
    pub log: PathBuf,
    prepared: Prepared,
}

impl Reopened {
    /// Opens a shell on this terminal; returns when it ends. Changes to files are lost then.
    pub fn shell(mut self, executor: &dyn Executor) -> Result<Outcome, Diagnostic> {
        let sandbox = &mut self.prepared.sandbox;
        sandbox.arguments = vec!["/bin/sh".to_owned()];
        let terminal = io::environment("TERM").unwrap_or_else(|| "dumb".to_owned());
        sandbox.environment.insert("TERM".to_owned(), terminal);
        let prompt = format!("{} $PWD # ", self.label);
        sandbox.environment.insert("PS1".to_owned(), prompt);
        executor.interact(sandbox)
    }

    /// The same sandbox with another command, without a terminal.
    pub fn command(
        mut self,
        executor: &dyn Executor,
        arguments: Vec<String>,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<Outcome, Diagnostic> {
        self.prepared.sandbox.arguments = arguments;
        executor.run(&self.prepared.sandbox, &AtomicBool::new(false), line)
    }
}

/// Prepares the sandbox of the action whose key begins with these hexadecimal digits.
pub fn reopen(store: &Store, key: &str) -> Result<Reopened, Diagnostic> {
    let key = find(store, key)?;
    let path = Request::path(store, &key.to_string());
    let bytes = fs::read(&path).map_err(|error| super::disk(&path, &error))?;
    let request: Request = serde_json::from_slice(&bytes).map_err(|_| unknown(&key.short()))?;
    let prepared = prepare(&request, store, &AtomicBool::new(false))?;
    Ok(Reopened {
        label: request.label,
        arguments: request.arguments,
        log: log_path(store, &key),
        prepared,
    })
}

fn find(store: &Store, key: &str) -> Result<Digest, Diagnostic> {
    let folder = store.logs();
    let listing = fs::read_dir(&folder).map_err(|error| super::disk(&folder, &error))?;
    let mut found: Vec<Digest> = listing
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".request.json")?;
            name.starts_with(key).then(|| name.parse().ok())?
        })
        .collect();
    found.sort();
    match found.as_slice() {
        [only] if !key.is_empty() => Ok(*only),
        _ => Err(unknown(key)),
    }
}

fn unknown(key: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::unknown-action",
        format!("`{key}` names no command that was run with this store"),
    )
    .help("the message of a failed command holds the exact line to type; `zosc plan` lists keys")
}
