//! A manifest in a folder, built here or on a server, and what the records of its builds say.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::busybox;
use super::casd::SHOWN;

/// Everything that a tree can hold and that a server of remote execution could lose on its way.
const SHAPES: &str = "mkdir -p shapes/empty shapes/deep/er
seq 20000 | sha256sum > shapes/sum; ln shapes/sum shapes/deep/same; ln -s ../sum shapes/deep/link
ln -s /nowhere shapes/dangling; touch shapes/nothing shapes/program
chmod 4750 shapes/program; chmod 0600 shapes/sum; chmod 0444 shapes/nothing; chmod 1777 shapes/empty
";

/// A manifest with a store and outputs of its own.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: PathBuf,
}

impl Project {
    /// An empty folder; `None`, aloud, where there is no busybox.
    pub(crate) fn empty() -> Option<Self> {
        if !busybox::is_there() {
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("zosc-remote-")
            .tempdir()
            .unwrap();
        Some(Self {
            store: folder.path().join("store"),
            folder,
        })
    }

    /// Three components on a root filesystem of their own.
    pub(crate) fn new() -> Option<Self> {
        let project = Self::empty()?;
        busybox::install(&project.path("box"));
        project.write("shapes/make", SHAPES);
        project.manifest(
            r#"toolchain box { rootfs box }
source shapes { path shapes; build script="sh ./make" toolchain=box; install "shapes/deep/same" to="/sum"; install "shapes/program" to="/program" }
source word { path shapes; build script="echo word > word; cat word" toolchain=box; install word to="/word" }
source list { path shapes; build script="seq 100000 > list" toolchain=box; install list to="/list" }
"#,
        );
        Some(project)
    }

    /// A component by the machine's own compiler.
    pub(crate) fn compiled() -> Option<Self> {
        let project = Self::empty()?;
        project.write(
            "hello/hello.c",
            "int puts(const char *); int main(void) { return puts(\"hello\") < 0; }\n",
        );
        project.write(
            "hello/Makefile",
            "hello: hello.c\n\tcc -O2 -g -static -o $@ $<\n",
        );
        project.manifest(
            r#"toolchain machine { host }
source hello { path hello; build make toolchain=machine; install hello to="/usr/bin/hello" }
"#,
        );
        Some(project)
    }

    /// Components that do nothing but wait, side by side: their names and the seconds of each.
    pub(crate) fn sleepers(names: &[&str], seconds: u32) -> Option<Self> {
        let project = Self::empty()?;
        busybox::install(&project.path("box"));
        project.write("nothing/file", "");
        let sources = names.iter().map(|name| {
            format!(
                "source {name} {{ path nothing; build script=\"echo {name}; sleep {seconds}; echo {name} > out\" toolchain=box; install out to=\"/{name}\" }}\n"
            )
        });
        let sources: String = sources.collect();
        project.manifest(&format!("toolchain box {{ rootfs box }}\n{sources}"));
        Some(project)
    }

    /// Writes the manifest: these sections behind a fixed head, which has the time of `manifests/demo`.
    pub(crate) fn manifest(&self, sections: &str) {
        let head = "edition 1\nimage remote version=\"1\" { epoch \"2026-11-01T00:00:00Z\" }\n\
            file \"/init\" mode=\"0755\" text=\"init\"\ninitramfs compress=none\noutputs { initramfs \"image.cpio\" }\n";
        self.write("zos.kdl", &format!("{head}{sections}"));
    }

    /// The same manifest and sources with a store of its own: another machine.
    pub(crate) fn elsewhere(&self) -> Self {
        let other = Self::empty().unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.folder.path().join("."))
            .arg(other.folder.path())
            .status();
        assert!(copied.unwrap().success());
        other.forget();
        other
    }

    /// The same manifest with a store that is kept in this folder of the tests' cache.
    pub(crate) fn kept(&self, name: &str) -> Self {
        let mut here = self.elsewhere();
        here.store = kept_store(name);
        here
    }

    /// Everything that builds have made.
    pub(crate) fn forget(&self) {
        for path in [self.path("store"), self.path("dist")] {
            let _ = std::fs::remove_dir_all(path);
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("zos.kdl")).unwrap();
        assert!(text.contains(from), "{text}");
        self.write("zos.kdl", &text.replace(from, to));
    }

