//! A small build of every sort: packages with a script, a source that a command builds on a root filesystem of its own, files, an archive.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use zosc::tree::Digest;

use super::support::busybox;
use super::support::packages::{Recipe, SignatureHash, SigningKey, index};

/// A manifest in a folder, with a store and outputs that may be elsewhere.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: PathBuf,
    pub(crate) outputs: PathBuf,
    /// What is put in front of every command: `setpriv …`.
    pub(crate) before: Vec<String>,
    /// Further variables of its environment.
    pub(crate) environment: Vec<(String, String)>,
}

impl Project {
    /// `None`, aloud, where something is lacking here.
    pub(crate) fn new() -> Option<Self> {
        if !busybox::is_there() {
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("zosc-faults-")
            .tempdir()
            .unwrap();
        let project = Self {
            store: folder.path().join("store"),
            outputs: folder.path().join("dist"),
            folder,
            before: Vec::new(),
            environment: Vec::new(),
        };
        project.publish();
        busybox::install(&project.path("box"));
        project.write("src/make", "for n in $(seq 40); do seq $n 2000 | sha256sum; done > out\nmkdir -p many; for n in $(seq 60); do echo $n > many/$n; done\n");
        project.write("motd", "welcome\n");
        project.manifest("one");
        Some(project)
    }

    /// The manifest, with a word that changes what is built.
    pub(crate) fn manifest(&self, word: &str) {
        let repository = self.path("repository");
        let text = format!(
            r#"edition 1
image faults version="1" {{ epoch "2026-01-01T00:00:00Z" }}
alpine "3.22" {{ repository "file://{}"; key "test.rsa.pub" }}
packages {{ install marks }}
toolchain box {{ rootfs "box" }}
source tool {{
    path "src"
    build script="sh ./make; echo {word} >> out" toolchain=box
    install out to="/usr/share/out"
}}
file "/etc/motd" from="motd"
file "/init" mode="0755" text="init {word}"
initramfs compress=zstd
outputs {{ initramfs "image.cpio.zst" }}
"#,
            repository.display()
        );
        self.write("zos.kdl", &text);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A shell, accounts, and a package whose script writes to the image.
    fn publish(&self) {
        let key = SigningKey::generate("test.rsa.pub", b"faults");
        let sign = Some((&key, SignatureHash::Sha256));
        let shell = Recipe::shell(&busybox::APPLETS);
        let base = Recipe::new("base", "1.0-r0")
            .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
            .file("etc/group", "root:x:0:\n");
        let marks = Recipe::new("marks", "2.1-r3")
            .depends(&["shell", "base"])
            .script(
                "post-install",
                "#!/bin/sh\nseq 2000 | sha256sum > /etc/marks\n",
            );
        let archives: Vec<_> = [shell, base, marks]
            .iter()
            .map(|recipe| recipe.pack(sign))
            .collect();
        let folder = self.path("repository/x86_64");
        std::fs::create_dir_all(&folder).unwrap();
        for archive in &archives {
            std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
        }
        std::fs::write(
            folder.join("APKINDEX.tar.gz"),
            index(&archives, "test", sign),
        )
        .unwrap();
        self.write("test.rsa.pub", &key.public_pem());
    }

    /// A command in a process group of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = assert_cmd::cargo::cargo_bin("zosc");
        let words: Vec<&OsStr> = self
            .before
            .iter()
            .map(OsStr::new)
            .chain([program.as_os_str()])
            .chain(arguments.iter().map(OsStr::new))
            .collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", &self.store)
            .env_remove("SOURCE_DATE_EPOCH")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command says that must succeed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        format!("{said}{}", String::from_utf8_lossy(&output.stdout))
    }

    /// What a command says that must fail, and be able to say why.
    pub(crate) fn refuse(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}:\n{output:?}");
        unwrapped(&output.stderr)
    }

    pub(crate) fn build_arguments(&self) -> [&str; 4] {
        [
            "build",
            "--quiet",
            "--output",
            self.outputs.to_str().unwrap(),
        ]
    }

    /// A build under way.
    pub(crate) fn start(&self) -> Child {
        let mut command = self.command(&self.build_arguments());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Builds, and says which digests the outputs have.
    pub(crate) fn build(&self) -> BTreeMap<String, Digest> {
        self.succeed(&self.build_arguments());
        self.digests()
    }

    /// What a build says that must fail.
    pub(crate) fn refuse_build(&self) -> String {
        self.refuse(&self.build_arguments())
    }

    /// The outputs as they are on the disk.
    pub(crate) fn digests(&self) -> BTreeMap<String, Digest> {
        let listing = std::fs::read_dir(&self.outputs)
            .into_iter()
            .flatten()
            .flatten();
        let digest = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, Digest::of(&std::fs::read(path).unwrap()))
        };
        listing.map(|entry| digest(entry.path())).collect()
    }

    /// Everything that builds have made.
    pub(crate) fn forget(&self) {
        for path in [self.path("store"), self.path("dist"), self.path("zos.lock")] {
            let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
    }

    /// Nothing is left that is not finished: no process, no mount, no temporary file; and what is there is sound.
    pub(crate) fn assert_sound(&self, when: &str) {
        self.assert_alone(when);
        let said = self.succeed(&["store", "verify"]);
        assert!(said.contains("are as they should be"), "{when}: {said}");
        let mut left = entries(&self.store.join("temporary"));
        left.extend(entries(self.folder.path()));
        left.extend(entries(&self.outputs));
        left.retain(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            [".zosc-", ".tmp", "work-"]
                .iter()
                .any(|start| name.starts_with(start))
        });
        assert!(left.is_empty(), "{when}: {left:?} is left");
    }

    /// No process is left that a build has started, and none has a mount of it.
    pub(crate) fn assert_alone(&self, when: &str) {
        let patience = Instant::now() + Duration::from_secs(5);
        loop {
            let left = processes_about(self.folder.path());
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < patience, "{when}: {left:?} still run");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A message without the breaks of its lines, so that paths are in one piece; spaces go too.
pub(crate) fn unwrapped(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.replace(
        |character: char| character.is_whitespace() || character == '│',
        "",
    )
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    listing.map(|entry| entry.path()).collect()
}

/// Processes whose command, environment or mounts name a folder.
fn processes_about(folder: &Path) -> Vec<String> {
    let needle = folder.file_name().unwrap().as_encoded_bytes();
    let names_it = |path: PathBuf| {
        let text = std::fs::read(path).unwrap_or_default();
        text.windows(needle.len()).any(|window| window == needle)
    };
    let mut found = Vec::new();
    for entry in entries(Path::new("/proc")) {
        let number = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if number.parse::<u32>().is_err() {
            continue;
        }
        // One that has ended and was not waited for has none of these.
        if ["cmdline", "environ", "mountinfo"]
            .iter()
            .any(|file| names_it(entry.join(file)))
        {
            found.push(number);
        }
    }
    found
}
