//! The output of foreign commands, kept in the store by the key of their action.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use super::disk;
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Store};

/// How many lines of a log's end are shown when its command fails.
const TAIL: usize = 30;
/// Longest line that is shown.
const WIDTH: usize = 400;

/// A log being written.
pub(super) struct Log {
    path: PathBuf,
    file: BufWriter<File>,
    tail: VecDeque<String>,
}

impl Log {
    /// Begins the log of an action; an earlier one is replaced.
    pub(super) fn new(store: &Store, key: &Digest) -> Result<Self, Diagnostic> {
        let path = path(store, key);
        let file = File::create(&path).map_err(|error| disk(&path, &error))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            tail: VecDeque::new(),
        })
    }

    /// Takes a line and returns it as it can be shown: UTF-8, without control characters.
    pub(super) fn line(&mut self, line: &[u8]) -> String {
        // A full disk shows where the command's own files are read back; the lines shown are not lost by it.
        let _ = self.file.write_all(line);
        let _ = self.file.write_all(b"\n");
        let shown = plain(&String::from_utf8_lossy(line));
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(shown.clone());
        shown
    }

    /// The last lines, and where all of them are.
    pub(super) fn finish(mut self) -> (Vec<String>, PathBuf) {
        let _ = self.file.flush();
        (self.tail.into(), self.path)
    }
}

/// Where the log of an action is.
pub(super) fn path(store: &Store, key: &Digest) -> PathBuf {
    store.logs().join(format!("{key}.log"))
}

/// Drops terminal commands and cuts long lines, so that a command's output cannot rearrange the screen.
fn plain(line: &str) -> String {
    let mut shown = String::new();
    let mut characters = line.trim_end().chars();
    while let Some(character) = characters.next() {
        match character {
            // `ESC [ … letter`: colours and cursor movements.
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    characters.by_ref().find(|end| ('@'..='~').contains(end));
                }
            }
            '\t' => shown.push_str("    "),
            // Only what stands behind the last carriage return stays on a terminal's line.
            '\r' => shown.clear(),
            _ if character.is_control() => {}
            _ => shown.push(character),
        }
    }
    if let Some((cut, _)) = shown.char_indices().nth(WIDTH) {
        shown.truncate(cut);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_without_terminal_commands() {
        assert_eq!(plain("\u{1b}[1;31merror\u{1b}[0m: x\u{7}"), "error: x");
        assert_eq!(plain(" 10%\r 20%\rdone\r"), "done");
        assert_eq!(plain(&"x".repeat(1000)).chars().count(), WIDTH + 1);
    }

    #[test]
    fn the_tail_is_bounded_and_the_log_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let mut log = Log::new(&store, &Digest::of(b"key")).expect("begins");
        for number in 0..100 {
            log.line(format!("line {number}").as_bytes());
        }
        let (tail, path) = log.finish();
        assert_eq!((tail.len(), tail[0].as_str()), (TAIL, "line 70"));
        let whole = std::fs::read_to_string(path).expect("kept");
        assert_eq!(whole.lines().count(), 100);
    }
}
