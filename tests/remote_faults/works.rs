//! A build whose command runs on a server, by the program itself, each time with a store of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::busybox;
use crate::reapi::{Manners, Server};

/// A file that the command reads, which nothing else has as its content.
pub(crate) const INPUT: &str = "what the command reads\n";

/// Leaves files that fit in a batch and one that does not, two names of one file, and a link.
const SCRIPT: &str = "cat note; mkdir -p more; cat note > more/copy; ln more/copy more/same; ln -s copy more/link; seq 500000 > large; cat extra > small; touch more/empty";

/// A manifest in a folder.
pub(crate) struct Works {
    folder: tempfile::TempDir,
}

impl Works {
    /// `None`, aloud, where something is lacking here.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: needs root");
            return None;
        }
        if !busybox::is_there() {
            return None;
        }
        let works = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        busybox::install(&works.path("box"));
        works.write("src/note", INPUT);
        works.write("src/extra", "more that it reads\n");
        works.command_is(SCRIPT);
        Some(works)
    }

    /// The manifest with this command.
    pub(crate) fn command_is(&self, script: &str) {
        let text = format!(
            r#"edition 1
image faults version="1" {{ epoch "2026-01-01T00:00:00Z" }}
toolchain box {{ rootfs "box" }}
source tool {{
    path "src"
    build script="{script}" toolchain=box
    install small to="/usr/share/small"
    install large to="/usr/share/large"
    install "more/copy" to="/usr/share/copy"
    install "more/empty" to="/usr/share/empty"
}}
file "/init" mode="0755" text="init"
initramfs compress=none
outputs {{ initramfs "image.cpio" }}
"#
        );
        self.write("zos.kdl", &text);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// What a build of the same machine's sandbox has as its output, made once.
    pub(crate) fn expected(&self) -> String {
        let file = self.path("expected");
        if !file.exists() {
            let built = self.run("here", &["build"]);
            std::fs::write(&file, digest(&built)).unwrap();
        }
        std::fs::read_to_string(file).unwrap()
    }

    /// Runs the program with a store of this name.
    pub(crate) fn run(&self, store: &str, arguments: &[&str]) -> Output {
        self.run_with(store, arguments, &[])
    }

    pub(crate) fn run_with(
        &self,
        store: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Output {
        Command::new(program())
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("ZOSC_STORE", self.store(store))
            .envs(environment.iter().copied())
            .args(arguments)
            .args(["--message-format", "json"])
            .output()
            .unwrap()
    }

    /// Builds by a server with a store of this name.
    pub(crate) fn build(&self, server: &Server, store: &str, more: &[&str]) -> Output {
        let endpoint = server.endpoint();
        let arguments = ["build", "--executor", "remote", "--remote", &endpoint];
        self.run(store, &[&arguments, more].concat())
    }

    /// Builds by a server, which must yield what the sandbox does; returns the codes of what was said meanwhile.
    #[track_caller]
    pub(crate) fn builds(&self, server: &Server, store: &str, more: &[&str]) -> Vec<String> {
        let built = self.build(server, store, more);
        assert_eq!(digest(&built), self.expected(), "{store}");
        codes(&built)
    }

    /// Builds by a server, which must fail with this code, and neither harm the store nor keep it from building here.
    #[track_caller]
    pub(crate) fn refuses(
        &self,
        server: &Server,
        store: &str,
        more: &[&str],
        code: &str,
    ) -> String {
        let output = self.build(server, store, more);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{store}: {told}");
        assert!(
            codes(&output).iter().any(|there| there == code),
            "{store}: {told}"
        );
        self.is_sound(store);
        let here = self.run(store, &["build"]);
        assert_eq!(digest(&here), self.expected(), "{store}");
        told
    }

    #[track_caller]
    pub(crate) fn is_sound(&self, store: &str) {
        let verified = self.run(store, &["store", "verify"]);
        assert!(verified.status.success(), "{store}: {}", told(&verified));
    }

    pub(crate) fn store(&self, name: &str) -> PathBuf {
        self.path(&format!("store of {name}"))
    }

    /// Everything below the folder, stores and outputs included.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => files.push(entry.path()),
                    _ => {}
                }
            }
        }
        files
    }
}

/// A server of these manners that has all that such a build needs already, and no results.
pub(crate) fn supplied(works: &Works, manners: Manners) -> Server {
    let server = Server::start(manners);
    works.builds(&server, "supplier", &[]);
    std::fs::remove_dir_all(works.store("supplier")).unwrap();
    server.forget_results();
    server
}

/// The digest of the output.
#[track_caller]
pub(crate) fn digest(output: &Output) -> String {
    assert!(output.status.success(), "{}", told(output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let built: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let digest = built["built"][0]["sha256"].as_str();
    digest.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// The codes of everything that was said.
pub(crate) fn codes(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter_map(|line: serde_json::Value| Some(line["code"].as_str()?.to_owned()))
        .collect()
}

/// Everything that was said.
pub(crate) fn told(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The program without what debuggers want to know, since it goes to the server: a third of the bytes.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let whole = env!("CARGO_BIN_EXE_zosc");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zosc-on-workers");
        let mut strip = Command::new("strip");
        let stripped = strip.arg("-o").arg(&program).arg(whole).status();
        if !stripped.is_ok_and(|status| status.success()) {
            std::fs::copy(whole, &program).unwrap();
        }
        program
    })
}
