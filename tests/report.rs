//! What a build can be told about afterwards: lists of parts, statements of provenance, the report page.
//!
//! Documents are judged by the official schemas here, and once more by other people's programs where `$ZOSC_TEST_PYTHON` is an
//! interpreter that has them; the page is tried out in Chromium. `tests/run report` sees to both.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use zosc::tree::Digest;

#[path = "support/mod.rs"]
mod support;

#[path = "support/schemas.rs"]
mod schemas;

use support::project::Project;

/// Packages, a file, an overlay, a patched source of Rust with a vendored crate, and one of Go.
const EVERYTHING: &str = r#"
packages { install marks; scripts skip }
toolchain here { host }
source agent { path "agent"; patch "fix it.patch"; build cargo toolchain=here; install agent to="/bin/agent" }
source plan { path "plan"; build go toolchain=here; install plan to="/bin/plan" }
file "/init" from="init" mode="0755"
overlay "more" to="/srv"
"#;

/// An image that is quickly built.
const SMALL: &str = r#"
packages { install marks; scripts skip }
file "/init" from="init" mode="0755"
overlay "more" to="/srv"
zinit dialect=toml
file "/sbin/zinit" link="/bin/sh"
unit first { shell "true"; oneshot }
unit second { exec "/bin/sh -c wait"; after first }
unit third { exec "/bin/sh -c wait"; requires second first }
unit ready { target; requires third }
outputs { initramfs "test.cpio"; sbom "test.cdx.json" }
initramfs compress=none
"#;

fn project(sections: &str) -> Project {
    let project = Project::new(sections);
    project.write("init", "#!/bin/sh\n");
    project.write("more/a", "a\n");
    project
}

/// The sources of [`EVERYTHING`].
fn with_sources() -> Project {
    let project = project(EVERYTHING);
    let manifest = |name: &str, rest: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2021\"\n{rest}")
    };
    let own = manifest("agent", "license = \"MIT\"\n[dependencies]\nleaf = \"1\"\n");
    project.write("agent/Cargo.toml", &own);
    let leaf = manifest("leaf", "license = \"Apache-2.0/MIT\"\n");
    project.write("agent/vendor/leaf/Cargo.toml", &leaf);
    let entry = |name: &str, rest: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"1.2.3\"\n{rest}")
    };
    let digest = "0".repeat(64);
    let leaf = format!("source = \"registry+https://m.example\"\nchecksum = \"{digest}\"\n");
    let (own, leaf) = (
        entry("agent", "dependencies = [\"leaf\"]\n"),
        entry("leaf", &leaf),
    );
    project.write("agent/Cargo.lock", &format!("version = 4\n{own}{leaf}"));
    project.write("agent/src/main.rs", "fn main() {}\n");
    project.write(
        "fix it.patch",
        "--- a/src/main.rs\n+++ b/src/main.rs\n@@ -1 +1 @@\n-fn main() {}\n+fn main() { }\n",
    );
    project.write("plan/go.mod", "module plan\nrequire m.example/x v1.0.0\n");
    let vendored = "# m.example/x v1.0.0\n## explicit\nm.example/x\n";
    project.write("plan/vendor/modules.txt", vendored);
    project
}

/// What a command prints that must succeed.
fn print(project: &Project, arguments: &[&str]) -> String {
    let output = project.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed:\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn list(project: &Project, form: &str) -> Value {
    let arguments = ["sbom", "--from-lock", "--offline", "--format", form];
    read(&print(project, &arguments))
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
    let project = with_sources();
    let document = list(&project, "cyclonedx");
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
            "package/marks-2.1-r3",
            "package/shell-1.0-r0",
            "patch/agent/fix it.patch",
            "source/agent",
            "source/plan",
            "toolchain/here",
        ]
    );
    let licence = |index: usize| components[index]["licenses"][0]["expression"].as_str();
    assert_eq!(licence(0), Some("Apache-2.0 OR MIT"));
    assert_eq!(licence(8), Some("MIT"));
    assert_eq!(document["metadata"]["lifecycles"][0]["phase"], "pre-build");
    let needs = |reference: &str| {
        let nodes = document["dependencies"].as_array().unwrap();
        let node = nodes.iter().find(|node| node["ref"] == reference).unwrap();
        node["dependsOn"].clone()
    };
    assert_eq!(
        needs("package/marks-2.1-r3"),
        json!(["package/base-1.0-r0", "package/shell-1.0-r0"])
    );
    assert_eq!(needs("source/agent"), json!(["crate/leaf@1.2.3"]));
    let spdx = list(&project, "spdx");
    assert_eq!(schemas::faults("spdx-2.3", &spdx), [""; 0]);
    judged_by_others("cyclonedx", &document);
    judged_by_others("spdx", &spdx);
    // Nothing tells where things lie on this machine.
    let here = project.folder.path().to_str().unwrap();
    for document in [document, spdx] {
        assert!(!document.to_string().contains(here));
    }
}

