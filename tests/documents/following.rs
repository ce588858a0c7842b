//! Follows a page: writes its files, types its commands, and compares what they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::blocks::{Block, Kind, blocks, cache, root};
use super::nested_cargo;

/// Somebody who types what stands in the book. What one block leaves behind (folder, variables), the next one finds.
pub(crate) struct Reader {
    folder: PathBuf,
    /// Where the reader's programs are besides those of the machine.
    programs: PathBuf,
    ran: usize,
    /// Goes with the reader, where nothing of the folder is to be kept.
    _temporary: Option<tempfile::TempDir>,
}

impl Reader {
    /// A reader who has zosc, in an empty folder.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let program = assert_cmd::cargo::cargo_bin("zosc");
        let reader = Self {
            folder: temporary.path().to_owned(),
            programs: program.parent().unwrap().to_owned(),
            ran: 0,
            _temporary: Some(temporary),
        };
        std::fs::create_dir(reader.place()).unwrap();
        reader.enter(&reader.place());
        reader
    }

    /// A reader who has no zosc yet and stands in a fresh clone of it, called `zosc`; nobody where this is no repository.
    ///
    /// Everything but zosc itself is compiled for the tests already. Cargo tells zosc here from zosc elsewhere by its profile alone, so each
    /// reader has one of its own: this many units of code.
    pub(crate) fn in_clone(name: &str, units: u8) -> Option<Self> {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = cache().join("book").join(name);
        drop(std::fs::remove_dir_all(&folder));
        let reader = Self {
            programs: folder.join("programs"),
            folder,
            ran: 0,
            _temporary: None,
        };
        let clone = reader.place().join("zosc");
        std::fs::create_dir_all(&reader.programs).unwrap();
        let cloned = Command::new("git")
            .args(["clone", "--quiet"])
            .arg(root())
            .arg(&clone)
            .status();
        if !cloned.unwrap().success() {
            return None;
        }
        // What the tutorial calls optimised is compiled as the tests are: see `shell`.
        std::fs::create_dir_all(clone.join("target/debug")).unwrap();
        std::os::unix::fs::symlink("debug", clone.join("target/release")).unwrap();
        let profile = format!("[profile.dev.package.zosc]\ncodegen-units = {units}\n");
        std::fs::create_dir(reader.folder.join(".cargo")).unwrap();
        std::fs::write(reader.folder.join(".cargo/config.toml"), profile).unwrap();
        // Who is root needs none.
        let sudo = reader.programs.join("sudo");
        std::fs::write(&sudo, "#!/bin/sh\nexec \"$@\"\n").unwrap();
        std::fs::set_permissions(&sudo, std::fs::Permissions::from_mode(0o755)).unwrap();
        reader.enter(&clone);
        Some(reader)
    }

    /// Begins in this folder.
    fn enter(&self, folder: &Path) {
        let start = format!("cd '{}'\n", folder.display());
        std::fs::write(self.state(), start).unwrap();
    }

    /// The folder that the reader begins in.
    fn place(&self) -> PathBuf {
        self.folder.join("here")
    }

    /// What the reader's shell knows between two blocks.
    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Runs commands, and returns what they said on both streams and whether they went well.
    fn shell(&self, script: &str) -> (String, bool) {
        let search = std::env::var("PATH").unwrap_or_default();
        let search = format!("{}:{search}", self.programs.display());
        let said = std::fs::File::create(self.folder.join("said")).unwrap();
        let state = self.state().display().to_string();
        let script = format!(
            "set -eu\n. '{state}'\n{script}\n{{ echo \"cd '$PWD'\"; export -p; }} > '{state}'\n"
        );
        let mut command = Command::new("sh");
        nested_cargo::forget_package(&mut command);
        let status = command
            .args(["-c", &script])
            .env("PATH", search)
            .env("ZOSC_STORE", self.folder.join("store"))
            .env("NO_COLOR", "1")
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_BUILD_BUILD_DIR", target())
            .env("ZOSC_DEMO_PROFILE", "dev")
            .env("CARGO_INCREMENTAL", "0")
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .status()
            .unwrap();
        let said = std::fs::read(self.folder.join("said")).unwrap();
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

    /// Makes the changes of a page in a clone, and runs none of its commands.
    pub(crate) fn change(&mut self, page: &str) {
        let clone = format!("git clone --quiet '{}' zosc && cd zosc", root().display());
        let (said, good) = self.shell(&clone);
        assert!(good, "{said}");
        let page = Path::new("docs").join(page);
        for block in blocks(&page) {
            let is_change = match &block.kind {
                Kind::File(name) => Path::new(name).extension().is_some_and(|kind| kind == "rs"),
                kind => *kind == Kind::Patch,
            };
            if is_change {
                self.take(&page, &block);
            }
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
            Kind::Patch => {
                let change = format!("git apply <<'END OF CHANGE'\n{}END OF CHANGE", block.text);
                let (said, good) = self.shell(&change);
                assert!(good, "{here}: this cannot be applied any more: {said}");
            }
            Kind::Shown => {}
        }
    }

    /// How many commands were run.
    pub(crate) fn ran(&self) -> usize {
        self.ran
    }
}

/// Where cargo compiles, in the clone of a reader as well.
fn target() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR");
    chosen.map_or_else(|| root().join("target"), |folder| root().join(folder))
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
