//! What a build can be told about afterwards: lists of what an image is made of.
//!
//! Documents are judged by the official schemas here, and once more by other people's programs where `$ZOSC_TEST_PYTHON` is an
//! interpreter that has them (`tests/run report` sees to that).

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

#[path = "support/mod.rs"]
mod support;

#[path = "support/schemas.rs"]
mod schemas;

use support::packages::{Item, Recipe, SignatureHash, SigningKey, index};

/// A folder with a manifest, a signed repository and a store of its own.
struct Project {
    folder: tempfile::TempDir,
}

/// Packages, a file, an overlay, a patched source of Rust with a vendored crate, and one of Go.
const SECTIONS: &str = r#"
packages { install base scripts }
toolchain here { host }
source agent { path "agent"; patch "fix it.patch"; build cargo toolchain=here; install agent to="/bin/agent" }
source plan { path "plan"; build go toolchain=here; install plan to="/bin/plan" }
file "/init" from="init" mode="0755"
overlay "more" to="/srv"
"#;

impl Project {
    fn new(sections: &str) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let head = format!(
            r#"edition 1
image test version="1" {{ title "A Test"; epoch "2026-01-01T00:00:00Z" }}
alpine "3.22" {{
    repository "file://{}"
    key "test.rsa.pub"
}}
"#,
            project.path("repository").display()
        );
        project.write("zos.kdl", &format!("{head}{sections}"));
        project.write("init", "#!/bin/tool\n");
        project.write("more/a", "a\n");
        project.sources();
        project.publish();
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

