//! What the machine's compilers say of themselves, remembered: to start them takes longer than everything else that an unchanged build does.
//!
//! A note in the store has the answer, and how everything looked that it depends on: which program each name leads to, what chooses among
//! releases, and the compilers chosen. It is believed as long as all of that looks the same.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::HostToolchain;
use crate::io;
use crate::tree::{Digest, Look, Store};

/// Programs that are asked.
const PROGRAMS: [&str; 6] = ["rustc", "cargo", "cc", "aarch64-linux-gnu-gcc", "go", "upx"];
/// Beginnings of the names of variables that change what they answer.
const VARIABLES: [&str; 8] = [
    "PATH",
    "HOME",
    "RUST",
    "CARGO",
    "GO",
    "LANG",
    "LC_",
    "XDG_CONFIG_HOME",
];

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    toolchain: HostToolchain,
    witnesses: Vec<Witness>,
}

/// A path, and how the file there looks, where there is one.
type Witness = (PathBuf, Option<Look>);

/// The answer to a question, where nothing has changed since it was given; else what `ask` finds out now.
pub(super) fn recall<E>(
    store: &Store,
    question: &str,
    ask: impl FnOnce() -> Result<HostToolchain, E>,
) -> Result<HostToolchain, E> {
    let note = name(question);
    let known = store.note(&note);
    let known = known.and_then(|note| serde_json::from_slice::<Remembered>(&note).ok());
    if let Some(known) = known.filter(|known| known.witnesses == witnesses(&known.toolchain)) {
        return Ok(known.toolchain);
    }
    let moment = io::unix_milliseconds();
    let toolchain = ask()?;
    let witnesses = witnesses(&toolchain);
    let is_settled = |witness: &Witness| witness.1.is_none_or(|look| look.is_settled(moment));
    if witnesses.iter().all(is_settled) {
        let remembered = Remembered {
            toolchain: toolchain.clone(),
            witnesses,
        };
        let bytes = serde_json::to_vec(&remembered).expect("texts and numbers are always JSON");
        // A store that cannot keep it goes without.
        let _ = store.write_note(&note, &bytes);
    }
    Ok(toolchain)
}

fn name(question: &str) -> Digest {
    let counts = |name: &str| VARIABLES.iter().any(|start| name.starts_with(start));
    let variables = io::environment_all().into_iter();
    let variables: Vec<_> = variables.filter(|(name, _)| counts(name)).collect();
    Digest::of(format!("host 1\n{question}\n{variables:?}").as_bytes())
}

/// All that an answer depends on, as it looks now.
fn witnesses(toolchain: &HostToolchain) -> Vec<Witness> {
    let home = io::environment("HOME").map(PathBuf::from);
    let below = |variable: &str, folder: &str| {
        let own = io::environment(variable).map(PathBuf::from);
        own.or_else(|| home.as_ref().map(|home| home.join(folder)))
    };
    let mut paths: Vec<PathBuf> = PROGRAMS.iter().filter_map(|name| found(name)).collect();
    // What chooses among the releases that rustup and Go have.
    paths.extend(["/rust-toolchain", "/rust-toolchain.toml"].map(PathBuf::from));
    paths.extend(below("RUSTUP_HOME", ".rustup").map(|folder| folder.join("settings.toml")));
    paths.extend(below("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("go/env")));
    for folder in &toolchain.path {
        paths.extend(PROGRAMS.map(|name| Path::new(folder).join(name)));
    }
    let look = |path: PathBuf| {
        let facts = path.metadata().ok();
        // A link may come to lead elsewhere, to a file that looks the same on another disk.
        (
            path.canonicalize().unwrap_or(path),
            facts.map(|facts| Look::of(&facts)),
        )
    };
    paths.into_iter().map(look).collect()
}

/// The file that a name leads to, as a shell finds it.
fn found(name: &str) -> Option<PathBuf> {
    let path = io::environment("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn compilers_are_asked_again_once_one_looks_different() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("opens");
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).expect("made");
        fs::write(programs.join("rustc"), "one").expect("written");
        std::thread::sleep(Duration::from_millis(300));
        let asked = Cell::new(0);
        let toolchain = |question: &str| {
            recall(&store, question, || {
                asked.set(asked.get() + 1);
                Ok::<_, ()>(HostToolchain {
                    facts: format!("answer {}", asked.get()),
                    path: vec![programs.display().to_string()],
                    folders: Vec::new(),
                })
            })
            .expect("answers")
            .facts
        };
        assert_eq!([toolchain("a"), toolchain("a")], ["answer 1", "answer 1"]);
        assert_eq!(toolchain("b"), "answer 2");
        fs::write(programs.join("rustc"), "two").expect("written");
        assert_eq!(toolchain("a"), "answer 3");
        // It may change once more without looking different.
        assert_eq!(toolchain("a"), "answer 4");
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!([toolchain("a"), toolchain("a")], ["answer 5", "answer 5"]);
        fs::write(programs.join("cargo"), "new").expect("written");
        assert_eq!(toolchain("a"), "answer 6");
    }
}
