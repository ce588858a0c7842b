//! Components from their sources, in toolchains of every kind: the program as its users meet it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "support/mod.rs"]
mod support;

use support::packages::{Content, Item, Recipe, SignatureHash, SigningKey, index};

/// A folder with a manifest, and as many stores as are asked for.
struct Project {
    folder: tempfile::TempDir,
    store: &'static str,
    /// Settings of git, as the environment gives them.
    git: Vec<(&'static str, &'static str)>,
}

impl Project {
    fn new(sections: &str) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            store: "store",
            git: Vec::new(),
        };
        let head = "edition 1\nimage test version=\"1\" { epoch \"2026-01-01T00:00:00Z\" }\ninitramfs compress=none\n\
            file \"/init\" mode=\"0755\" text=\"init\"\noutputs { initramfs \"i.cpio\" }\n";
        project.write("zos.kdl", &format!("{head}{sections}"));
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{text}");
        self.write(name, &text.replace(from, to));
    }

    fn lock(&self) -> String {
        std::fs::read_to_string(self.path("zos.lock")).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let proxy = format!("file://{}", self.path("proxy").display());
        let modules = self.path("modules").display().to_string();
        assert_cmd::Command::cargo_bin("zosc")
            .unwrap()
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path(self.store))
            .env_remove("SOURCE_DATE_EPOCH")
            .envs([("GOPROXY", proxy.as_str()), ("GOSUMDB", "off")])
            .envs([("GOMODCACHE", modules.as_str()), ("GOFLAGS", "-modcacherw")])
            .envs(self.git.iter().copied())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        said
    }

    /// What a command says that must fail.
    fn refuse(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    }

    /// The built image, in which contents stand as they are.
    fn image(&self) -> Vec<u8> {
        std::fs::read(self.path("dist/i.cpio")).unwrap()
    }

    fn image_holds(&self, text: &str) -> bool {
        let image = self.image();
        image
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    /// Runs a shell script in the project's folder, with fixed names and times for git.
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
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("version").output();
    if found.is_err() {
        eprintln!("skipped: there is no `{program}`");
    }
    found.is_ok()
}

const AGENT: &str = r#"
toolchain here { host }
source agent {
    git "file://HERE/agent" branch=main
    patch "patches/two.patch"
    build make { targets agent }
    install agent to="/usr/bin/agent"
}
"#;

fn agent() -> Project {
    let project = Project::new("");
    let here = project.folder.path().display().to_string();
    project.edit(
        "zos.kdl",
        "initramfs compress",
        &format!("{}initramfs compress", AGENT.replace("HERE", &here)),
    );
    project.sh("git init -q -b main agent; cd agent
        printf 'agent:\\n\\techo \"agent one\" > agent\\n' > Makefile; git add .; git commit -qm one");
    project.write(
        "patches/two.patch",
        "--- a/Makefile\n+++ b/Makefile\n@@ -1,2 +1,2 @@\n agent:\n-\techo \"agent one\" > agent\n+\techo \"agent patched\" > agent\n",
    );
    project
}

#[test]
fn a_patched_commit_gives_one_image_from_fresh_stores() {
    let mut project = agent();
    let said = project.succeed(&["build"]);
    assert!(said.contains("source agent"), "{said}");
    assert!(project.image_holds("agent patched\n"));
    let first = project.image();
    let lock = project.lock();
    assert!(
        lock.contains("git \"agent\" url=\"file:./agent\" revision=\"branch main\""),
        "{lock}"
    );
    // The branch goes on; the lock does not. Nothing but the repository is there, and its server gives no commit by name.
    project.sh("cd agent; echo '# more' >> Makefile; git commit -qam two");
    project.store = "other";
    project.git = vec![
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "protocol.version"),
        ("GIT_CONFIG_VALUE_0", "0"),
    ];
    std::fs::remove_dir_all(project.path("dist")).unwrap();
    project.succeed(&["fetch", "--locked", "--offline"]);
    project.succeed(&["build", "--locked", "--offline"]);
    assert_eq!(project.image(), first);
    assert_eq!(project.lock(), lock);
    let said = project.succeed(&["update", "agent"]);
    assert!(said.contains("1 change"), "{said}");
    assert_ne!(project.lock(), lock);
}

