//! Toolchains that are container images, from a registry on this machine: podman and docker bring the same.
//!
//! Needs root, since it becomes an ordinary user as well, Debian's docker-registry, and engines; what does not work here is
//! skipped, aloud.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "support/mod.rs"]
mod support;

#[path = "support/registry.rs"]
mod registry;

use registry::Registry;
use support::engines::{Engine, end_pauses, make};

/// What the image is asked for: programs of its own place, and variables that a recipe may override.
const SCRIPT: &str =
    "{ greet; echo $GREETING; echo $LANG; echo $PATH; ls -A / /etc; } > seen; cat seen";

struct Bench {
    folder: tempfile::TempDir,
    program: PathBuf,
    registry: Registry,
}

impl Bench {
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() || !Path::new("/bin/busybox").exists() {
            println!("skipped: needs root and the static busybox (apt-get install busybox-static)");
            return None;
        }
        let everyone = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new()
            .permissions(everyone)
            .tempdir()
            .unwrap();
        let program = folder.path().join("zosc");
        std::fs::copy(env!("CARGO_BIN_EXE_zosc"), &program).unwrap();
        let registry = Registry::start(folder.path())?;
        Some(Self {
            folder,
            program,
            registry,
        })
    }

    /// The engines that work here, and know that the registry has no certificate.
    fn engines(&self) -> Vec<Engine> {
        let settings = self.folder.path().join("registries.conf");
        let text = format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n",
            self.registry.address
        );
        std::fs::write(&settings, text).unwrap();
        let settings = settings.to_str().unwrap().to_owned();
        let mut engines = Engine::all(self.folder.path());
        engines.retain(|engine| engine.executor != "sandbox");
        for engine in &mut engines {
            let variable = "CONTAINERS_REGISTRIES_CONF".to_owned();
            engine.environment.push((variable, settings.clone()));
        }
        engines
    }

    /// Makes an image, pushes it, forgets it, and returns its digest.
    fn push(&self, podman: &Engine, name: &str, arch: &str) -> String {
        let root = self.folder.path().join("image");
        for folder in ["bin", "etc", "opt/tools"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        let write = |name: &str, text: &str| {
            std::fs::write(root.join(name), text).unwrap();
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(root.join(name), mode).unwrap();
        };
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for applet in ["sh", "ls", "cat"] {
            let _ = std::fs::hard_link(root.join("bin/busybox"), root.join("bin").join(applet));
        }
        write("etc/hosts", "10.0.0.1 somewhere\n");
        write("etc/kept", "of the image\n");
        write("opt/tools/greet", "#!/bin/sh\necho hello from the image\n");
        let archive = self.folder.path().join("image.tar");
        let tar = Command::new("tar")
            .args(["--create", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(&root)
            .arg(".")
            .status();
        assert!(tar.unwrap().success());
        let reference = format!("{}/{name}", self.registry.address);
        let digest = self.folder.path().join("digest");
        let (archive, file) = (archive.to_str().unwrap(), digest.to_str().unwrap());
        let ask = |arguments: &[&str]| {
            let output = podman.command("podman").args(arguments).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{arguments:?}: {errors}");
        };
        ask(&[
            "import",
            "--arch",
            arch,
            "--change=ENV PATH=/opt/tools:/bin",
            "--change=ENV GREETING=well-met",
            "--change=ENV LANG=tlh",
            archive,
            &reference,
        ]);
        ask(&[
            "push",
            "--tls-verify=false",
            "--digestfile",
            file,
            &reference,
        ]);
        ask(&["image", "rm", &reference]);
        std::fs::read_to_string(digest).unwrap()
    }

    /// A project with a component that is built in the image with this digest.
    fn project<'a>(&'a self, engine: &'a Engine, name: &str, digest: &str) -> Project<'a> {
        let folder = self.folder.path().join("projects").join(engine.name);
        make(&self.folder.path().join("projects"), engine.ordinary);
        make(&folder, engine.ordinary);
        make(&folder.join("src"), engine.ordinary);
        let text = format!(
            r#"edition 1
image test version="1" {{ epoch "2026-01-01T00:00:00Z" }}
toolchain box {{ image "{}/{name}:1" digest="{digest}" }}
source tool {{
    path "src"
    build script="{SCRIPT}"
    install seen to="/usr/share/seen"
}}
file "/init" mode="0755" from="busybox"
outputs {{ initramfs "initramfs.cpio" }}
initramfs compress=none
"#,
            self.registry.address
        );
        std::fs::write(folder.join("zos.kdl"), text).unwrap();
        std::fs::write(folder.join("src/file"), "x").unwrap();
        std::fs::copy("/bin/busybox", folder.join("busybox")).unwrap();
        Project {
            engine,
            folder,
            program: &self.program,
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        end_pauses(self.folder.path());
    }
}

struct Project<'a> {
    engine: &'a Engine,
    folder: PathBuf,
    program: &'a Path,
}

impl Project<'_> {
    /// A command of zosc; foreign code runs in the sandbox, and the engine pulls.
    fn command(&self, store: &str, arguments: &[&str]) -> Command {
        let mut command = self.engine.command(self.program);
        command
            .args(arguments)
            .args(["--message-format", "json"])
            .current_dir(&self.folder)
            .env("ZOSC_STORE", self.folder.join(store))
            .env("ZOSC_EXECUTOR", self.engine.executor)
            .env_remove("SOURCE_DATE_EPOCH");
        command
    }

    fn works(&self, store: &str, arguments: &[&str]) -> String {
        let output = self.command(store, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        let name = self.engine.name;
        assert!(output.status.success(), "{name}: {said}{errors}");
        said
    }

    fn digest(&self, store: &str, arguments: &[&str]) -> String {
        let said = self.works(store, arguments);
        let built: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        built["built"][0]["sha256"].as_str().unwrap().to_owned()
    }

    fn refused(&self, store: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let mut command = self.command(store, arguments);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        code(&output)
    }

    fn lock(&self) -> String {
        std::fs::read_to_string(self.folder.join("zos.lock")).unwrap()
    }
}

fn code(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}{errors}");
    let problem: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert!(problem["help"].is_string(), "{problem}");
    println!("{problem}");
    let code = problem["code"].as_str().unwrap();
    code.trim_start_matches("zosc::lock::").to_owned()
}

#[test]
fn podman_and_docker_bring_the_same_toolchain() {
    let Some(bench) = Bench::new() else { return };
    let engines = bench.engines();
    let Some(podman) = engines.iter().find(|engine| engine.executor == "podman") else {
        println!("skipped: no podman to push an image with");
        return;
    };
    let digest = bench.push(podman, "tool:1", "amd64");
    let foreign = bench.push(podman, "foreign:1", "arm64");
    let mut first: Option<[String; 2]> = None;
    for engine in &engines {
        let project = bench.project(engine, "tool", &digest);
        project.works("store", &["lock"]);
        // What was brought for locking is all that a build needs: no engine, no network.
        let built = project.digest(
            "store",
            &["build", "--offline", "--locked", "--executor", "sandbox"],
        );
        let found = [project.lock(), built];
        let expected = first.get_or_insert_with(|| found.clone());
        assert_eq!(found, *expected, "{}", engine.name);
        // Elsewhere it is pulled again.
        let again = ["build", "--locked", "--executor", engine.executor];
        let offline = ["build", "--locked", "--offline"];
        assert_eq!(project.refused("fresh", &offline, &[]), "image-offline");
        assert_eq!(project.digest("fresh", &again), found[1], "{}", engine.name);
        assert_eq!(engine.containers(), Vec::<String>::new(), "{}", engine.name);
        let mut images = engine.command(engine.executor);
        let images = images.args(["image", "ls", "--format", "{{.Repository}}"]);
        let images = String::from_utf8(images.output().unwrap().stdout).unwrap();
        assert!(!images.contains(&bench.registry.address), "{images}");
        let seen = String::from_utf8_lossy(
            &std::fs::read(project.folder.join("dist/initramfs.cpio")).unwrap(),
        )
        .into_owned();
        let expected = "hello from the image\nwell-met\nC.UTF-8\n/opt/tools:/bin\n/:\n";
        assert!(seen.contains(expected), "{}", engine.name);
        assert!(seen.contains("/etc:\nkept\n"), "{}", engine.name);
        // What goes wrong.
        let none = format!("sha256:{}", "0".repeat(64));
        let lock = ["lock"];
        let project = bench.project(engine, "tool", &none);
        assert_eq!(project.refused("other", &lock, &[]), "no-image");
        let project = bench.project(engine, "foreign", &foreign);
        assert_eq!(project.refused("other", &lock, &[]), "wrong-platform");
        let offline = ["lock", "--offline"];
        assert_eq!(project.refused("other", &offline, &[]), "image-offline");
        let nowhere = [("PATH", "/nowhere")];
        if !engine.ordinary {
            assert_eq!(project.refused("other", &lock, &nowhere), "no-engine");
        }
        let silent = [("DOCKER_HOST", "unix:///nowhere")];
        if engine.executor == "docker" {
            assert_eq!(project.refused("other", &lock, &silent), "engine-daemon");
        }
    }
}
