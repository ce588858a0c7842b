//! The executors, side by side: what one of them builds, shows and refuses, all of them do.
//!
//! Needs root, since it becomes an ordinary user as well, and starts podman and a docker daemon of its own; an engine that
//! does not work here is skipped, aloud.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

#[path = "support/mod.rs"]
mod support;

use support::busybox;
use support::engines::{Engine, make};
use support::packages::{Item, Recipe, SignatureHash, SigningKey, index};

/// Everything that a command may find out about its surroundings.
const LOOK: &str = "env | sort; id; umask; pwd; uname -n; nproc; tty; ulimit -c; ulimit -s
ls -A /; ls -An /dev | awk '{ print $1, $NF }'; ls /sys /run 2>&1; test -d /proc/1 && cut -d' ' -f2 /proc/self/mounts | sort
grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; awk '/^NSpid/ { print NF }' /proc/self/status
tail -n +3 /proc/net/dev | cut -d: -f1; touch /usr/x 2>&1; touch /dev/x 2>&1; true";

/// A manifest with a component and with package scripts, in a folder of the user's.
struct Project<'a> {
    engine: &'a Engine,
    folder: PathBuf,
    program: &'a Path,
}

impl<'a> Project<'a> {
    fn new(engine: &'a Engine, bench: &'a Bench, name: &str) -> Self {
        let project = Self {
            engine,
            folder: bench.path(&format!("{name} of {}", engine.name).replace(' ', "-")),
            program: &bench.program,
        };
        make(&project.folder, engine.ordinary);
        project.write(
            "src/hello.c",
            "int puts(const char *); int main(void) { return puts(\"hello\") < 0; }\n",
        );
        project.write("src/look", LOOK);
        project.write(
            "src/Makefile",
            "all: hello surroundings\nhello: hello.c\n\tcc -O2 -g -static -o $@ $<\nsurroundings: look\n\tenv -u MAKEFLAGS -u MFLAGS sh ./look > $@; cat $@\n",
        );
        project.write("keys/test.rsa.pub", &bench.key.public_pem());
        project.publish(&bench.key);
        project.manifest("build make toolchain=machine");
        project
    }

    fn manifest(&self, build: &str) {
        let repository = self.folder.join("repository");
        let text = format!(
            r##"edition 1
image test version="1" {{ epoch "2026-01-01T00:00:00Z" }}
alpine "3.22" {{
    repository "file://{}"
    key "keys/test.rsa.pub"
}}
packages {{ install marks }}
toolchain machine {{ host }}
source tool {{
    path "src"
    {build}
    install hello to="/usr/bin/hello"
    install surroundings to="/usr/share/surroundings"
}}
file "/init" mode="0755" text="#!/bin/sh\nexec /bin/sh\n"
outputs {{ initramfs "initramfs.cpio" }}
initramfs compress=none
"##,
            repository.display()
        );
        self.write("zos.kdl", &text);
    }

    /// A component that is built on a root filesystem of its own instead of the machine's programs.
    fn add_boxed(&self) {
        make(&self.folder.join("box/bin"), self.engine.ordinary);
        busybox::install(&self.folder.join("box"));
        let text = std::fs::read_to_string(self.folder.join("zos.kdl")).unwrap();
        let boxed = r#"toolchain box { rootfs "box" }
source boxed {
    path "src"
    build script="sh ./look > seen; cat seen" toolchain=box
    install seen to="/usr/share/seen"
}
"#;
        self.write("zos.kdl", &format!("{text}{boxed}"));
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        make(path.parent().unwrap(), self.engine.ordinary);
        std::fs::write(path, text).unwrap();
    }

