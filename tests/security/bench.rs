//! A folder with zosc, an attack and things of the caller's, and projects that are built there by root or an ordinary user.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::spawn;

use super::tls::own_address;

/// The user that root becomes.
pub(crate) const ORDINARY: u32 = 65534;

/// Who attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    Ordinary,
}

impl Who {
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        if self == Self::Root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command
            .args([
                &format!("--reuid={ORDINARY}"),
                &format!("--regid={ORDINARY}"),
                "--clear-groups",
            ])
            .arg(program);
        command
    }
}

/// A folder that everybody reaches, with zosc, the attack, and things of the caller's.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    port: u16,
    address: IpAddr,
    /// How often somebody got through to one of the sockets here.
    pub(crate) reached: &'static AtomicU32,
}

impl Bench {
    /// `None`, and said so, where this cannot be tried.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: needs root, to become an ordinary user as well");
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("zosc-security-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bench = Self {
            port,
            address: own_address(),
            reached: Box::leak(Box::default()),
            folder,
        };
        bench.listen(listener);
        match TcpListener::bind(("::1", port)) {
            Ok(listener) => bench.answer(listener),
            Err(error) => println!("partly skipped: nobody listens by IPv6: {error}"),
        }
        std::fs::copy(env!("CARGO_BIN_EXE_zosc"), bench.path("zosc")).unwrap();
        let attack = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/security/attack.c");
        let made = Command::new("cc")
            .args(["-O1", "-w", "-o"])
            .arg(bench.path("attack"))
            .arg(attack)
            .status();
        assert!(made.unwrap().success());
        bench.write("secret", "planted: a secret of the caller's\n");
        // The machine's Rust may lie where only root gets to, and nothing here compiles with it.
        for name in ["rustc", "cargo"] {
            let text = "#!/bin/sh\n[ \"$1\" = --print ] && echo /usr || echo 'host: x86_64-unknown-linux-gnu'\n";
            bench.write(&format!("tools/{name}"), text);
            let everyone = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(bench.path(&format!("tools/{name}")), everyone).unwrap();
        }
        Some(bench)
    }

    /// Answers whoever gets through by TCP.
    fn answer(&self, listener: TcpListener) {
        let reached = self.reached;
        spawn(move || {
            for mut client in listener.incoming().flatten() {
                reached.fetch_add(1, Ordering::Relaxed);
                let _ = client.write_all(b"in");
            }
        });
    }

    /// Answers on a port, by TCP and UDP, and on two unix sockets.
    fn listen(&self, listener: TcpListener) {
        let reached = self.reached;
        self.answer(listener);
        let datagrams = UdpSocket::bind(("0.0.0.0", self.port)).unwrap();
        spawn(move || {
            let mut piece = [0; 16];
            while let Ok((_, from)) = datagrams.recv_from(&mut piece) {
                reached.fetch_add(1, Ordering::Relaxed);
                let _ = datagrams.send_to(b"in", from);
            }
        });
        let abstract_name = SocketAddr::from_abstract_name(self.abstract_name()).unwrap();
        let sockets = [
            UnixListener::bind(self.path("socket")).unwrap(),
            UnixListener::bind_addr(&abstract_name).unwrap(),
        ];
        let everyone = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(self.path("socket"), everyone).unwrap();
        for socket in sockets {
            spawn(move || {
                for mut client in socket.incoming().flatten() {
                    reached.fetch_add(1, Ordering::Relaxed);
                    let _ = client.read(&mut [0]);
                }
            });
        }
    }

    fn abstract_name(&self) -> String {
        let name = self.folder.path().file_name().unwrap();
        name.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// What the attack of a user is aimed at; one thing is a key that this user has.
    pub(crate) fn aims(&self, who: Who) -> [String; 7] {
        let key = who.command(self.path("attack")).arg("key").output();
        [
            self.path("secret").display().to_string(),
            std::process::id().to_string(),
            self.port.to_string(),
            self.address.to_string(),
            self.path("socket").display().to_string(),
            self.abstract_name(),
            String::from_utf8(key.unwrap().stdout)
                .unwrap()
                .trim()
                .to_owned(),
        ]
    }

    /// A command whose caller has left things lying about: an open file, a key, shared memory, variables.
    pub(crate) fn planted(&self, who: Who, program: &Path) -> Command {
        let mut command = who.command(self.path("attack"));
        let path = format!(
            "{}:{}",
            self.path("tools").display(),
            std::env::var("PATH").unwrap()
        );
        command
            .arg("plant")
            .arg(self.path("secret"))
            .arg(program)
            .env("PATH", path)
            .env("ZOSC_TEST_PLANTED", "planted")
            .env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// A project with a source whose build runs this script.
    pub(crate) fn project(&self, who: Who, name: &str, script: &str) -> PathBuf {
        self.write(&format!("{name}/src/attack.c"), include_str!("attack.c"));
        self.write(&format!("{name}/src/calls.h"), include_str!("calls.h"));
        self.write(&format!("{name}/src/run.sh"), script);
        self.write(
            &format!("{name}/zos.kdl"),
            r#"edition 1
image test { epoch "2026-01-01T00:00:00Z" }
toolchain machine { host }
source attack {
    path "src"
    build script="sh ./run.sh" toolchain=machine
    install result to="/result"
}
file "/init" mode="0755" text="x"
outputs { initramfs "initramfs.cpio" }
initramfs compress=none
"#,
        );
        let project = self.path(name);
        if who == Who::Ordinary {
            let given = Command::new("chown")
                .args(["-R", &format!("{ORDINARY}:{ORDINARY}")])
                .arg(&project)
                .status();
            assert!(given.unwrap().success());
        }
        project
    }

    /// `zosc build` in a project, with a store of its own.
    pub(crate) fn command(&self, who: Who, project: &Path) -> Command {
        let mut command = self.planted(who, &self.path("zosc"));
        command
            .args(["build", "--message-format=json", "--store"])
            .arg(project.join("store"))
            // A word that only its own command line has.
            .args(["--set", "image.version=planted"])
            .current_dir(project);
        command
    }

    /// The same where filters of system calls do nothing: only root may say so.
    pub(crate) fn unfiltered(&self, command: &Command) -> Command {
        let mut without = Command::new(self.path("attack"));
        without
            .arg("unfiltered")
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => without.env(name, value),
                None => without.env_remove(name),
            };
        }
        without
    }

    /// Builds a source whose build runs this script.
    pub(crate) fn build(&self, who: Who, name: &str, script: &str) -> Output {
        let project = self.project(who, name, script);
        self.command(who, &project).output().unwrap()
    }

    /// What the commands of a build have written.
    pub(crate) fn log(&self, name: &str) -> String {
        let folder = self.path(name).join("store/logs");
        let logs = std::fs::read_dir(folder).unwrap().flatten();
        logs.map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|it| it == "log"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }
}