#[test]
fn a_patch_that_does_not_fit_and_a_build_that_fails_say_where() {
    let project = agent();
    project.edit(
        "patches/two.patch",
        "-\techo \"agent one\"",
        "-\techo \"agent 1\"",
    );
    let said = project.refuse(&["build"]);
    assert!(
        said.contains("the patch `two.patch`, line 5, does not fit `Makefile`"),
        "{said}"
    );
    assert!(said.contains("patch \"patches/two.patch\""), "{said}");
    project.edit(
        "patches/two.patch",
        "-\techo \"agent 1\"",
        "-\techo \"agent one\"",
    );
    project.edit(
        "patches/two.patch",
        "+\techo \"agent patched\"",
        "+\t@echo no luck; exit 3; echo \"\"",
    );
    let said = project.refuse(&["build"]);
    for part in [
        "`build agent` ended with exit code 2",
        "no luck",
        "zosc shell",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn crates_that_a_source_names_are_fetched_before_and_kept_by_digest() {
    let mut project = Project::new(
        "toolchain here { host }\nsource tool { path tool; build cargo rust=\"1.95\" { bin tool }; install tool to=\"/usr/bin/tool\"; verify arch }\n",
    );
    let rust = project.sh("rustc -V | cut -d' ' -f2 | cut -d. -f1-2");
    project.edit("zos.kdl", "1.95", &rust);
    project.write(
        "tool/src/main.rs",
        "fn main() { println!(\"{}\", dep::say()); }\n",
    );
    let here = project.folder.path().display().to_string();
    project.write("tool/Cargo.toml", &format!(
        "[package]\nname = \"tool\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[dependencies]\ndep = {{ git = \"file://{here}/dep\" }}\n"));
    project.write(
        "dep/src/lib.rs",
        "pub fn say() -> &'static str { \"said by dep\" }\n",
    );
    project.write(
        "dep/Cargo.toml",
        "[package]\nname = \"dep\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
    );
    project.sh("cd dep; git init -q -b main; git add .; git commit -qm one");
    let said = project.refuse(&["build"]);
    assert!(
        said.contains("has dependencies and no `Cargo.lock`"),
        "{said}"
    );
    project.sh("cd tool; cargo generate-lockfile --quiet");
    let said = project.succeed(&["build"]);
    assert!(said.contains("dependencies of tool"), "{said}");
    let lock = project.lock();
    assert!(lock.contains("vendored \"tool\" by=\"cargo\""), "{lock}");
    // Code changes, and what it is built from does not.
    project.write(
        "tool/src/main.rs",
        "fn main() { eprintln!(\"{}\", dep::say()); }\n",
    );
    project.store = "other";
    project.succeed(&["fetch", "--locked"]);
    assert_eq!(project.lock(), lock);
    project.edit("zos.kdl", &format!("\"{rust}\""), "\"1.1\"");
    let said = project.refuse(&["lock"]);
    assert!(said.contains("rustup toolchain install 1.1"), "{said}");
}

#[test]
fn go_programs_are_static_and_the_same_from_fresh_stores() {
    if !has("go") {
        return;
    }
    let mut project = Project::new(
        "toolchain here { host }\nsource hello { path hello; build go ldflags=\"-s -w\"; install hello to=\"/usr/bin/hello\"; verify static no-build-paths }\n",
    );
    project.write(
        "hello/main.go",
        "package main\n\nimport \"example.org/dep\"\n\nfunc main() { println(dep.Say()) }\n",
    );
    project.write(
        "hello/go.mod",
        "module example.org/hello\n\ngo 1.19\n\nrequire example.org/dep v1.0.0\n",
    );
    let module = "module example.org/dep\n\ngo 1.19\n";
    project.write("proxy/example.org/dep/@v/v1.0.0.mod", module);
    project.write(
        "proxy/example.org/dep/@v/v1.0.0.info",
        "{\"Version\":\"v1.0.0\",\"Time\":\"2026-01-01T00:00:00Z\"}",
    );
    zip(
        &project.path("proxy/example.org/dep/@v/v1.0.0.zip"),
        &[
            ("example.org/dep@v1.0.0/go.mod", module),
            (
                "example.org/dep@v1.0.0/dep.go",
                "package dep\n\nfunc Say() string { return \"said by dep\" }\n",
            ),
        ],
    );
    let said = project.refuse(&["build"]);
    assert!(said.contains("has dependencies and no `go.sum`"), "{said}");
    project.sh("cd hello; GOPROXY=file://$PWD/../proxy GOSUMDB=off GOMODCACHE=$PWD/../modules GOFLAGS=-modcacherw go mod tidy");
    project.succeed(&["build"]);
    let (first, lock) = (project.image(), project.lock());
    assert!(project.image_holds("said by dep"));
    assert!(lock.contains("vendored \"hello\" by=\"go\""), "{lock}");
    project.store = "other";
    std::fs::remove_dir_all(project.path("dist")).unwrap();
    project.succeed(&["build", "--locked"]);
    assert_eq!(project.image(), first);
    // Modules that the source brings itself need no lock.
    project
        .sh("cd hello; GOPROXY=off GOMODCACHE=$PWD/../modules GOFLAGS=-modcacherw go mod vendor");
    project.succeed(&["build", "--offline"]);
    assert!(!project.lock().contains("vendored"));
}

fn zip(path: &Path, files: &[(&str, &str)]) {
    use std::io::Write as _;

    let mut writer = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, content) in files {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
}

fn busybox() -> Vec<u8> {
    std::fs::read("/bin/busybox")
        .or_else(|_| std::fs::read("/usr/bin/busybox"))
        .expect("the static busybox is there (apt-get install busybox-static)")
}

#[test]
fn packages_an_archive_and_a_folder_are_toolchains_side_by_side() {
    let mut project = Project::new(
        r#"
alpine "3.22" { repository "./repository"; key "test.rsa.pub" }
toolchain packages { alpine packages="mark" }
toolchain archive { rootfs "root.tar.gz" }
toolchain folder { rootfs "root" }
source one { path src; build toolchain=packages script="cat /etc/marks /etc/triggered > out; ! touch /etc/new"; install out to="/one" }
source two { path src; build toolchain=archive script="cat /etc/name in > out"; install out to="/two" }
source three { path src; build toolchain=folder script="cat /etc/name in > out"; install out to="/three" }
"#,
    );
    let key = SigningKey::generate("test.rsa.pub", b"sources");
    project.write("test.rsa.pub", &key.public_pem());
    let shell = Recipe::new("busybox", "1.0-r0")
        .with(Item::new("bin/busybox", Content::File(busybox())).mode(0o755))
        .with(Item::symlink("bin/sh", "busybox"))
        .with(Item::symlink("bin/cat", "busybox"));
    let base =
        Recipe::new("alpine-baselayout", "1.0-r0").file("etc/passwd", "root:x:0:0::/:/bin/sh\n");
    let mark = Recipe::new("mark", "2-r0")
        .depends(&["busybox"])
        .file("usr/share/mark/data", "data\n")
        .triggers(&["/usr/share/*"])
        .script(
            "post-install",
            "#!/bin/sh\necho \"marked by $1\" > /etc/marks\n",
        )
        .script(
            "trigger",
            "#!/bin/sh\necho \"triggered by $@\" > /etc/triggered\n",
        );
    let sign = Some((&key, SignatureHash::Sha256));
    let archives: Vec<_> = [shell, base, mark]
        .iter()
        .map(|recipe| recipe.pack(sign))
        .collect();
    std::fs::create_dir_all(project.path("repository/x86_64")).unwrap();
    for archive in &archives {
        let path = project.path("repository/x86_64").join(archive.file_name());
        std::fs::write(path, &archive.bytes).unwrap();
    }
    let listing = index(&archives, "test", sign);
    std::fs::write(project.path("repository/x86_64/APKINDEX.tar.gz"), listing).unwrap();
    project.write("src/in", "in the source\n");
    project.write("root/etc/name", "the archive and ");
    std::fs::create_dir_all(project.path("root/bin")).unwrap();
    std::fs::write(project.path("root/bin/busybox"), busybox()).unwrap();
    project.sh("cd root/bin; chmod 755 busybox; ln -s busybox sh; ln -s busybox cat; cd ..; tar -czf ../root.tar.gz .
        printf 'the folder and ' > etc/name; mkdir -p dev proc");
    project.succeed(&["build"]);
    for text in [
        "marked by 2-r0\ntriggered by /usr/share",
        "the archive and in the source\n",
        "the folder and in the source\n",
    ] {
        assert!(project.image_holds(text), "{text}");
    }
    let first = project.image();
    let lock = project.lock();
    assert!(
        lock.contains("toolchain \"packages\" wishes=\"alpine-baselayout busybox mark\""),
        "{lock}"
    );
    assert!(!lock.contains("archive"), "{lock}");
    project.store = "other";
    std::fs::remove_dir_all(project.path("dist")).unwrap();
    project.succeed(&["build", "--locked", "--offline"]);
    assert_eq!(project.image(), first);
}
