//! Options, variables and the user's file about servers: what wins, what is told, and that no token is ever printed.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;

const TOKEN: &str = "planted-token-7d20f1";

/// Options, and variables that are set.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// An image that runs nothing, so that no server is asked.
const MANIFEST: &str = r#"edition 1
image test version="1" { epoch "2026-01-01T00:00:00Z" }
file "/init" mode="0755" from=busybox
initramfs compress=none
outputs { initramfs "initramfs.cpio" }
"#;

struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zos.kdl"), MANIFEST).unwrap();
        let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox"));
        std::fs::write(folder.path().join("busybox"), busybox.unwrap()).unwrap();
        Self { folder }
    }

    /// With a file of the user's.
    fn with(configuration: &str) -> Self {
        let project = Self::new();
        let folder = project.folder.path().join("config/zosc");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.kdl"), configuration).unwrap();
        project
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = assert_cmd::Command::cargo_bin("zosc").unwrap();
        for (variable, _) in zosc::configuration::VARIABLES {
            command.env_remove(variable);
        }
        command
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.folder.path().join("store"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env_remove("ZOSC_CONFIG")
            .env_remove("ZOSC_EXECUTOR")
            .env_remove("SOURCE_DATE_EPOCH")
            .envs(environment.iter().copied())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Everything that a command writes, and whether it succeeded. A token is in none of it.
    fn said(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
        let output = self.run(arguments, environment);
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        assert!(
            !said.contains(TOKEN),
            "{arguments:?} tells a token:\n{said}"
        );
        (output.status.success(), said)
    }

    fn fails(&self, arguments: &[&str], environment: &[(&str, &str)], code: &str) -> String {
        let (succeeded, said) = self.said(arguments, environment);
        assert!(
            !succeeded && said.contains(code),
            "{arguments:?}, {code}:\n{said}"
        );
        said
    }
}

/// Whether any file below a folder holds the token.
fn keeps_the_token(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return keeps_the_token(&path);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes())
    })
}

#[test]
fn a_server_that_nothing_needs_is_not_asked() {
    let project = Project::with(
        "executor remote\nremote \"grpcs://build.invalid\" { cache; header x-team=zos; }\n",
    );
    let (succeeded, said) = project.said(&["build"], &[("ZOSC_REMOTE_TOKEN", TOKEN)]);
    assert!(succeeded, "{said}");
    assert!(!keeps_the_token(project.folder.path()));
}

#[test]
fn what_makes_no_sense_is_told_where_it_was_typed() {
    let project = Project::new();
    let said = project.fails(
        &["build", "--executor", "remote"],
        &[],
        "zosc::configuration::no-server",
    );
    assert!(said.contains("--remote grpcs://HOST:PORT"), "{said}");
    assert!(said.contains("config/zosc/config.kdl"), "{said}");
    let said = project.fails(
        &[
            "build",
            "--executor",
            "remote",
            "--remote",
            "https://build.example",
        ],
        &[],
        "zosc::configuration::bad-address",
    );
    assert!(
        said.contains("write `grpcs://build.example`") && said.contains("<command line>"),
        "{said}"
    );
    let said = project.fails(
        &["build"],
        &[
            ("ZOSC_REMOTE", "grpcs://build.example"),
            ("ZOSC_REMOTE_JOBS", "all"),
        ],
        "zosc::configuration::bad-value",
    );
    assert!(
        said.contains("<environment>") && said.contains("ZOSC_REMOTE_JOBS=all"),
        "{said}"
    );
    project.fails(
        &["shell", "enter", "a", "--executor", "remote"],
        &[],
        "zosc::cli::only-here",
    );
    project.fails(
        &["build"],
        &[("ZOSC_CONFIG", "none.kdl")],
        "zosc::configuration::unreadable",
    );
    project.fails(
        &["build"],
        &[("ZOSC_EXECUTOR", "fleet")],
        "zosc::build::unknown-executor",
    );
}

/// As after `su`, which may leave `HOME` as it was.
#[test]
fn a_home_of_somebody_else_has_no_configuration() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: becoming another user takes root");
        return;
    }
    let project = Project::with("executor fleet\n");
    let (succeeded, said) = project.said(&["build"], &[]);
    assert!(!succeeded && said.contains("config.kdl"), "{said}");
    let config = project.folder.path().join("config");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o700)).unwrap();
    let theirs = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(project.folder.path(), theirs).unwrap();
    let program = project.folder.path().join("zosc");
    std::fs::copy(env!("CARGO_BIN_EXE_zosc"), &program).unwrap();
    let output = std::process::Command::new(program)
        .current_dir(project.folder.path())
        .env("XDG_CONFIG_HOME", &config)
        .env("ZOSC_STORE", project.folder.path().join("their-store"))
        .arg("build")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_server_that_would_not_be_used_is_a_warning() {
    let project = Project::new();
    let (succeeded, said) = project.said(&["build", "--remote", "grpcs://build.example"], &[]);
    assert!(
        succeeded && said.contains("zosc::configuration::unused-server"),
        "{said}"
    );
    let (succeeded, said) = project.said(&["build"], &[("ZOSC_REMOTE", "grpcs://build.example")]);
    assert!(succeeded && !said.contains("unused-server"), "{said}");
    let (succeeded, said) = project.said(
        &[
            "build",
            "--remote",
            "grpcs://build.example",
            "--remote-cache",
        ],
        &[],
    );
    assert!(succeeded && !said.contains("unused-server"), "{said}");
}

