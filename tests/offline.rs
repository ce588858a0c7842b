//! What zosc tells about a manifest without building or fetching anything: `units`, and `check` with and without a lock.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::process::Output;

#[path = "support/mod.rs"]
mod support;

use support::packages::{Content, Item, Recipe, SignatureHash, SigningKey, index};

/// A folder with a manifest and a store of its own.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// A project whose manifest has `sections` behind a fixed head.
    fn new(sections: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let head = "edition 1\nimage test version=\"1\"\n";
        std::fs::write(folder.path().join("zos.kdl"), format!("{head}{sections}")).unwrap();
        Self { folder }
    }

    /// Makes a signed repository of these packages beside the manifest, in `repository`, with its key in `test.rsa.pub`.
    fn publish(&self, recipes: &[Recipe]) {
        let key = SigningKey::generate("test.rsa.pub", b"offline");
        let sign = Some((&key, SignatureHash::Sha256));
        let folder = self.folder.path().join("repository/x86_64");
        std::fs::create_dir_all(&folder).unwrap();
        let archives: Vec<_> = recipes.iter().map(|recipe| recipe.pack(sign)).collect();
        for archive in &archives {
            std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
        }
        let index = index(&archives, "test", sign);
        std::fs::write(folder.join("APKINDEX.tar.gz"), index).unwrap();
        std::fs::write(self.folder.path().join("test.rsa.pub"), key.public_pem()).unwrap();
    }

    /// Changes the manifest.
    fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("zos.kdl");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// What `zosc check` says to people, and whether it succeeds.
    fn check(&self) -> (bool, String) {
        let output = self.run(&["check"]);
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    }

    /// What `zosc check` says to programs.
    fn check_json(&self) -> Vec<serde_json::Value> {
        let output = self.run(&["check", "--message-format", "json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        assert_cmd::Command::cargo_bin("zosc")
            .unwrap()
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.folder.path().join("store"))
            .env_remove("SOURCE_DATE_EPOCH")
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The result of a command that must succeed.
    fn print(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

const UNITS: &str = r#"
zinit dialect=toml
unit disk { exec "/bin/mkfs /dev/vda"; oneshot }
unit agent { exec "/bin/agent"; test-tcp "127.0.0.1:80" within="5s"; after disk; requires network }
unit network { exec "/bin/network"; test "/bin/network ready"; requires devices }
unit devices { shell "mdev -s"; oneshot }
unit all { target; requires agent network disk }
"#;

#[test]
fn units_hang_below_what_they_wait_for_longest() {
    let project = Project::new(UNITS);
    let wanted = "\
test: 5 units for zinit 0.3 in 4 waves

wave  unit             kind     up once  where      waits for
   1  disk             oneshot  exit 0   zos.kdl:5
   1  devices          oneshot  exit 0   zos.kdl:8
   2  └─ network       daemon   test     zos.kdl:7  requires devices
   3     └─ agent      daemon   tcp      zos.kdl:6  requires network; after disk (order only)
   4        └─ all     target   reached  zos.kdl:9  requires agent, network, disk
";
    let tree = project.print(&["units"]);
    assert_eq!(words(&tree), words(wanted), "{tree}");
    assert!(!tree.contains('\u{1b}'));
    assert_eq!(project.print(&["units", "zos.kdl"]), tree);
}

/// The words of every line.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[test]
fn one_unit_is_told_in_full() {
    let project = Project::new(UNITS);
    let told = project.print(&["units", "network"]);
    for line in [
        "network  daemon, wave 2 of 4  zos.kdl:7",
        "  up once      `/bin/network ready` succeeds, within 30 s",
        "  waits for    devices  requires, wave 1",
        "  holds        agent  requires, wave 3",
        "  if it fails  never started: agent, all",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
    let refused = project.run(&["units", "netwrok"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("did you mean `network`?"), "{said}");
}

#[test]
fn programs_get_the_order_as_json_and_as_graphs() {
    let project = Project::new(UNITS);
    let text = project.print(&["units", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["dialect"], "toml");
    let agent = report["units"].as_array().unwrap().iter();
    let agent = agent.clone().find(|unit| unit["unit"] == "agent").unwrap();
    let wait = serde_json::json!({ "unit": "disk", "edge": "after", "until": "tried" });
    assert_eq!(agent["waits"][1], wait);
    let up = serde_json::json!({ "when": "tcp", "address": "127.0.0.1:80", "within": 5000 });
    assert_eq!((&agent["up"], &agent["line"]), (&up, &serde_json::json!(6)));
    let dot = project.print(&["units", "--format", "dot", "disk"]);
    assert!(dot.starts_with("digraph \"test\" {\n") && dot.ends_with("}\n"));
    assert!(dot.contains(" [style=dashed];\n") && !dot.contains("network"));
    let mermaid = project.print(&["units", "--format", "mermaid"]);
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    assert!(mermaid.contains("{{\"all\"}}") && mermaid.contains(" -.-> "));
}

#[test]
fn an_image_without_units_has_an_empty_order() {
    let project = Project::new("");
    assert_eq!(project.print(&["units"]), "test has no units\n");
    let text = project.print(&["units", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["dialect"], serde_json::Value::Null);
}

const PACKAGES: &str = r#"
alpine "3.22" { repository "./repository"; key "test.rsa.pub" }
packages { install shell server }
zinit dialect=yaml
unit server {
    exec "/usr/sbin/server --foreground"
    test "/usr/bin/server-ready"
}
"#;

fn packages() -> Vec<Recipe> {
    let program = |path: &str| Item::new(path, Content::File(b"\x7fELF".to_vec())).mode(0o755);
    let server = Recipe::new("server", "1.2-r0")
        .with(program("usr/sbin/server"))
        .with(program("usr/bin/server-ready"));
    let shell = Recipe::new("shell", "1.0-r0").with(program("bin/sh"));
    vec![server, shell]
}

#[test]
fn a_check_without_a_lock_says_what_it_could_not_look_into() {
    let project = Project::new(PACKAGES);
    project.publish(&packages());
    std::fs::remove_dir_all(project.folder.path().join("repository")).unwrap();
    let (fine, said) = project.check();
    assert!(fine, "{said}");
    let line = "not checked: package names, programs of units (no zos.lock; `zosc lock` helps)";
    assert!(said.lines().any(|said| said == line), "{said}");
    let [note] = project.check_json().try_into().unwrap();
    assert_eq!(note["severity"], "note");
    assert_eq!(note["command"], "zosc lock");
    assert_eq!(
        note["unchecked"],
        serde_json::json!(["package names", "programs of units"])
    );
    assert!(
        !project.folder.path().join("store").exists(),
        "nothing is made"
    );
    assert!(!project.folder.path().join("zos.lock").exists());
}

#[test]
fn a_check_with_a_lock_tells_of_packages_and_programs_at_their_places() {
    let project = Project::new(PACKAGES);
    project.publish(&packages());
    project.print(&["lock"]);
    let lock = std::fs::read(project.folder.path().join("zos.lock")).unwrap();
    let (fine, said) = project.check();
    assert!(fine && !said.contains("not checked"), "{said}");
    project.edit("/usr/sbin/server ", "/usr/sbin/sever ");
    project.edit("/usr/bin/server-ready", "/usr/bin/ready");
    project.edit("install shell", "install shel");
    let found = project.check_json();
    let codes: Vec<_> = found.iter().map(|line| line["code"].as_str()).collect();
    assert_eq!(codes, [Some("zosc::lock::unknown-package")], "{found:?}");
    assert_eq!(found[0]["labels"][0]["line"], 5);
    assert_eq!(found[0]["help"], "did you mean `shell`?");
    project.edit("install shel ", "install shell ");
    let found = project.check_json();
    let facts: Vec<_> = found
        .iter()
        .map(|line| (line["severity"].as_str(), line["help"].as_str()))
        .collect();
    assert_eq!(
        facts,
        [
            (Some("error"), Some("did you mean `/usr/sbin/server`?")),
            (
                Some("warning"),
                Some("install the package or the source that has it, or correct the path")
            ),
        ],
        "{found:?}"
    );
    let places: Vec<_> = found
        .iter()
        .map(|line| &line["labels"][0]["line"])
        .collect();
    assert_eq!(places, [8, 9]);
    let after = std::fs::read(project.folder.path().join("zos.lock")).unwrap();
    assert_eq!(lock, after, "a check writes nothing");
}
