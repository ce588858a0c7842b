//! Sources from Git as real servers give them: over HTTPS as git's own backend and as plain files, and over ssh.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A server that ends with the test.
struct Server {
    process: Child,
    port: u16,
    /// What has been asked of it.
    asked: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with a repository `srv/tool.git` of two commits, and a project that takes the tag of the first.
struct Project {
    folder: tempfile::TempDir,
    /// Settings of git and ssh, as their users have them.
    settings: Vec<(&'static str, String)>,
}

impl Project {
    fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: Vec::new(),
        };
        project.sh(
            "git init -q -b main work; cd work; echo one > said; git add .; git commit -qm one; git tag v1
            echo two > said; git commit -qam two; cd ..; mkdir srv; git clone -q --bare work srv/tool.git
            git -C srv/tool.git update-server-info",
        );
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a shell script in the folder, with fixed names and times for git.
    fn sh(&self, script: &str) -> String {
        let mut command = Command::new("sh");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "a")
                .env(format!("GIT_{who}_EMAIL"), "a@b")
                .env(format!("GIT_{who}_DATE"), "1700000000 +0000");
        }
        let done = command
            .args(["-e", "-c", script])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{script}: {errors}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Writes the manifest, with the repository at this address.
    fn take(&self, url: &str) {
        let manifest = format!(
            "edition 1\nimage test version=\"1\" {{ epoch \"2026-01-01T00:00:00Z\" }}\ninitramfs compress=none\n\
            file \"/init\" mode=\"0755\" text=\"init\"\noutputs {{ initramfs \"i.cpio\" }}\n\
            source tool {{ git \"{url}\" tag=v1; install said to=\"/said\" }}\n"
        );
        std::fs::write(self.path("zos.kdl"), manifest).unwrap();
    }

    fn run(&self, store: &str, arguments: &[&str]) -> Output {
        assert_cmd::Command::cargo_bin("zosc")
            .unwrap()
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path(store))
            .env_remove("SOURCE_DATE_EPOCH")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn succeed(&self, store: &str, arguments: &[&str]) {
        let output = self.run(store, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
    }

    /// Locks and builds, builds again from a fresh store, and returns what the lock says of the source.
    fn build_twice(&self) -> String {
        self.succeed("store", &["build"]);
        let first = std::fs::read(self.path("dist/i.cpio")).unwrap();
        assert!(first.windows(4).any(|window| window == b"one\n"));
        std::fs::remove_dir_all(self.path("dist")).unwrap();
        self.succeed("other", &["build", "--locked"]);
        assert_eq!(std::fs::read(self.path("dist/i.cpio")).unwrap(), first);
        let lock = std::fs::read_to_string(self.path("zos.lock")).unwrap();
        let line = lock.lines().find(|line| line.starts_with("git "));
        let line = line.unwrap_or_else(|| panic!("{lock}"));
        line.split_once(" commit=").unwrap().1.to_owned()
    }

    /// Serves `srv` over HTTPS, with a certificate that this project's git trusts.
    fn https(&mut self, kind: &str) -> Server {
        self.sh(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost 2>/dev/null; cat key.pem cert.pem > both.pem",
        );
        let trusted = self.path("cert.pem").display().to_string();
        self.settings.push(("GIT_SSL_CAINFO", trusted));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/git_server.py");
        let asked = self.path("asked");
        let mut process = Command::new("python3")
            .arg(script)
            .args([self.path("srv"), self.path("both.pem")])
            .arg(kind)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let notes = std::fs::File::create(&asked).unwrap();
        std::thread::spawn(move || {
            use std::io::Write as _;
            for line in lines.map_while(Result::ok) {
                writeln!(&notes, "{line}").unwrap();
            }
        });
        Server {
            process,
            port,
            asked,
        }
    }
}

#[test]
fn the_same_commit_comes_over_https_and_from_plain_files() {
    let mut locked = Vec::new();
    for kind in ["smart", "dumb"] {
        let mut project = Project::new();
        let server = project.https(kind);
        project.take(&format!("https://localhost:{}/tool.git", server.port));
        locked.push(project.build_twice());
        let asked = std::fs::read_to_string(&server.asked).unwrap();
        let by_backend = asked.contains("git-upload-pack");
        assert!(by_backend, "{asked}");
        assert_eq!(asked.contains("POST"), kind == "smart", "{asked}");
    }
    assert_eq!(locked[0], locked[1]);
}

#[test]
fn a_certificate_that_nobody_trusts_and_a_missing_repository_are_told() {
    let mut project = Project::new();
    let server = project.https("smart");
    project.take(&format!("https://localhost:{}/other.git", server.port));
    let told = |project: &Project| {
        let output = project.run("store", &["lock"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("git \"https://localhost"), "{said}");
        said
    };
    let said = told(&project);
    assert!(said.contains("not found"), "{said}");
    project.settings.clear();
    let said = told(&project);
    assert!(said.contains("certificate"), "{said}");
    assert!(!project.path("zos.lock").exists());
}

/// Starts a server of ssh that lets in the key that it makes; says why not where there is none.
fn ssh(project: &mut Project) -> Option<Server> {
    let program = "/usr/sbin/sshd";
    if !Path::new(program).exists() || !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs {program} (apt-get install openssh-server) and root");
        return None;
    }
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let here = project.folder.path().display().to_string();
    project.sh(&format!(
        "mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f user
        echo \"[127.0.0.1]:{port} $(cut -d' ' -f1,2 host.pub)\" > known
        printf '%s\\n' 'Port {port}' 'ListenAddress 127.0.0.1' 'HostKey {here}/host' 'AuthorizedKeysFile {here}/user.pub' \
            'StrictModes no' 'PermitRootLogin prohibit-password' 'PidFile none' > sshd_config"
    ));
    project.settings.push((
        "GIT_SSH_COMMAND",
        format!("ssh -F none -i {here}/user -oUserKnownHostsFile={here}/known -oBatchMode=yes"),
    ));
    let config = project.path("sshd_config");
    let process = Command::new(program)
        .args(["-D", "-f"])
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..100 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let asked = project.path("asked");
    Some(Server {
        process,
        port,
        asked,
    })
}

#[test]
fn the_same_commit_comes_over_ssh() {
    let mut project = Project::new();
    let Some(server) = ssh(&mut project) else {
        return;
    };
    let place = project.path("srv/tool.git");
    let url = format!("ssh://root@127.0.0.1:{}{}", server.port, place.display());
    project.take(&url);
    let by_ssh = project.build_twice();
    project.take(&format!("file://{}", place.display()));
    std::fs::remove_file(project.path("zos.lock")).unwrap();
    assert_eq!(project.build_twice(), by_ssh);
    // Who is not let in is told so, and is never asked for a password.
    project.settings[0].1 = project.settings[0].1.replace("/user ", "/host ");
    project.take(&url);
    let output = project.run("third", &["lock"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Permission denied"), "{said}");
}