    /// A shell, accounts, and a package whose scripts give files away and look around.
    fn publish(&self, key: &SigningKey) {
        let shell = Recipe::shell(&busybox::APPLETS);
        let base = Recipe::new("base", "1.0-r0")
            .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
            .file("etc/group", "root:x:0:\n")
            .file("etc/hosts", "127.0.0.1 localhost\n");
        let script = format!(
            "#!/bin/sh\nstat -c '%u:%g %a' /var/given /var/given/file\n{{ {LOOK}; }} > /etc/surroundings\n\
             mkdir -m 700 /var/taken; touch /var/taken/a /var/b; chown -R 7:8 /var/taken; chmod 4750 /var/taken/a\n\
             chown 1000:1001 /var/b; ln /var/b /var/c; echo 10.0.0.1 me > /etc/hosts.new; mv /etc/hosts.new /etc/hosts\n\
             echo machine > /etc/hostname; echo done > /run/marks; cat /etc/surroundings\n"
        );
        let marks = Recipe::new("marks", "2.1-r3")
            .depends(&["shell", "base"])
            .with(Item::directory("run"))
            .with(
                Item::directory("var/given")
                    .owner("mail", 8, "mail", 12)
                    .mode(0o2750),
            )
            .with(
                Item::file("var/given/file", "x")
                    .owner("mail", 8, "mail", 12)
                    .mode(0o640),
            )
            .script("post-install", &script);
        let archives: Vec<_> = [shell, base, marks]
            .iter()
            .map(|recipe| recipe.pack(Some((key, SignatureHash::Sha256))))
            .collect();
        let folder = self.folder.join("repository/x86_64");
        make(&folder, self.engine.ordinary);
        for archive in &archives {
            std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
        }
        let index = index(&archives, "test", Some((key, SignatureHash::Sha256)));
        std::fs::write(folder.join("APKINDEX.tar.gz"), index).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = self.engine.command(self.program);
        let tools = self.program.with_file_name("tools");
        command
            .current_dir(&self.folder)
            .env("ZOSC_STORE", self.folder.join("store"))
            .env(
                "PATH",
                format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()),
            )
            .env_remove("SOURCE_DATE_EPOCH")
            .arg("build");
        command
    }

    /// One command at a time, so that each has the same share of the processors.
    fn build(&self, arguments: &[&str]) -> Output {
        self.command()
            .args([
                "--executor",
                self.engine.executor,
                "--jobs=1",
                "--message-format",
                "json",
            ])
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Builds and returns the digest of the initramfs.
    fn digest(&self) -> String {
        let output = self.build(&[]);
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}: {said}{errors}",
            self.engine.name
        );
        let last = said.lines().last().unwrap();
        let built: serde_json::Value = serde_json::from_str(last).unwrap();
        built["built"][0]["sha256"].as_str().unwrap().to_owned()
    }

    /// The first problem of a build that must fail.
    fn problem(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.build(arguments);
        problem(&output, self.engine.name)
    }

    /// The image's files, a line each.
    fn listing(&self) -> String {
        let mut inspect = Command::new(self.program);
        let output = inspect
            .current_dir(&self.folder)
            .args([
                "inspect",
                "dist/initramfs.cpio",
                "--files",
                "--format",
                "json",
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.replace("},{", "}\n{")
    }

    /// What the commands wrote.
    fn logs(&self) -> String {
        let folder = self.folder.join("store/logs");
        let mut logs: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "log"))
            .collect();
        logs.sort();
        logs.iter()
            .map(|log| std::fs::read_to_string(log).unwrap())
            .collect()
    }
}

fn problem(output: &Output, who: &str) -> serde_json::Value {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{who}: {said}{errors}");
    serde_json::from_str(said.lines().next().unwrap()).unwrap()
}

/// Folders that an ordinary user reaches, with the program in them.
struct Bench {
    folder: tempfile::TempDir,
    program: PathBuf,
    key: SigningKey,
}

