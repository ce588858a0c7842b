//! The script with the real `rfs`, over a folder of this machine, among mounts that nobody else sees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::super::blob_server::BlobServer;
use super::super::root;

/// A folder that stands for a machine: `place`, in which the image brings a file, a list, a store, a console.
pub(super) struct Machine {
    folder: PathBuf,
    rfs: PathBuf,
    port: u16,
    /// Holds the mounts.
    keeper: Child,
}

impl Machine {
    /// `None` where this cannot be tried, which is said aloud.
    pub(super) fn new(folder: &Path) -> Option<Self> {
        let rfs = std::env::var_os("ZOSC_TEST_RFS").map(PathBuf::from);
        let Some(rfs) = rfs.filter(|path| path.exists()) else {
            eprintln!("skipped: ZOSC_TEST_RFS names no rfs");
            return None;
        };
        let has_fusermount = Command::new("fusermount").arg("-V").output().is_ok();
        if !geteuid().is_root() || !has_fusermount || !Path::new("/dev/fuse").exists() {
            eprintln!("skipped: mounting flists here takes root, /dev/fuse and fusermount");
            return None;
        }
        for (path, text) in [
            ("content/own", "from the store"),
            ("content/far", "far away"),
            ("place/own", "brought by the image"),
            ("console", ""),
        ] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let keeper = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c"])
            .arg("mount -t tmpfs none /run && mount --bind \"$0\" /dev/console && : >\"$0.there\" && exec sleep 600")
            .arg(folder.join("console"))
            .spawn()
            .expect("it starts");
        super::wait_for("the mounts are set up", || {
            folder.join("console.there").exists()
        });
        let machine = Self {
            folder: folder.to_owned(),
            rfs,
            port: BlobServer::free_port(),
            keeper,
        };
        machine.pack();
        Some(machine)
    }

    fn path(&self, path: &str) -> String {
        self.folder.join(path).display().to_string()
    }

    fn route(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Packs the content and lets the list's route lead to the server.
    fn pack(&self) {
        let (list, content) = (self.path("list.fl"), self.path("content"));
        let blobs = format!("dir://{}", self.path("blobs"));
        for words in [
            &["pack", "-m", &list, "-s", &blobs, &content][..],
            &["config", "-m", &list, "store", "delete", "-s", &blobs],
            &["config", "-m", &list, "store", "add", "-s", &self.route()],
        ] {
            let output = Command::new(&self.rfs).args(words).output();
            let output = output.expect("it starts");
            assert!(output.status.success(), "{output:?}");
        }
    }

    /// The store comes.
    pub(super) fn serve(&self) -> BlobServer {
        BlobServer::start(Path::new(&self.path("blobs")), Some(self.port))
    }

    /// What was said on the console.
    pub(super) fn console(&self) -> String {
        fs::read_to_string(self.path("console")).expect("a file")
    }

    /// A program among the machine's mounts.
    fn inside(&self, words: &[&str]) -> Command {
        let programs = self.rfs.parent().expect("a folder").display();
        let path = std::env::var("PATH").expect("a path");
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--target", &self.keeper.id().to_string()])
            .args(words)
            .env("PATH", format!("{programs}:{path}"))
            .env("RFS_CACHE", self.path("cache"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn script(&self, verb: &str) -> Command {
        let script = root().join("runtime-units/zero-os/rfs.sh");
        let script = script.display().to_string();
        let (place, list, route) = (self.path("place"), self.path("list.fl"), self.route());
        self.inside(&[
            "busybox", "sh", &script, verb, "data", &place, &list, &route,
        ])
    }

    /// Starts the unit.
    pub(super) fn start(&self) -> Child {
        let mut script = self.script("mount");
        script.stdout(Stdio::null()).spawn().expect("it starts")
    }

    /// Whether the unit is ready.
    pub(super) fn is_ready(&self) -> bool {
        let status = self.script("ready").status();
        status.expect("it starts").success()
    }

    /// What a file holds in its place; nothing where it cannot be read.
    pub(super) fn read(&self, name: &str) -> String {
        let path = self.path(&format!("place/{name}"));
        let output = self.inside(&["cat", &path]).output().expect("it starts");
        String::from_utf8(output.stdout).expect("text")
    }

    /// How many mounts of flists there are.
    pub(super) fn mounts(&self) -> usize {
        let output = self.inside(&["cat", "/proc/mounts"]).output();
        let output = output.expect("it starts");
        let mounts = String::from_utf8(output.stdout).expect("text");
        mounts.matches(" fuse.").count()
    }

    /// Kills `rfs` itself; whether there was one.
    pub(super) fn kill_rfs(&self) -> bool {
        let list = self.path("list.fl");
        let mut found = false;
        for process in fs::read_dir("/proc").expect("processes").flatten() {
            let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            let id = process.file_name().to_str().and_then(|id| id.parse().ok());
            if words.starts_with(&format!("rfs mount -m {list}")) {
                kill(id.expect("the number of a process"), Signal::KILL);
                found = true;
            }
        }
        found
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill_rfs();
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn kill(id: i32, signal: Signal) {
    let id = Pid::from_raw(id).expect("a process");
    let _ = kill_process(id, signal);
}

/// Ends the script with a signal.
pub(super) fn end(mut script: Child, signal: Signal) {
    kill(script.id().cast_signed(), signal);
    script.wait().expect("it ends");
}