#[test]
fn tokens_are_read_when_they_are_used() {
    let project =
        Project::with("remote \"grpcs://build.example\" {\n    token (env)ZOSC_TEST_TOKEN\n}\n");
    let (succeeded, said) = project.said(&["build"], &[]);
    assert!(succeeded, "nothing uses the server: {said}");
    let said = project.fails(
        &["build", "--remote-cache"],
        &[],
        "zosc::configuration::missing-variable",
    );
    assert!(
        said.contains("ZOSC_TEST_TOKEN") && said.contains("config.kdl"),
        "{said}"
    );
    let broken = format!("{TOKEN}\nsecond line");
    project.fails(
        &["build", "--remote-cache"],
        &[("ZOSC_TEST_TOKEN", &broken)],
        "zosc::configuration::bad-header",
    );
}

#[test]
fn a_token_in_clear_is_told_first() {
    let asking = |address: &str| {
        let arguments = ["remote", "check", "--remote", address];
        let more = ["--remote-timeout", "1s", "--message-format", "json"];
        let (_, said) = Project::new().said(
            &[&arguments[..], &more].concat(),
            &[("ZOSC_REMOTE_TOKEN", TOKEN)],
        );
        let first = said.lines().next().unwrap_or_default().to_owned();
        first.contains("zosc::configuration::secret-in-clear")
    };
    assert!(asking("grpc://192.0.2.1:1"));
    assert!(!asking("grpc://127.0.0.1:1"));
    assert!(!asking("grpcs://192.0.2.1:1"));
}

#[test]
fn a_token_is_in_nothing_that_is_said_or_kept() {
    let literal = format!("authorization=Bearer {TOKEN}");
    let user = format!("grpcs://me:{TOKEN}@build.example");
    // Takes connections and answers nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("grpc://{}", listener.local_addr().unwrap());
    let remote = ["remote", "check", "--remote", address.as_str()];
    let typed: &[Case<'_>] = &[
        (&["--remote-header", &literal], &[]),
        (&["--remote-header", TOKEN], &[]),
        (
            &["--remote-header", &literal, "--remote-header", &literal],
            &[],
        ),
        (
            &["--remote-header", "x-key=(env)ZOSC_TEST_TOKEN"],
            &[("ZOSC_TEST_TOKEN", TOKEN)],
        ),
        (&["--remote-jobs", "none"], &[("ZOSC_REMOTE_TOKEN", TOKEN)]),
        (
            &["--remote-instance", "a"],
            &[("ZOSC_REMOTE_HEADER", &literal)],
        ),
        (&["--remote", &user], &[]),
    ];
    let project = Project::new();
    for (more, environment) in typed {
        for format in ["human", "json"] {
            let mut arguments = remote.to_vec();
            arguments.extend(["--message-format", format, "--remote-timeout", "1s"]);
            // Nobody waits for a server that answers nothing.
            let is_asked = !more.contains(&"--remote-jobs");
            arguments.extend(more.iter());
            if is_asked {
                arguments.extend(["--remote-ca", "none.pem"]);
            }
            let (succeeded, said) = project.said(&arguments, environment);
            assert!(!succeeded, "{said}");
        }
    }
    for written in [
        format!("remote \"grpcs://h\" {{ header authorization=\"Bearer {TOKEN}\"; }}"),
        format!("remote \"grpcs://h\" {{ token \"{TOKEN}\"; }}"),
        format!("remote \"grpcs://h\" {{ header x-a=\"{TOKEN}\" x-a=\"{TOKEN}\"; jobs 0; }}"),
        format!("remote \"grpcs://h\" {{ header x-a=\"{TOKEN}\" }} jobs 0"),
    ] {
        let project = Project::with(&written);
        for format in ["human", "json"] {
            let (succeeded, said) = project.said(&["build", "--message-format", format], &[]);
            assert!(!succeeded, "{written}: {said}");
        }
    }
    assert!(!keeps_the_token(project.folder.path()));
}

#[test]
fn the_book_and_the_help_know_every_option_and_variable() {
    let page = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/configuration.md"
    ));
    let page = page.unwrap();
    for (variable, _) in zosc::configuration::VARIABLES {
        assert!(page.contains(variable), "{variable} is not in the book");
    }
    let project = Project::new();
    for command in [
        &["build"][..],
        &["watch"],
        &["sbom"],
        &["provenance"],
        &["remote", "check"],
    ] {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let (succeeded, help) = project.said(&arguments, &[]);
        assert!(succeeded);
        let options: Vec<&str> = help
            .split_whitespace()
            .filter(|word| word.starts_with("--remote") || word.starts_with("--no-remote"))
            .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
            .collect();
        assert!(options.len() >= 12, "{command:?}: {options:?}");
        for option in options {
            assert!(page.contains(option), "{option} is not in the book");
        }
    }
}