    fn sources(&self) {
        let manifest = |name: &str, rest: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2021\"\n{rest}")
        };
        let own = manifest("agent", "license = \"MIT\"\n[dependencies]\nleaf = \"1\"\n");
        self.write("agent/Cargo.toml", &own);
        let leaf = manifest("leaf", "license = \"Apache-2.0/MIT\"\n");
        self.write("agent/vendor/leaf/Cargo.toml", &leaf);
        let entry = |name: &str, rest: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1.2.3\"\n{rest}")
        };
        let digest = "0".repeat(64);
        let leaf = format!("source = \"registry+https://m.example\"\nchecksum = \"{digest}\"\n");
        let lock = format!(
            "version = 4\n{}{}",
            entry("agent", "dependencies = [\"leaf\"]\n"),
            entry("leaf", &leaf)
        );
        self.write("agent/Cargo.lock", &lock);
        self.write("agent/src/main.rs", "fn main() {}\n");
        self.write(
            "fix it.patch",
            "--- a/src/main.rs\n+++ b/src/main.rs\n@@ -1 +1 @@\n-fn main() {}\n+fn main() { }\n",
        );
        self.write("plan/go.mod", "module plan\nrequire m.example/x v1.0.0\n");
        self.write(
            "plan/vendor/modules.txt",
            "# m.example/x v1.0.0\n## explicit\nm.example/x\n",
        );
    }

    fn publish(&self) {
        let key = SigningKey::generate("test.rsa.pub", b"report");
        self.write("test.rsa.pub", &key.public_pem());
        let sign = Some((&key, SignatureHash::Sha256));
        let base =
            Recipe::new("base", "1.0-r0").with(Item::file("bin/tool", "\u{7f}ELF").mode(0o755));
        let scripts = Recipe::new("scripts", "2.0-r1")
            .depends(&["base>=1"])
            .file("usr/share/scripts", "x\n");
        let archives: Vec<_> = [base, scripts].iter().map(|one| one.pack(sign)).collect();
        for archive in &archives {
            let bytes = &archive.bytes;
            let path = self.path("repository/x86_64").join(archive.file_name());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let index = index(&archives, "test", sign);
        std::fs::write(self.path("repository/x86_64/APKINDEX.tar.gz"), index).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        assert_cmd::Command::cargo_bin("zosc")
            .unwrap()
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path("store"))
            .env_remove("SOURCE_DATE_EPOCH")
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What a command prints that must succeed.
    fn print(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn list(&self, form: &str) -> Value {
        let text = self.print(&["sbom", "--from-lock", "--offline", "--format", form]);
        serde_json::from_str(&text).unwrap()
    }
}

/// Whether this machine has the compilers that `toolchain { host }` means.
fn has_compilers() -> bool {
    let missing = ["cargo", "go", "cc"].into_iter().find(|program| {
        let version = if *program == "go" {
            "version"
        } else {
            "--version"
        };
        Command::new(program).arg(version).output().is_err()
    });
    if let Some(program) = missing {
        println!("skipped: needs {program}");
    }
    missing.is_none()
}

#[test]
fn a_list_names_everything_and_keeps_to_its_schema() {
    if !has_compilers() {
        return;
    }
    let project = Project::new(SECTIONS);
    let document = project.list("cyclonedx");
    assert_eq!(schemas::faults("bom-1.6", &document), [""; 0]);
    let components = document["components"].as_array().unwrap();
    let references: Vec<&str> = components
        .iter()
        .map(|component| component["bom-ref"].as_str().unwrap())
        .collect();
    assert_eq!(
        references,
        [
            "crate/leaf@1.2.3",
            "file/init",
            "module/m.example/x@v1.0.0",
            "overlay/more:/srv",
            "package/base-1.0-r0",
            "package/scripts-2.0-r1",
            "patch/agent/fix it.patch",
            "source/agent",
            "source/plan",
            "toolchain/here",
        ]
    );
    let licence = |index: usize| components[index]["licenses"][0]["expression"].as_str();
    assert_eq!(licence(0), Some("Apache-2.0 OR MIT"));
    assert_eq!(licence(7), Some("MIT"));
    assert_eq!(document["metadata"]["lifecycles"][0]["phase"], "pre-build");
    let needs = |reference: &str| {
        let nodes = document["dependencies"].as_array().unwrap();
        let node = nodes.iter().find(|node| node["ref"] == reference).unwrap();
        node["dependsOn"].clone()
    };
    assert_eq!(
        needs("package/scripts-2.0-r1"),
        serde_json::json!(["package/base-1.0-r0"])
    );
    assert_eq!(
        needs("source/agent"),
        serde_json::json!(["crate/leaf@1.2.3"])
    );
    let spdx = project.list("spdx");
    assert_eq!(schemas::faults("spdx-2.3", &spdx), [""; 0]);
    judged_by_others("cyclonedx", &document);
    judged_by_others("spdx", &spdx);
}

#[test]
fn no_list_tells_where_things_lie_on_this_machine() {
    if !has_compilers() {
        return;
    }
    let project = Project::new(SECTIONS);
    let here = project.folder.path().to_str().unwrap();
    for form in ["cyclonedx", "spdx"] {
        let text = project.list(form).to_string();
        assert!(!text.contains(here), "{form}: {text}");
    }
}

#[test]
fn a_list_among_the_outputs_is_that_of_the_command() {
    let project = Project::new(
        r#"
packages { install base }
file "/init" from="init" mode="0755"
outputs { initramfs "test.cpio"; sbom "test.cdx.json" }
initramfs compress=none
"#,
    );
    project.print(&["build", "--offline"]);
    let written = std::fs::read_to_string(project.path("dist/test.cdx.json")).unwrap();
    assert!(project.print(&["sbom", "--offline"]) == written);
    let document: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(schemas::faults("bom-1.6", &document), [""; 0]);
    let image = &document["metadata"]["component"];
    assert_eq!(image["components"][0]["name"], "test.cpio");
    let initramfs = std::fs::read(project.path("dist/test.cpio")).unwrap();
    let digest = zosc::tree::Digest::of(&initramfs).to_string();
    assert_eq!(image["components"][0]["hashes"][0]["content"], digest);
    // The form follows the file's name, and nothing is left to do.
    project.print(&["sbom", "--offline", "-o", "test.spdx.json"]);
    let spdx = std::fs::read_to_string(project.path("test.spdx.json")).unwrap();
    let spdx: Value = serde_json::from_str(&spdx).unwrap();
    assert_eq!(schemas::faults("spdx-2.3", &spdx), [""; 0]);
    let again = project.print(&["build", "--offline", "--message-format", "json"]);
    assert!(again.contains("\"performed\":0"), "{again}");
}

/// Lets a program that others wrote read a document.
fn judged_by_others(form: &str, document: &Value) {
    let Ok(python) = std::env::var("ZOSC_TEST_PYTHON") else {
        println!(
            "skipped: $ZOSC_TEST_PYTHON names no interpreter with cyclonedx-python-lib and spdx-tools"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("document.{form}.json"));
    std::fs::write(&file, document.to_string()).unwrap();
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/support/judge_documents.py"
    );
    let output = Command::new(python)
        .arg(script)
        .arg(form)
        .arg(&file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{form}: {said}");
}
