//! `zosc new`: projects to begin with.

use crate::support::project::{IMAGE, Project};

#[test]
fn new_starts_a_project_that_checks_from_every_template() {
    let project = Project::new(IMAGE);
    for template in ["minimal", "demo", "zero-os"] {
        let said = project.succeed(&["new", template, "--template", template]);
        assert!(
            said.contains(&format!("  cd {template}\n  zosc check\n")),
            "{said}"
        );
        for file in [
            "README.md",
            ".gitignore",
            ".github/workflows/image.yml",
            ".github/workflows/zosc.yml",
            "keys/README.md",
        ] {
            assert!(
                project.path(&format!("{template}/{file}")).is_file(),
                "{file}"
            );
        }
        let manifest = format!("{template}/zos.kdl");
        let text = std::fs::read_to_string(project.path(&manifest)).unwrap();
        assert!(text.contains(&format!("\nimage {template} ")), "{text}");
        let output = project.run(&["check", &manifest, "--message-format", "json"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success()
                && told
                    .lines()
                    .all(|line| line.contains("\"severity\":\"note\"")),
            "{template}: {told}"
        );
        let laid_out = project.run(&["fmt", "--check", &manifest]);
        assert!(laid_out.status.success(), "{template} is not laid out");
    }
}

#[test]
fn new_never_overwrites_a_file() {
    let project = Project::new(IMAGE);
    project.succeed(&["new", "fresh", "--no-ci", "--name", "site"]);
    assert!(!project.path("fresh/.github").exists());
    project.write("fresh/README.md", "mine");
    std::fs::remove_file(project.path("fresh/.editorconfig")).unwrap();
    project.refuse(&["new", "fresh"], &["zosc::cli::exists"]);
    assert!(!project.path("fresh/.editorconfig").exists());
    project.succeed(&["new", "fresh", "--force"]);
    assert!(project.path("fresh/.editorconfig").is_file());
    assert_eq!(
        std::fs::read(project.path("fresh/README.md")).unwrap(),
        b"mine"
    );
    assert_eq!(
        project.run(&["new", "x", "--name", "a b"]).status.code(),
        Some(2)
    );
}

#[test]
fn new_makes_a_project_ready_for_editors() {
    let files = |project: &Project, folder: &str| {
        let all = [
            ".vscode/settings.json",
            ".vscode/extensions.json",
            ".nvim.lua",
            ".helix/languages.toml",
            ".zed/settings.json",
        ];
        let there = |name: &&str| project.path(&format!("{folder}/{name}")).is_file();
        all.into_iter().filter(there).collect::<Vec<_>>()
    };
    let project = Project::new(IMAGE);
    project.succeed(&["new", "plain"]);
    let vscode = [".vscode/settings.json", ".vscode/extensions.json"];
    assert_eq!(files(&project, "plain"), vscode);
    project.succeed(&["new", "two", "--editor", "neovim", "--editor", "zed"]);
    assert_eq!(files(&project, "two"), [".nvim.lua", ".zed/settings.json"]);

    // A project that exists keeps everything, and gets what is missing.
    project.write("two/.helix/languages.toml", "# mine\n");
    let before = std::fs::read(project.path("two/zos.kdl")).unwrap();
    let said = project.succeed(&["new", "two", "--editor", "helix", "--editor", "vscode"]);
    assert!(said.contains("kept two/.helix/languages.toml"), "{said}");
    assert!(said.contains("wrote two/.vscode/settings.json"), "{said}");
    assert_eq!(before, std::fs::read(project.path("two/zos.kdl")).unwrap());
    assert_eq!(files(&project, "two").len(), 5);
    let helix = std::fs::read(project.path("two/.helix/languages.toml")).unwrap();
    assert_eq!(helix, b"# mine\n");
    let again = project.succeed(&["new", "two", "--editor", "vscode"]);
    assert!(!again.contains("wrote"), "{again}");
    project.refuse(
        &["new", "two", "--editor", "vscode", "--name", "other"],
        &["zosc::cli::exists"],
    );
    assert_eq!(
        project.run(&["new", "x", "--editor", "ed"]).status.code(),
        Some(2)
    );
}

#[test]
fn new_asks_on_a_terminal_and_takes_the_answers() {
    let project = Project::new(IMAGE);
    // `script` gives the command a terminal.
    let line = format!("{} new asked", env!("CARGO_BIN_EXE_zosc"));
    let output = assert_cmd::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(project.folder.path())
        .write_stdin("3 words\nrouter\nminimal\nserial\nemacs\nhelix\nno\n")
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no `script` to make a terminal");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(
        said.matches("name of the image [asked]: ").count(),
        2,
        "{said}"
    );
    let manifest = std::fs::read_to_string(project.path("asked/zos.kdl")).unwrap();
    assert!(manifest.contains("image router "), "{manifest}");
    assert!(!project.path("asked/.github").exists());
    assert!(project.path("asked/.helix/languages.toml").is_file());
    assert!(!project.path("asked/.vscode").exists());
}
