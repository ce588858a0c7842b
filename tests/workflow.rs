//! The workflow for GitHub Actions: each of its shell steps, as it stands, with the zosc that was built here.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

const WORKFLOW: &str = include_str!("../.github/workflows/zosc.yml");
const ACTION: &str = include_str!("../.github/actions/install/action.yml");

/// Names and scripts of the steps that have both.
fn steps(text: &str) -> Vec<(String, String)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    let mut name = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(named) = line.trim_start().strip_prefix("- name: ") {
            named.clone_into(&mut name);
        }
        let Some(script) = line.trim_start().strip_prefix("run: ") else {
            continue;
        };
        let mut script = script.to_owned();
        if script == "|" {
            script.clear();
            let inside = lines.peek().map_or(0, |line| indent(line));
            while let Some(line) = lines.next_if(|line| line.is_empty() || indent(line) >= inside) {
                script.push_str(line.get(inside..).unwrap_or_default());
                script.push('\n');
            }
        }
        assert!(
            !script.contains("${{"),
            "what others write stays out of scripts: {script}"
        );
        found.push((name.clone(), script.trim_end().to_owned()));
    }
    found
}

fn step<'s>(steps: &'s [(String, String)], name: &str) -> &'s (String, String) {
    steps.iter().find(|(known, _)| known == name).unwrap()
}

/// A stand-in for `gh` that keeps a pull request's comments in a file, and answers as it does.
const GH: &str = r#"
comments=$RUNNER_TEMP/comments.json
[ -e "$comments" ] || echo '[]' >"$comments"
change() { jq "$@" "$comments" >"$comments.new" && mv "$comments.new" "$comments"; }
case "$1 $2" in
"api --paginate") [ "$3" = repos/me/site/issues/7/comments ] && jq -r "$5" "$comments" ;;
"api --method") change --arg id "${4#repos/me/site/issues/comments/}" --rawfile body "${6#body=@}" 'map(if (.id | tostring) == $id then .body = $body else . end)' ;;
"pr comment") change --rawfile body "$5" '. + [{id: length, user: {login: "github-actions[bot]"}, body: $body}]' ;;
*) exit 1 ;;
esac
"#;

