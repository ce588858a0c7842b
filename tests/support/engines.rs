//! Container engines for tests: probed, kept apart from the machine's own, and stopped again.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)] // Each test uses a part; one that cannot go on fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// The number of an ordinary user and its group.
pub const ORDINARY: u32 = 65534;

/// An executor as one user has it.
#[derive(Clone)]
pub struct Engine {
    /// What messages of tests call it.
    pub name: &'static str,
    /// What `--executor` calls it.
    pub executor: &'static str,
    /// Whether an ordinary user runs zosc.
    pub ordinary: bool,
    /// Variables that lead to an engine of the test's own.
    pub environment: Vec<(String, String)>,
    /// Keeps a daemon running.
    daemon: Option<Arc<Daemon>>,
}

impl Engine {
    fn new(name: &'static str, executor: &'static str, ordinary: bool) -> Self {
        Self {
            name,
            executor,
            ordinary,
            environment: Vec::new(),
            daemon: None,
        }
    }

    fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        let value = value.as_ref().to_str().unwrap().to_owned();
        self.environment.push((name.to_owned(), value));
        self
    }

    /// The embedded sandbox, for root.
    pub fn sandbox() -> Self {
        Self::new("sandbox", "sandbox", false)
    }

    /// Everyone that works here; says why another is left out. `folder` is for what engines keep.
    pub fn all(folder: &Path) -> Vec<Self> {
        let mut all = vec![Self::sandbox()];
        let ordinary = [
            Self::new("sandbox of an ordinary user", "sandbox", true),
            Self::podman(folder, true),
        ];
        all.push(Self::podman(folder, false));
        if subordinate_ids() {
            all.extend(ordinary);
        } else {
            println!("skipped: /etc/subuid has no numbers for an ordinary user");
        }
        match Daemon::shared() {
            Ok(daemon) => {
                for (name, ordinary) in [("docker", false), ("docker of an ordinary user", true)] {
                    let mut docker = Self::new(name, "docker", ordinary)
                        .with("DOCKER_HOST", &daemon.address)
                        .with("DOCKER_CONFIG", folder.join("docker-config"));
                    docker.daemon = Some(daemon.clone());
                    all.push(docker);
                }
            }
            Err(why) => println!("skipped: docker: {why}"),
        }
        all.retain(|engine| match engine.probe(folder) {
            Ok(()) => true,
            Err(why) => {
                println!("skipped: {}: {why}", engine.name);
                false
            }
        });
        all
    }

    /// podman with a storage of its own.
    fn podman(folder: &Path, ordinary: bool) -> Self {
        let name = ["podman", "podman of an ordinary user"][usize::from(ordinary)];
        let home = folder.join(name);
        make(&home, ordinary);
        make(&home.join("run"), ordinary);
        std::fs::set_permissions(home.join("run"), std::fs::Permissions::from_mode(0o700)).unwrap();
        let settings = home.join("storage.conf");
        let text = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/storage\"\nrunroot = \"{0}/run/storage\"\n",
            home.display()
        );
        std::fs::write(&settings, text).unwrap();
        let podman = Self::new(name, "podman", ordinary)
            .with("HOME", &home)
            .with("XDG_RUNTIME_DIR", home.join("run"))
            .with("CONTAINERS_STORAGE_CONF", settings);
        if found("runc") {
            podman.with("ZOSC_CONTAINER_ARGS", "--runtime runc")
        } else {
            podman
        }
    }

    /// A program of this user, with these variables and no others of an engine.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = if self.ordinary {
            let mut command = Command::new("setpriv");
            command.args([
                &format!("--reuid={ORDINARY}"),
                &format!("--regid={ORDINARY}"),
                "--clear-groups",
            ]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        for name in [
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "ZOSC_EXECUTOR",
            "ZOSC_CONTAINER_ARGS",
        ] {
            command.env_remove(name);
        }
        command
            .envs(self.environment.iter().cloned())
            .current_dir("/");
        command
    }

    /// Whether it can start anything at all here.
    fn probe(&self, folder: &Path) -> Result<(), String> {
        let mut command = match self.executor {
            "docker" => {
                let mut command = self.command("docker");
                command.arg("version");
                command
            }
            "podman" => {
                let root = folder.join(format!("{} probe", self.name)).join("root");
                make(root.parent().unwrap(), self.ordinary);
                make(&root, self.ordinary);
                std::fs::copy("/bin/busybox", root.join("busybox"))
                    .map_err(|error| error.to_string())?;
                let mut command = self.command("podman");
                command.args("run --rm --network=none --log-driver=none --ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024".split(' '));
                if found("runc") {
                    command.args(["--runtime", "runc"]);
                }
                command.arg("--rootfs").arg(root).args(["/busybox", "true"]);
                command
            }
            _ => return Ok(()),
        };
        let output = command.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default().to_owned();
        if output.status.success() {
            Ok(())
        } else {
            Err(last)
        }
    }

    /// Names of the containers that are there.
    pub fn containers(&self) -> Vec<String> {
        let output = self
            .command(self.executor)
            .args(["ps", "--all", "--format", "{{.Names}}"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let names = String::from_utf8(output.stdout).unwrap();
        names.lines().map(str::to_owned).collect()
    }
}

/// Ends the processes that podman keeps for ordinary users, which hold their user namespaces open.
pub fn end_pauses(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let file = entry.path().join("run/libpod/tmp/pause.pid");
        if let Ok(id) = std::fs::read_to_string(file) {
            let _ = Command::new("kill").arg(id.trim()).status();
        }
    }
}