#[test]
fn a_list_among_the_outputs_is_that_of_the_command() {
    let project = project(SMALL);
    project.succeed(&["build", "--offline"]);
    let written = std::fs::read_to_string(project.path("dist/test.cdx.json")).unwrap();
    assert!(print(&project, &["sbom", "--offline"]) == written);
    let document = read(&written);
    assert_eq!(schemas::faults("bom-1.6", &document), [""; 0]);
    let image = &document["metadata"]["component"];
    assert_eq!(image["components"].as_array().unwrap().len(), 1);
    assert_eq!(image["components"][0]["name"], "test.cpio");
    let digest = digest_of(&project.path("dist/test.cpio"));
    assert_eq!(image["components"][0]["hashes"][0]["content"], digest);
    // The form follows the file's name, and nothing is left to do.
    print(&project, &["sbom", "--offline", "-o", "test.spdx.json"]);
    let spdx = std::fs::read_to_string(project.path("test.spdx.json")).unwrap();
    assert_eq!(schemas::faults("spdx-2.3", &read(&spdx)), [""; 0]);
    let again = print(
        &project,
        &["build", "--offline", "--message-format", "json"],
    );
    assert!(again.contains("\"performed\":0"), "{again}");
}

fn digest_of(file: &Path) -> String {
    Digest::of(&std::fs::read(file).unwrap()).to_string()
}

#[test]
fn provenance_says_what_went_in_and_what_came_out() {
    let project = project(SMALL);
    project.succeed(&["build", "--offline"]);
    let text = print(&project, &["provenance", "--offline"]);
    assert!(print(&project, &["provenance", "--offline"]) == text);
    let statement = read(&text);
    for (index, name) in ["test.cpio", "test.cdx.json"].iter().enumerate() {
        let subject = &statement["subject"][index];
        assert_eq!(subject["name"], *name);
        let digest = digest_of(&project.path("dist").join(name));
        assert_eq!(subject["digest"]["sha256"], digest);
    }
    let given = &statement["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(given["manifest"]["name"], "zos.kdl");
    for (what, file) in [("manifest", "zos.kdl"), ("lock", "zos.lock")] {
        let digest = digest_of(&project.path(file));
        assert_eq!(given[what]["digest"]["sha256"], digest);
    }
    let run = &statement["predicate"]["runDetails"];
    assert_eq!(run["metadata"], Value::Null);
    assert!(!text.contains(project.folder.path().to_str().unwrap()));
    let timed = print(&project, &["provenance", "--offline", "--times"]);
    let timed = read(&timed);
    let times = &timed["predicate"]["runDetails"]["metadata"];
    assert!(times["startedOn"].as_str() <= times["finishedOn"].as_str());
    assert!(times["startedOn"].is_string());
    judged_by_others("provenance", &statement);
    judged_by_others("provenance", &timed);
}

#[test]
fn signed_provenance_is_by_the_key() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: needs openssl");
        return;
    }
    let project = project(SMALL);
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(project.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    openssl(&["genrsa", "-out", "key.pem", "2048"]);
    openssl(&["rsa", "-in", "key.pem", "-pubout", "-out", "public.pem"]);
    let plain = read(&print(&project, &["provenance", "--offline"]));
    let sealed = print(&project, &["provenance", "--offline", "--key", "key.pem"]);
    let envelope = read(&sealed);
    let payload = BASE64
        .decode(envelope["payload"].as_str().unwrap())
        .unwrap();
    let payload = String::from_utf8(payload).unwrap();
    assert_eq!(read(&payload), plain);
    let signature = BASE64.decode(envelope["signatures"][0]["sig"].as_str().unwrap());
    std::fs::write(project.path("signature"), signature.unwrap()).unwrap();
    let kind = "application/vnd.in-toto+json";
    let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    project.write("signed", &signed);
    openssl(&[
        "dgst",
        "-sha256",
        "-verify",
        "public.pem",
        "-signature",
        "signature",
        "signed",
    ]);
    let by_variable = project
        .command()
        .args(["provenance", "--offline", "--key-env", "THE_KEY"])
        .env(
            "THE_KEY",
            std::fs::read_to_string(project.path("key.pem")).unwrap(),
        )
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&by_variable.stdout) == sealed);
    let arguments = ["provenance", "--offline", "--key", "nowhere.pem"];
    project.refuse(&arguments, &["zosc::build::no-signing-key"]);
}