/// A runner with a project checked out.
struct Runner {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Runner {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runner = Self {
            variables: Vec::new(),
            folder,
        };
        for name in ["project", "programs", "temporary", "releases/v9.9.9"] {
            std::fs::create_dir_all(runner.path(name)).unwrap();
        }
        // What a runner has, and a test must not do.
        runner.program("programs/sudo", "echo \"sudo $*\" >>\"$RUNNER_TEMP/asked\"");
        runner.program("programs/gh", GH);
        let set = [
            ("GITHUB_PATH", runner.path("paths")),
            ("GITHUB_STEP_SUMMARY", runner.path("summary")),
            ("RUNNER_TEMP", runner.path("temporary")),
            ("ZOSC_STORE", runner.path("store")),
        ];
        let set = set.map(|(name, path)| (name.to_owned(), path.display().to_string()));
        let repository = ("GITHUB_REPOSITORY".to_owned(), "me/site".to_owned());
        Self {
            variables: set.into_iter().chain([repository]).collect(),
            ..runner
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Runs a script as a runner does.
    fn run(&self, script: &str) -> Output {
        let added = std::fs::read_to_string(self.path("paths")).unwrap_or_default();
        let mut search: Vec<String> = added.lines().map(str::to_owned).collect();
        search.push(self.path("programs").display().to_string());
        search.push(std::env::var("PATH").unwrap());
        Command::new("bash")
            .args(["-e", "-c", script])
            .current_dir(self.path("project"))
            .env("PATH", search.join(":"))
            .env("NO_COLOR", "1")
            .env_remove("SOURCE_DATE_EPOCH")
            .envs(self.variables.iter().cloned())
            .output()
            .unwrap()
    }

    fn succeed(&self, script: &str) -> String {
        let output = self.run(script);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{errors}");
        format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
    }

    /// The comments of the pull request.
    fn comments(&self) -> Vec<String> {
        let text = std::fs::read(self.path("temporary/comments.json")).unwrap();
        let comments: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        let bodies = comments
            .iter()
            .filter_map(|comment| comment["body"].as_str());
        bodies.map(str::to_owned).collect()
    }

    /// A release with this zosc in it, and its digest.
    fn release(&mut self) {
        let name = "zosc-9.9.9-x86_64-linux";
        let zosc = env!("CARGO_BIN_EXE_zosc");
        self.program(
            &format!("{name}/bin/zosc"),
            &format!("exec '{zosc}' \"$@\""),
        );
        let archive = self
            .path(&format!("releases/v9.9.9/{name}.tar.gz"))
            .display()
            .to_string();
        let folder = self.folder.path().display();
        let sum = self.succeed(&format!(
            "tar -C '{folder}' -czf '{archive}' {name}; sha256sum '{archive}'"
        ));
        self.set("RELEASES", format!("file://{folder}/releases"));
        self.set("VERSION", "9.9.9");
        self.set("SHA256", sum.split(' ').next().unwrap());
        self.set("REPOSITORY", "");
    }

    /// A project with a commit, and a change to it.
    fn project(&mut self) {
        let project = self.path("project");
        let manifest = |version: &str| {
            format!(
                "image told version=\"{version}\" {{ epoch \"2026-01-01T00:00:00Z\" }}\nfile \"/init\" from=\"start\" mode=\"0755\"\noutputs {{ initramfs \"told.cpio.xz\" }}\n"
            )
        };
        std::fs::copy("/bin/busybox", project.join("start")).unwrap();
        std::fs::write(project.join("zos.kdl"), manifest("1")).unwrap();
        let zosc = env!("CARGO_BIN_EXE_zosc");
        self.succeed(&format!("'{zosc}' lock; git init -q; git add -A; git -c user.name=me -c user.email=me@host.example commit -qm one"));
        let base = self.succeed("git rev-parse HEAD").trim().to_owned();
        self.set("MANIFEST", "zos.kdl");
        self.set("BASE", base);
        self.set("NUMBER", "7");
        std::fs::write(project.join("zos.kdl"), manifest("2")).unwrap();
    }
}

#[test]
fn every_step_does_what_it_says() {
    for (program, package) in [("/bin/busybox", "busybox-static"), ("/usr/bin/jq", "jq")] {
        if !std::path::Path::new(program).exists() {
            println!("skipped: needs {program} (apt-get install {package})");
            return;
        }
    }
    let mut runner = Runner::new();
    runner.release();
    runner.project();
    let steps = steps(WORKFLOW);
    assert_eq!(steps.len(), 10, "{steps:?}");
    for (name, script) in &steps {
        println!("{name}");
        runner.succeed(script);
    }
    let read = |name: &str| std::fs::read_to_string(runner.path(name)).unwrap();
    assert!(runner.path("project/dist/told.cpio.xz").is_file());
    assert!(read("temporary/asked").contains("apt-get install -qy uidmap"));
    assert!(read("summary").contains("version"), "{}", read("summary"));
    let marked = format!("<!-- zosc diff of zos.kdl -->\n{}", read("summary"));
    assert_eq!(runner.comments(), [marked]);
    // Another workflow's comment stays as it is, whichever came last.
    let (_, comment) = step(&steps, "Comment on it");
    runner.succeed("printf 'of another\n' >other.md; gh pr comment 7 --body-file other.md");
    std::fs::write(runner.path("temporary/difference.md"), "newer\n").unwrap();
    runner.succeed(comment);
    let newer = "<!-- zosc diff of zos.kdl -->\nnewer\n";
    assert_eq!(runner.comments(), [newer, "of another\n"]);
    // The pull request that brings the manifest has nothing to compare it with.
    std::fs::copy(
        runner.path("project/zos.kdl"),
        runner.path("project/new.kdl"),
    )
    .unwrap();
    runner.set("MANIFEST", "new.kdl");
    let (_, compare) = step(&steps, "What the change means");
    runner.succeed(compare);
    let told = std::fs::read_to_string(runner.path("temporary/difference.md")).unwrap();
    assert!(told.contains("`new.kdl` is new"), "{told}");
}

#[test]
fn the_key_gets_the_name_that_the_manifest_has_for_it() {
    let mut runner = Runner::new();
    // Whether the variable is there, and what is asked of it.
    runner.program("programs/zosc", "echo \"$1 ${OWN_KEY-none}\"");
    runner.set("MANIFEST", "zos.kdl");
    runner.set("KEY_VARIABLE", "OWN_KEY");
    let steps = steps(WORKFLOW);
    for (key, told) in [("one\ntwo", "one\ntwo"), ("", "none")] {
        runner.set("KEY", key);
        for (name, command) in [
            ("Look at the machine", "doctor"),
            ("Build", "build"),
            ("Build again and compare", "build"),
        ] {
            let said = runner.succeed(&step(&steps, name).1);
            assert_eq!(said, format!("{command} {told}\n"), "{name}");
        }
    }
}

#[test]
fn nothing_is_installed_that_is_not_what_was_meant() {
    let mut runner = Runner::new();
    runner.release();
    let steps = steps(WORKFLOW);
    let (_, install) = step(&steps, "Install zosc");
    runner.set("SHA256", "0".repeat(64));
    let output = runner.run(install);
    assert!(!output.status.success() && !runner.path("paths").exists());
    runner.set("VERSION", "");
    let output = runner.run(install);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        !output.status.success() && said.starts_with("::error::"),
        "{said}"
    );
}

#[test]
fn the_action_installs_as_the_workflow_does() {
    let workflow = steps(WORKFLOW);
    let action = steps(ACTION);
    assert_eq!(action, workflow[..2]);
    for line in ACTION
        .lines()
        .filter(|line| line.contains("description: "))
        .skip(1)
    {
        assert!(WORKFLOW.contains(line.trim()), "{line}");
    }
}