/// A folder of a user's.
pub fn make(folder: &Path, ordinary: bool) {
    std::fs::create_dir_all(folder).unwrap();
    if ordinary {
        std::os::unix::fs::chown(folder, Some(ORDINARY), Some(ORDINARY)).unwrap();
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap();
    path.split(':')
        .any(|folder| Path::new(folder).join(program).is_file())
}

fn subordinate_ids() -> bool {
    ["/etc/subuid", "/etc/subgid"].iter().all(|file| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.starts_with("nobody:"))
    })
}

/// A docker daemon on a socket of its own, without a network.
pub struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
    pub address: String,
}

/// The one that tests of this process share; it ends with the last of them.
static SHARED: Mutex<Weak<Daemon>> = Mutex::new(Weak::new());

impl Daemon {
    fn shared() -> Result<Arc<Self>, String> {
        let mut shared = SHARED.lock().unwrap();
        if let Some(daemon) = shared.upgrade() {
            return Ok(daemon);
        }
        let daemon = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&daemon);
        Ok(daemon)
    }

    fn start() -> Result<Self, String> {
        let cache =
            std::env::var("ZOSC_TEST_CACHE").map_or_else(|_| std::env::temp_dir(), PathBuf::from);
        std::fs::create_dir_all(&cache).unwrap();
        let folder = tempfile::Builder::new()
            .prefix("docker-")
            .tempdir_in(cache)
            .unwrap();
        // A socket's path is short, and an ordinary user has to reach it.
        let socket = std::env::temp_dir().join(format!("zosc-docker-{}", std::process::id()));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("dockerd")
            .args(["--storage-driver=vfs", "--iptables=false", "--bridge=none"])
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .arg("--data-root")
            .arg(folder.path().join("data"))
            .arg("--exec-root")
            .arg(folder.path().join("exec"))
            .arg("--pidfile")
            .arg(folder.path().join("pid"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("dockerd: {error}"))?;
        let mut daemon = Self {
            child,
            address: format!("unix://{}", socket.display()),
            folder,
        };
        for _ in 0..300 {
            std::thread::sleep(Duration::from_millis(100));
            if daemon.child.try_wait().unwrap().is_some() {
                break;
            }
            let version = Command::new("docker")
                .args(["--host", &daemon.address, "version"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if version.map_err(|error| error.to_string())?.success() {
                let everyone = std::fs::Permissions::from_mode(0o666);
                std::fs::set_permissions(&socket, everyone).unwrap();
                return Ok(daemon);
            }
        }
        let log = std::fs::read_to_string(daemon.folder.path().join("log")).unwrap();
        Err(log.lines().last().unwrap_or_default().to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        for _ in 0..100 {
            if self.child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(self.address.trim_start_matches("unix://"));
    }
}
