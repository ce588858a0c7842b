//! A root of its own for a script: busybox, files that stand for a machine's, and fakes of programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::root;

/// The root; it goes when the value goes.
pub(crate) struct Jail {
    folder: tempfile::TempDir,
}

const BUSYBOX: [&str; 2] = ["/usr/bin/busybox", "/bin/busybox"];

impl Jail {
    /// An empty machine; `None` where scripts cannot be tried here, which is said aloud.
    pub(crate) fn new() -> Option<Self> {
        let jail = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        for folder in [
            "bin",
            "fake",
            "proc",
            "tmp",
            "run",
            "etc",
            "dev",
            "lib/modules",
            "sys/module",
        ] {
            fs::create_dir_all(jail.path(folder)).expect("a folder");
        }
        let Some(busybox) = BUSYBOX.iter().find(|path| Path::new(path).exists()) else {
            eprintln!("skipped: busybox is not installed");
            return None;
        };
        fs::copy(busybox, jail.path("bin/busybox")).expect("a copy");
        let installed = jail
            .command(&["/bin/busybox", "--install", "-s", "/bin"])
            .output();
        if !installed.is_ok_and(|output| output.status.success()) {
            eprintln!(
                "skipped: no chroot here, neither as root nor in a user namespace, or busybox is not static"
            );
            return None;
        }
        jail.file("/proc/cmdline", "console=ttyS0\n");
        // Background jobs read from it; a device would need root.
        jail.file("/dev/null", "");
        jail.fake("uname", "echo 6.12.44-Zero-OS");
        jail.fake("modprobe", "exit 1");
        Some(jail)
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// A file of the machine.
    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// What a file holds; empty where there is none.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// A program that does this instead of what it would do.
    pub(crate) fn fake(&self, name: &str, script: &str) {
        let path = format!("/fake/{name}");
        self.file(&path, &format!("#!/bin/sh\n{script}\n"));
        self.make_executable(&path);
    }

    /// Lets a file be run.
    pub(crate) fn make_executable(&self, path: &str) {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(path), mode).expect("a mode");
    }

    /// Starts a script of the library.
    pub(crate) fn start(&self, script: &str, arguments: &[&str]) -> Child {
        let source = root().join("runtime-units").join(script);
        // A shell that runs it reads on in the file.
        if !self.path(script).exists() {
            let text = fs::read_to_string(source).expect("a script of the library");
            self.file(script, &text);
        }
        let text = self.overrides() + &format!(". /{script}");
        let words = [&["/bin/sh", "-c", &text, "script"], arguments].concat();
        self.command(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("it starts")
    }

    /// Shell functions that call the fakes: some busyboxes run what they have built in whatever PATH says.
    fn overrides(&self) -> String {
        let fakes = fs::read_dir(self.path("fake")).expect("a folder");
        let mut text = String::new();
        for fake in fakes {
            let name = fake.expect("a fake").file_name();
            let name = name.to_str().expect("a plain name");
            if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                text.push_str(&format!("{name}() {{ /fake/{name} \"$@\"; }}\n"));
            }
        }
        text
    }

    /// Runs a script of the library: whether it succeeded, and what it said.
    pub(crate) fn run(&self, script: &str, arguments: &[&str]) -> (bool, String) {
        let output = self.start(script, arguments).wait_with_output();
        said(&output.expect("it ends"))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            Command::new("chroot")
        } else {
            let mut command = Command::new("unshare");
            command.args(["-r", "chroot"]);
            command
        };
        command
            .arg(self.folder.path())
            .args(words)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", "/fake:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

/// Whether a program succeeded, and all it said.
pub(crate) fn said(output: &Output) -> (bool, String) {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    let both = String::from_utf8_lossy(&both).into_owned();
    (output.status.success(), both)
}
