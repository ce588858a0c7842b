//! Which files the client is asked to watch: manifests, locks, and every other file that a check has looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::server::Server;

/// What is watched from the beginning, wherever it is.
const PATTERNS: [&str; 2] = ["**/*.kdl", "**/*.lock"];

/// More files than a person names in a manifest are not watched one by one.
const MOST: usize = 500;

const METHOD: &str = "workspace/didChangeWatchedFiles";

/// Asks for manifests and locks.
pub(super) fn begin(server: &mut Server) {
    if can(server) {
        let patterns = PATTERNS.map(str::to_owned);
        register(server, "manifests", &patterns);
    }
}

/// Asks for the files that the latest checks have looked at, where those are others than before.
pub(super) fn follow(server: &mut Server) {
    if !can(server) {
        return;
    }
    let projects = server.workspace.projects.values();
    let asked = projects.flat_map(|project| &project.checked.asked);
    let named: BTreeSet<PathBuf> = asked
        .filter(|path| is_to_be_named(path))
        .take(MOST)
        .cloned()
        .collect();
    if named == server.watched {
        return;
    }
    if !server.watched.is_empty() {
        let gone = json!([{ "id": "named", "method": METHOD }]);
        // The protocol has it spelt so.
        server.ask(
            "client/unregisterCapability",
            json!({ "unregisterations": gone }),
        );
    }
    let patterns: Vec<String> = named
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if !patterns.is_empty() {
        register(server, "named", &patterns);
    }
    server.watched = named;
}

fn can(server: &Server) -> bool {
    let client = &server.workspace.client;
    client.has("/workspace/didChangeWatchedFiles/dynamicRegistration")
}

/// Whether a file is not watched already, and can be written as a pattern that means itself.
fn is_to_be_named(path: &Path) -> bool {
    let is_manifest = path.extension().is_some_and(|ending| ending == "kdl");
    let is_lock = path.extension().is_some_and(|ending| ending == "lock");
    let is_plain = path
        .to_str()
        .is_some_and(|path| !path.contains(['*', '?', '[', ']', '{', '}']));
    !is_manifest && !is_lock && is_plain
}

fn register(server: &mut Server, id: &str, patterns: &[String]) {
    let patterns = patterns.iter();
    let watchers: Vec<Value> = patterns
        .map(|pattern| json!({ "globPattern": pattern }))
        .collect();
    let registration = json!({
        "id": id,
        "method": METHOD,
        "registerOptions": { "watchers": watchers },
    });
    server.ask(
        "client/registerCapability",
        json!({ "registrations": [registration] }),
    );
}
