//! The output of foreign commands, kept in the store by the key of their action.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::disk;
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Store};

/// How many lines of a log's end are shown when its command fails.
const TAIL: usize = 30;
/// How many lines that tell of errors are kept besides.
const ERRORS: usize = 5;
/// Logs that are shorter say nothing about how far a command is.
const WORTH_COUNTING: u64 = 100;
/// Longest line that is shown.
const WIDTH: usize = 400;

/// A log being written.
pub(super) struct Log {
    path: PathBuf,
    file: BufWriter<File>,
    tail: VecDeque<String>,
    /// The first lines that tell of an error, and which line each is.
    errors: Vec<(u64, String)>,
    /// How many lines there have been.
    lines: u64,
    /// The note of how many there were the last time that all went well.
    length: Digest,
    /// What it says.
    expected: Option<u64>,
}

/// What is left of a log.
pub(super) struct Finished {
    /// The first lines that tell of an error and are not among the last ones.
    pub(super) errors: Vec<String>,
    /// The last lines.
    pub(super) tail: Vec<String>,
    /// Where all of them are.
    pub(super) path: PathBuf,
}

impl Log {
    /// Begins the log of an action; an earlier one is replaced.
    ///
    /// `label` is what the action is called from build to build of a manifest: it tells how long its log is otherwise.
    pub(super) fn new(
        store: &Store,
        key: &Digest,
        manifest: &Path,
        label: &str,
    ) -> Result<Self, Diagnostic> {
        let path = path(store, key);
        let file = File::create(&path).map_err(|error| disk(&path, &error))?;
        let length = length_of(manifest, label);
        let expected = store.note(&length);
        Ok(Self {
            path,
            file: BufWriter::new(file),
            tail: VecDeque::new(),
            errors: Vec::new(),
            lines: 0,
            length,
            expected: expected.and_then(|note| String::from_utf8(note).ok()?.parse().ok()),
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
        self.lines += 1;
        if self.errors.len() < ERRORS && tells_of_an_error(&shown) {
            self.errors.push((self.lines, shown.clone()));
        }
        shown
    }

    /// How far the command is, in hundredths, where it wrote a longer log before.
    pub(super) fn hundredths(&self) -> Option<u64> {
        let expected = self
            .expected
            .filter(|expected| *expected >= WORTH_COUNTING)?;
        Some((self.lines * 100 / expected).min(99))
    }

    /// Remembers how long the log of a command that did its work is.
    pub(super) fn succeeded(self, store: &Store) -> Result<(), Diagnostic> {
        if self.expected == Some(self.lines) {
            return Ok(());
        }
        store.write_note(&self.length, self.lines.to_string().as_bytes())
    }

    /// The last lines, those that tell of errors, and where all of them are.
    pub(super) fn finish(mut self) -> Finished {
        let _ = self.file.flush();
        let before_tail = self.lines - self.tail.len() as u64;
        let errors = self.errors.into_iter();
        let errors = errors.filter(|(number, _)| *number <= before_tail);
        Finished {
            errors: errors.map(|(_, line)| line).collect(),
            tail: self.tail.into(),
            path: self.path,
        }
    }
}

/// The name of the note that holds a log's length.
fn length_of(manifest: &Path, label: &str) -> Digest {
    Digest::of(format!("lines 2\n{}\n{label}", manifest.display()).as_bytes())
}

/// Whether a compiler, a linker, `make` or a shell says here what went wrong.
fn tells_of_an_error(line: &str) -> bool {
    [
        ": error:",
        ": fatal error:",
        "*** ",
        "undefined reference",
        ": not found",
    ]
    .iter()
    .any(|mark| line.contains(mark))
        || line.starts_with("error: ")
        || line.starts_with("error[")
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
        // A title, a clipboard, other character sets, the same in one character, a line of its own.
        for command in [
            "\u{1b}]0;x\u{7}",
            "\u{1b}]52;c;eA==\u{1b}\\",
            "\u{1b}(0",
            "\u{9b}2J",
            "\u{b}\u{c}\u{8}\u{85}",
            "\u{1b}",
        ] {
            let shown = plain(&format!("before{command}after"));
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
        assert_eq!(plain(" 10%\r 20%\rdone\r"), "done");
        assert_eq!(plain(&"x".repeat(1000)).chars().count(), WIDTH + 1);
    }

    #[test]
    fn an_earlier_log_tells_how_far_the_next_one_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let begin = |manifest: &str| {
            let log = Log::new(&store, &Digest::of(b"key"), Path::new(manifest), "build x");
            log.expect("begins")
        };
        let mut first = begin("/a/zos.kdl");
        for _ in 0..200 {
            first.line(b"x");
        }
        first.succeeded(&store).expect("noted");
        let mut second = begin("/a/zos.kdl");
        for _ in 0..50 {
            second.line(b"x");
        }
        assert_eq!(second.hundredths(), Some(25));
        // Another project may call something the same.
        assert_eq!(begin("/b/zos.kdl").expected, None);
    }

    #[test]
    fn the_tail_is_bounded_and_the_log_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let key = Digest::of(b"key");
        let mut log = Log::new(&store, &key, Path::new(""), "build x").expect("begins");
        assert_eq!(log.hundredths(), None);
        for number in 0..100 {
            let line = match number {
                40 => "x.c:1: error: no".to_owned(),
                number => format!("line {number}"),
            };
            log.line(line.as_bytes());
        }
        let Finished { errors, tail, path } = log.finish();
        assert_eq!((tail.len(), tail[0].as_str()), (TAIL, "line 70"));
        assert_eq!(errors, ["x.c:1: error: no"]);
        let whole = std::fs::read_to_string(path).expect("kept");
        assert_eq!(whole.lines().count(), 100);
    }
}