    /// A build in a process group of its own, with further arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.zosc("build");
        command.args(["--message-format", "json"]).args(arguments);
        command
    }

    fn zosc(&self, verb: &str) -> Command {
        let mut command = Command::new(program());
        command
            .arg(verb)
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", &self.store)
            // Settings of whoever runs the tests do not count.
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env_remove("SOURCE_DATE_EPOCH")
            .process_group(0)
            .stdin(Stdio::null());
        command
    }

    /// A build under way.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Builds, which must succeed, and returns the record of it.
    pub(crate) fn build(&self, arguments: &[&str]) -> Record {
        self.built(&self.command(arguments).output().unwrap())
    }

    /// There is nothing left to do.
    pub(crate) fn assert_settled(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().unwrap();
        let (said, errors) = texts(&output);
        assert!(output.status.success(), "{said}{errors}");
        let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(last["performed"], 0, "{said}");
    }

    /// The record of a build that must have succeeded.
    pub(crate) fn built(&self, output: &Output) -> Record {
        let (said, errors) = texts(output);
        assert!(output.status.success(), "{said}{errors}");
        Record::latest(&self.store)
    }

    /// The first problem of a build that must fail.
    pub(crate) fn refuse(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(arguments).output().unwrap();
        let (said, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{said}{errors}");
        let problems = said
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut errors = problems.filter(|line| line["severity"] == "error");
        errors.next().expect("a build that fails says why")
    }

    /// What is stored is whole, and nothing is left that is not finished.
    pub(crate) fn assert_sound(&self) {
        let output = self.zosc("store").arg("verify").output().unwrap();
        let (said, errors) = texts(&output);
        assert!(output.status.success(), "{said}{errors}");
        let temporary = std::fs::read_dir(self.store.join("temporary"));
        let left: Vec<_> = temporary.into_iter().flatten().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// zosc without what debuggers read, which is most of it: it is sent to every server anew.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let whole = Path::new(env!("CARGO_BIN_EXE_zosc"));
        let stripped = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zosc-remote");
        let next = stripped.with_extension(std::process::id().to_string());
        let done = Command::new("strip")
            .arg("--strip-all")
            .arg("-o")
            .arg(&next)
            .arg(whole)
            .status();
        assert!(done.unwrap().success());
        std::fs::rename(next, &stripped).unwrap();
        stripped
    })
}

/// What a command wrote.
pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// What a build did, action by action.
#[derive(Debug)]
pub(crate) struct Record {
    actions: Vec<serde_json::Value>,
}

impl Record {
    /// That of the last build in a store.
    pub(crate) fn latest(store: &Path) -> Self {
        let files = std::fs::read_dir(store.join("builds")).unwrap().flatten();
        let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
        files.retain(|file| file.extension().is_some_and(|it| it == "json"));
        files.sort();
        let text = std::fs::read_to_string(files.last().expect("a build")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let actions = record["actions"].as_array().unwrap().clone();
        Self { actions }
    }

    /// What every action yields, by name.
    pub(crate) fn outputs(&self) -> BTreeMap<&str, &str> {
        let pairs = self.actions.iter().map(|action| {
            let text = |name: &str| action[name].as_str().unwrap();
            (text("label"), text("output"))
        });
        pairs.collect()
    }

    /// Names of foreign commands that were performed, and where: nowhere else than in the sandbox where that is empty.
    pub(crate) fn ran(&self) -> BTreeMap<&str, &str> {
        let runs = self.actions.iter();
        let runs = runs.filter(|it| it["kind"] == "run" && it["performed"] == true);
        runs.map(|action| {
            let place = action["place"].as_str().unwrap_or_default();
            (action["label"].as_str().unwrap(), place)
        })
        .collect()
    }

    /// Every foreign command was performed by a server.
    pub(crate) fn assert_remote(&self) {
        let ran = self.ran();
        assert!(!ran.is_empty());
        assert!(
            ran.values().all(|place| place.starts_with("remote")),
            "{ran:?}"
        );
    }

    /// No foreign command was performed by anyone: what there is comes out of the shared cache.
    pub(crate) fn assert_shared(&self) {
        assert!(self.ran().is_empty(), "{:?}", self.ran());
        let shared = |action: &serde_json::Value| action["place"] == "shared cache";
        assert!(self.actions.iter().any(shared), "{self:?}");
    }
}

/// One at a time of those that keep every processor busy for minutes.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A store of builds on this machine, kept from run to run: what is there was built here, by the same key.
fn kept_store(name: &str) -> PathBuf {
    let cache = std::env::var_os("ZOSC_TEST_CACHE").map_or_else(std::env::temp_dir, PathBuf::from);
    let store = cache.join(name).join("store");
    std::fs::create_dir_all(&store).unwrap();
    store
}

/// What makes a server perform the commands of a build.
pub(crate) fn on(url: &str) -> [&str; 4] {
    ["--executor", "remote", "--remote", url]
}

/// As [`on`], for what is built with this machine's programs.
pub(crate) fn shown_on(url: &str) -> [&str; 6] {
    let [executor, remote, option, url] = on(url);
    [executor, remote, option, url, "--remote-property", SHOWN]
}

/// Waits until something holds.
pub(crate) fn wait(what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
