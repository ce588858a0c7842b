//! Follows a page: writes its files, types its commands, and compares what they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::blocks::{Block, Kind, blocks};

/// Somebody who types what stands in the book. What one block leaves behind (folder, variables), the next one finds.
pub(crate) struct Reader {
    folder: tempfile::TempDir,
    /// Where the reader's programs are besides those of the machine.
    programs: PathBuf,
    ran: usize,
}

impl Reader {
    /// A reader who has zosc.
    pub(crate) fn new() -> Self {
        let program = assert_cmd::cargo::cargo_bin("zosc");
        Self::with(|_| program.parent().unwrap().to_owned())
    }

    /// A reader who is root, has the `sudo` of this machine or one that does nothing, and no zosc.
    pub(crate) fn without_zosc() -> Self {
        Self::with(|folder| {
            use std::os::unix::fs::PermissionsExt as _;

            let sudo = folder.join("sudo");
            std::fs::write(&sudo, "#!/bin/sh\nexec \"$@\"\n").unwrap();
            std::fs::set_permissions(&sudo, std::fs::Permissions::from_mode(0o755)).unwrap();
            folder.to_owned()
        })
    }

    fn with(programs: impl FnOnce(&Path) -> PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = programs(folder.path());
        let reader = Self {
            folder,
            programs,
            ran: 0,
        };
        std::fs::create_dir(reader.place()).unwrap();
        reader.enter(&reader.place());
        reader
    }

    /// Begins in another folder.
    pub(crate) fn enter(&self, folder: &Path) {
        let start = format!("cd '{}'\n", folder.display());
        std::fs::write(self.state(), start).unwrap();
    }

    /// The folder that the reader begins in.
    pub(crate) fn place(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    /// What the reader's shell knows between two blocks.
    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Runs commands, and returns what they said on both streams and whether they went well.
    fn shell(&self, script: &str) -> (String, bool) {
        let search = std::env::var("PATH").unwrap_or_default();
        let search = format!("{}:{search}", self.programs.display());
        let said = std::fs::File::create(self.folder.path().join("said")).unwrap();
        let state = self.state().display().to_string();
        let script = format!(
            "set -eu\n. '{state}'\n{script}\n{{ echo \"cd '$PWD'\"; export -p; }} > '{state}'\n"
        );
        let status = Command::new("sh")
            .args(["-c", &script])
            .env("PATH", search)
            .env("ZOSC_STORE", self.folder.path().join("store"))
            .env("NO_COLOR", "1")
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .status()
            .unwrap();
        let said = std::fs::read(self.folder.path().join("said")).unwrap();
        (
            String::from_utf8_lossy(&said).into_owned(),
            status.success(),
        )
    }

    /// Does what a page says.
    pub(crate) fn follow(&mut self, page: &str) {
        let page = Path::new("docs").join(page);
        for block in blocks(&page) {
            self.take(&page, &block);
        }
    }

    fn take(&mut self, page: &Path, block: &Block) {
        let here = format!("{}:{}", page.display(), block.line);
        if let Some(needs) = &block.needs {
            println!("not run: {here} needs {needs}");
            return;
        }
        match &block.kind {
            Kind::Commands => {
                self.ran += 1;
                let (said, good) = self.shell(&block.text);
                assert!(good, "{here}: this does not work:\n{}\n{said}", block.text);
            }
            Kind::Session => {
                for (command, expected) in typed(&block.text) {
                    self.ran += 1;
                    let (said, good) = self.shell(&command);
                    let same = matches(&expected, &said) && (good || !expected.is_empty());
                    assert!(
                        same,
                        "{here}: `{command}` says\n{said}\nand not\n{expected}"
                    );
                }
            }
            Kind::File(name) => {
                let (_, good) = self.shell(&format!(
                    "cat > '{name}' <<'END OF FILE'\n{}END OF FILE",
                    block.text
                ));
                assert!(good, "{here}: {name} cannot be written");
            }
            Kind::Shown | Kind::Patch => {}
        }
    }

    /// How many commands were run.
    pub(crate) fn ran(&self) -> usize {
        self.ran
    }
}

/// The commands of a session, each with what it says.
fn typed(session: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in session.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), String::new()));
        } else {
            let (_, said) = found.last_mut().expect("a session begins with a command");
            *said += line;
            said.push('\n');
        }
    }
    found
}

/// Whether a program said what the book shows. Times, sizes and digests may be others; `…` stands for anything in a line, and alone
/// for any lines.
fn matches(expected: &str, said: &str) -> bool {
    let expected: Vec<String> = expected.lines().map(blurred).collect();
    let said: Vec<String> = said.lines().map(blurred).collect();
    if expected.is_empty() {
        return true;
    }
    lines_match(&expected, &said)
}

fn lines_match(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == "…" => {
            (0..=said.len()).any(|skipped| lines_match(rest, &said[skipped..]))
        }
        Some((line, rest)) => said
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others)),
    }
}

fn line_matches(expected: &str, said: &str) -> bool {
    let Some((before, behind)) = expected.split_once('…') else {
        return expected == said;
    };
    said.strip_prefix(before).is_some_and(|rest| {
        (0..=rest.len()).any(|at| rest.is_char_boundary(at) && line_matches(behind, &rest[at..]))
    })
}

/// A line with quantities and digests made the same everywhere, and one space in the place of several.
fn blurred(line: &str) -> String {
    const UNITS: [&str; 6] = ["ms", "s", "min", "B", "KiB", "MiB"];
    let mut words: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_matches(['(', ')', ',']);
        let is_number = bare.starts_with(|c: char| c.is_ascii_digit())
            && bare.chars().all(|c| c.is_ascii_digit() || c == '.');
        let after_number = words.last() == Some(&"#");
        if is_number && !after_number {
            words.push("#");
        } else if word.starts_with("sha256:") {
            words.push("sha256:#");
        } else if !(after_number && (is_number || UNITS.contains(&bare))) {
            words.push(word);
        }
    }
    words.join(" ")
}

#[test]
fn what_was_said_is_compared_without_times_sizes_and_digests() {
    let shown =
        "done build a (components_build, 1 min 33 s)\n…\n  17.0 MiB dist/a  sha256:171aebcc022f\n";
    let said = "done build a (components_build, 95 ms)\nmore\nand more\n  9 KiB dist/a  sha256:0\n";
    assert!(matches(shown, said));
    assert!(!matches(shown, &said.replace("build a", "build b")));
    assert!(!matches("one\n", "one\ntwo\n"));
    assert!(matches("a … of …\n", "a file of root\n"));
}