#[test]
fn the_page_works_in_a_browser_and_hostile_names_do_nothing() {
    let project = project(SMALL);
    // A folder `<` makes this one the end of a script, as far as a careless page goes.
    let hostile = [
        "more/<b>/<img src=x onerror=window.bad=1>",
        "more/</script><script>window.bad=1</script>",
        "more/{{script}}\"'&amp;",
    ];
    for path in hostile {
        project.write(path, &"x".repeat(5_000));
    }
    project.succeed(&["build", "--offline"]);
    project.write("more/b", &"b".repeat(70_000));
    project.succeed(&["build", "--offline"]);
    project.succeed(&["report"]);
    let page = std::fs::read_to_string(project.path("report.html")).unwrap();
    assert!(!page.contains("<img"));
    project.succeed(&["report", "more/../zos.kdl", "-o", "again.html"]);
    assert_eq!(
        digest_of(&project.path("again.html")),
        digest_of(&project.path("report.html"))
    );
    project.succeed(&["report", "dist/test.cpio", "-o", "image.html"]);
    project.succeed(&["report", "dist", "-o", "folder.html"]);
    let Some(python) = python() else { return };
    if Command::new("chromium").arg("--version").output().is_err() {
        println!("skipped: needs chromium");
        return;
    }
    let shots = project.path("shots");
    std::fs::create_dir(&shots).unwrap();
    for page in ["report.html", "image.html"] {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/browser.py");
        let output = Command::new(&python)
            .arg(script)
            .arg(project.path(page))
            .arg(&shots)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{page}: {said}");
    }
    for shot in ["desktop-light", "desktop-dark", "phone-light", "phone-dark"] {
        let bytes = std::fs::read(shots.join(format!("{shot}.png"))).unwrap();
        assert!(bytes.len() > 20_000, "{shot} is empty");
    }
}

#[cfg(feature = "publish")]
#[test]
fn the_index_of_kernels_works_in_a_browser_and_hostile_names_do_nothing() {
    use zosc::publish::description::Description;
    use zosc::publish::index::{Index, Listed};

    let names = [
        "vmlinuz.efi",
        "vmlinuz-6.12.44-Zero-OS-367cc28628a3.efi",
        "<img src=x onerror=window.bad=1>.efi",
        "\"'onmouseover='window.bad=1&lt;.efi",
        "vmlinuz-6.12.9-Zero-OS-with-a-name-that-is-much-longer-than-the-screen-of-a-phone-is-wide.efi",
        "{{script}}\u{202e}ife.efi",
    ];
    let modified = |number: usize| 1_764_000_000_000 - i64::try_from(number).unwrap() * 86_400_000;
    let listing = names.iter().enumerate().flat_map(|(number, name)| {
        let file = |name: String, size| Listed {
            name,
            size,
            modified: modified(number),
            tag: None,
        };
        [
            file((*name).to_owned(), 48 << 20),
            file(format!("{name}.json"), 300),
        ]
    });
    let mut index = Index::of(&listing.collect::<Vec<_>>(), &Index::default());
    // One of them was put there by hand.
    let read = index.unread().into_iter().skip(1).map(|name| {
        let description = Description {
            sha256: Digest::of(name.as_bytes()),
            size: 48 << 20,
            tag: None,
            image: "<script>window.bad=1</script>".to_owned(),
            version: "2026.11".to_owned(),
            kernel: "6.12.44-Zero-OS".to_owned(),
            build_id: None,
            stands_for: Some("<b>".to_owned()),
            versioned: false,
            zosc: "0.1.0".to_owned(),
        };
        (name, description)
    });
    let read = read.collect();
    index.describe(read);
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("index.html");
    std::fs::write(&page, zosc::publish::page::page(&index)).unwrap();
    let Some(python) = python() else { return };
    if Command::new("chromium").arg("--version").output().is_err() {
        println!("skipped: needs chromium");
        return;
    }
    let shots = std::env::var_os("ZOSC_TEST_SHOTS").map_or(folder.path().to_owned(), PathBuf::from);
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/support/browse_kernels.py"
    );
    let output = Command::new(&python)
        .arg(script)
        .args([&page, &shots])
        .arg(json!(names).to_string())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn a_manifest_that_was_never_built_has_no_page() {
    let project = project(SMALL);
    project.refuse(&["report"], &["zosc::cli::no-build"]);
}

/// The interpreter with what others wrote.
fn python() -> Option<PathBuf> {
    let found = std::env::var_os("ZOSC_TEST_PYTHON");
    if found.is_none() {
        println!("skipped: $ZOSC_TEST_PYTHON names no interpreter (`tests/run report` makes one)");
    }
    found.map(PathBuf::from)
}

/// Lets a program that others wrote read a document.
fn judged_by_others(form: &str, document: &Value) {
    let Some(python) = python() else { return };
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