impl Bench {
    /// `None`, and said so, where this is not root or there is nothing to build with.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() || !Path::new("/bin/busybox").exists() {
            println!("skipped: needs root and the static busybox (apt-get install busybox-static)");
            return None;
        }
        let everyone = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new()
            .permissions(everyone.clone())
            .tempdir()
            .unwrap();
        let program = folder.path().join("zosc");
        std::fs::copy(env!("CARGO_BIN_EXE_zosc"), &program).unwrap();
        // The machine's Rust may lie where only root gets to; no test here compiles with it.
        let tools = folder.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        for name in ["rustc", "cargo"] {
            let text = "#!/bin/sh\n[ \"$1\" = --print ] && echo /usr || echo 'host: x86_64-unknown-linux-gnu'\n";
            std::fs::write(tools.join(name), text).unwrap();
            std::fs::set_permissions(tools.join(name), everyone.clone()).unwrap();
        }
        let key = SigningKey::generate("test.rsa.pub", b"command line");
        Some(Self {
            folder,
            program,
            key,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn engines(&self) -> Vec<Engine> {
        Engine::all(self.folder.path())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        support::engines::end_pauses(self.folder.path());
    }
}

#[test]
fn one_digest_whoever_runs_it() {
    let Some(bench) = Bench::new() else { return };
    let mut first: Option<[String; 3]> = None;
    for engine in bench.engines() {
        let project = Project::new(&engine, &bench, "image");
        project.add_boxed();
        let digest = project.digest();
        let found = [project.logs(), project.listing(), digest];
        assert!(found[0].contains("0:0 2750\n8:12 640\n"), "{}", found[0]);
        let expected = first.get_or_insert_with(|| found.clone());
        for (found, expected) in found.iter().zip(&*expected) {
            let lines = found.lines().zip(expected.lines());
            let different: Vec<_> = lines.filter(|(one, other)| one != other).collect();
            assert!(found == expected, "{}: {different:#?}", engine.name);
        }
        if engine.executor != "sandbox" {
            assert_eq!(engine.containers(), Vec::<String>::new(), "{}", engine.name);
        }
        // Results do not depend on who ran what: another executor has nothing to do.
        let other = project.build(&["--executor", "sandbox"]);
        assert_eq!(other.status.code(), Some(2), "`--executor` is given once");
        let again = project
            .command()
            .args(["--message-format", "json"])
            .output()
            .unwrap();
        let again = String::from_utf8(again.stdout).unwrap();
        assert!(again.contains("\"performed\":0"), "{again}");
        println!("{}: {}", engine.name, found[2]);
    }
}

#[test]
fn failures_are_told_alike() {
    let Some(bench) = Bench::new() else { return };
    let cases = [
        ("echo last words; exit 7", "ended with exit code 7"),
        ("echo last words; kill -SEGV $$", "was killed by signal 11"),
        (
            "echo last words; printf 'and more' >&2; exit 1",
            "ended with exit code 1",
        ),
    ];
    let mut first: Vec<serde_json::Value> = Vec::new();
    for engine in bench.engines() {
        let project = Project::new(&engine, &bench, "failure");
        let told = cases.map(|(script, words)| {
            project.manifest(&format!("build toolchain=machine script={script:?}"));
            let problem = project.problem(&[]);
            let message = problem["message"].as_str().unwrap();
            assert!(message.contains(words), "{problem}");
            assert_eq!(problem["notes"][0], "last words", "{problem}");
            // The help has the action's key in it.
            serde_json::json!([problem["code"], message, problem["help"]])
        });
        if first.is_empty() {
            first.extend(told);
        } else {
            assert_eq!(first, told, "{}", engine.name);
        }
    }
}

/// Waits until something holds.
fn wait(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_build_that_ends_leaves_no_container() {
    let Some(bench) = Bench::new() else { return };
    for engine in bench.engines() {
        if engine.executor == "sandbox" {
            continue;
        }
        for signal in ["INT", "KILL"] {
            let project = Project::new(&engine, &bench, &format!("end by {signal}"));
            project.manifest("build toolchain=machine script=\"echo ready; sleep 1000\"");
            let mut child = project
                .command()
                .args(["--executor", engine.executor])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            wait("the container runs", || engine.containers().len() == 1);
            assert!(engine.containers()[0].starts_with("zosc-"));
            let id = child.id().to_string();
            let sent = Command::new("kill")
                .args([&format!("-{signal}"), &id])
                .status();
            assert!(sent.unwrap().success());
            child.wait().unwrap();
            if signal == "INT" {
                assert_eq!(engine.containers(), Vec::<String>::new(), "{}", engine.name);
            } else {
                wait("the container has gone with its zosc", || {
                    engine.containers().is_empty()
                });
            }
        }
    }
}

#[test]
fn containers_of_dead_processes_are_removed() {
    let Some(bench) = Bench::new() else { return };
    for engine in bench.engines() {
        if engine.executor == "sandbox" {
            continue;
        }
        let project = Project::new(&engine, &bench, "leftovers");
        project.digest();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let namespace = namespace
            .to_str()
            .unwrap()
            .trim_matches(|it: char| !it.is_ascii_digit());
        let mut create = engine.command(engine.executor);
        create.args(["create", "--label=zosc", "--network=none"]);
        create.arg(format!("--name=zosc-{namespace}-4000000000-1-0"));
        match engine.executor {
            "docker" => create.arg("zosc-empty:1"),
            _ => create.arg("--rootfs").arg(&project.folder),
        };
        let created = create.arg("/x").output().unwrap();
        assert!(
            created.status.success(),
            "{}",
            String::from_utf8_lossy(&created.stderr)
        );
        assert_eq!(engine.containers().len(), 1);
        project.write("src/hello.c", "int main(void) { return 1; }\n");
        project.digest();
        assert_eq!(engine.containers(), Vec::<String>::new(), "{}", engine.name);
    }
}

#[test]
fn what_an_engine_lacks_is_said_with_a_way_on() {
    let Some(bench) = Bench::new() else { return };
    let sandbox = Engine::sandbox();
    let project = Project::new(&sandbox, &bench, "refusals");
    let refused = |executor: &str, environment: &[(&str, &str)]| {
        let mut command = project.command();
        command
            .args(["--message-format", "json"])
            .env("ZOSC_EXECUTOR", executor);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let problem = problem(&output, executor);
        assert!(problem["help"].is_string(), "{problem}");
        problem["code"]
            .as_str()
            .unwrap()
            .trim_start_matches("zosc::build::")
            .to_owned()
    };
    assert_eq!(refused("lxc", &[]), "unknown-executor");
    let open = ("ZOSC_CONTAINER_ARGS", "--label='x");
    assert_eq!(refused("podman", &[open]), "container-arguments");
    // A PATH with compilers and without engines.
    let tools = bench.path("only");
    std::fs::create_dir(&tools).unwrap();
    for name in ["cc", "sh"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{name}"), tools.join(name)).unwrap();
    }
    for name in ["rustc", "cargo"] {
        std::fs::copy(bench.path("tools").join(name), tools.join(name)).unwrap();
    }
    let path = ("PATH", tools.to_str().unwrap());
    assert_eq!(refused("podman", &[path]), "no-engine");
    assert_eq!(refused("docker", &[path]), "no-engine");
    for engine in bench.engines() {
        let project = Project::new(&engine, &bench, "refusals");
        let refused = |name: &str, value: &str| {
            let mut command = project.command();
            command.args(["--message-format", "json", "--executor", engine.executor]);
            let output = command.env(name, value).output().unwrap();
            let problem = problem(&output, engine.name);
            assert!(problem["help"].is_string(), "{problem}");
            problem["code"]
                .as_str()
                .unwrap()
                .trim_start_matches("zosc::build::")
                .to_owned()
        };
        let option = "ZOSC_CONTAINER_ARGS";
        match engine.executor {
            "docker" => {
                assert_eq!(refused(option, "--no-such-option"), "container-arguments");
                assert_eq!(refused(option, "--runtime nonesuch"), "engine-runtime");
                assert_eq!(refused("DOCKER_HOST", "unix:///nowhere"), "engine-daemon");
                if engine.ordinary {
                    let socket =
                        std::os::unix::net::UnixListener::bind(bench.path("closed")).unwrap();
                    let closed = std::fs::Permissions::from_mode(0o600);
                    std::fs::set_permissions(bench.path("closed"), closed).unwrap();
                    let address = format!("unix://{}", bench.path("closed").display());
                    assert_eq!(refused("DOCKER_HOST", &address), "engine-daemon");
                    drop(socket);
                }
            }
            "podman" => {
                assert_eq!(refused(option, "--no-such-option"), "container-arguments");
                assert_eq!(refused(option, "--runtime nonesuch"), "engine-runtime");
                // An ordinary user's podman stays in the namespace, and with the storage, that it began with.
                if engine.ordinary {
                    continue;
                }
                let storage = bench.path("storage.conf");
                std::fs::write(&storage, "[storage]\ndriver = \"nonesuch\"\ngraphroot = \"/tmp/zosc-none\"\nrunroot = \"/tmp/zosc-none\"\n").unwrap();
                assert_eq!(
                    refused("CONTAINERS_STORAGE_CONF", storage.to_str().unwrap()),
                    "engine-storage"
                );
            }
            _ => {}
        }
    }
}
