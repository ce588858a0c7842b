//! What zosc tells about a manifest without building or fetching anything: `units`, and `check` with and without a lock.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::process::Output;

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
