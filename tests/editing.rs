//! Commands that write into manifests, as their users meet them.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

/// A folder with manifests.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = folder.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::cargo_bin("zosc").unwrap();
        command
            .current_dir(self.0.path())
            .env("ZOSC_STORE", self.path("store"))
            .args(arguments);
        command
    }

    /// Runs a command that must end with this code; returns standard output and standard error.
    fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        texts(self.command(arguments).output().unwrap(), code)
    }
}

fn texts(output: Output, code: i32) -> (String, String) {
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

#[test]
fn fmt_writes_what_changes_and_nothing_else() {
    let folder = Folder::new(&[
        ("zos.kdl", "edition 1\nimage a{title \"A\";}\n"),
        ("units/b.kdl", "edition   1\n"),
        ("units/fine.kdl", "edition 1\n"),
        ("units/.hidden.kdl", "edition   1\n"),
        ("units/broken.kdl", "edition 6.6.6\n\n\n"),
    ]);
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.path("zos.kdl"), mode).unwrap();

    let (_, said) = folder.run(&["fmt", "--check"], 1);
    assert!(said.contains("zosc::cli::not-formatted"), "{said}");
    assert!(said.contains("becomes `image a { title \"A\" }`"), "{said}");
    assert_eq!(folder.read("zos.kdl"), "edition 1\nimage a{title \"A\";}\n");

    let (_, said) = folder.run(&["fmt", "zos.kdl", "units"], 1);
    assert!(said.contains("formatted zos.kdl"), "{said}");
    assert!(said.contains("formatted units/b.kdl"), "{said}");
    assert!(!said.contains("fine"), "{said}");
    assert!(said.contains("zosc::syntax::quote-it"), "{said}");
    assert_eq!(
        folder.read("zos.kdl"),
        "edition 1\nimage a { title \"A\" }\n"
    );
    assert_eq!(folder.read("units/b.kdl"), "edition 1\n");
    assert_eq!(folder.read("units/.hidden.kdl"), "edition   1\n");
    assert_eq!(folder.read("units/broken.kdl"), "edition 6.6.6\n\n\n");
    let metadata = std::fs::metadata(folder.path("zos.kdl")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);

    let (_, said) = folder.run(&["fmt"], 0);
    assert!(said.contains("nothing to change"), "{said}");
    folder.run(&["fmt", "--check", "units/b.kdl"], 0);
}

#[test]
fn fmt_reads_standard_input_and_says_what_it_cannot_use() {
    let folder = Folder::new(&[]);
    let mut command = folder.command(&["fmt", "-"]);
    let (out, _) = texts(command.write_stdin("a{b;}").output().unwrap(), 0);
    assert_eq!(out, "a { b }\n");
    let mut command = folder.command(&["fmt", "-", "--check"]);
    let (out, said) = texts(command.write_stdin("a{b;}").output().unwrap(), 1);
    assert_eq!(out, "");
    assert!(said.contains("not-formatted"), "{said}");

    let (_, said) = folder.run(&["fmt", "."], 1);
    assert!(said.contains("zosc::cli::no-manifests"), "{said}");
    let (_, said) = folder.run(&["fmt", "none.kdl"], 1);
    assert!(said.contains("zosc::cli::cannot-read"), "{said}");
}

const MISTAKEN: &str = "edition 1
image zos version=6.10
import \"units/site.kdl\"
import \"std:zero-os/modules\"
zinit dialect=toml
unit a { target; requires sit; }
outputs { initramfs initrd.cpio.xz }
";

#[test]
fn check_writes_safe_fixes_and_reports_the_rest() {
    let folder = Folder::new(&[
        ("zos.kdl", MISTAKEN),
        (
            "units/site.kdl",
            "edition 1\nunit site { oneshot yes; exec /bin/true }\n",
        ),
    ]);
    let (out, said) = folder.run(&["check", "--fix", "--dry-run"], 1);
    assert!(
        said.contains("would fix zos.kdl:2 put it in quotes: 6.10 → \"6.10\""),
        "{said}"
    );
    assert!(
        out.contains("--- zos.kdl\n+++ zos.kdl\n@@ -1,5 +1,5 @@\n"),
        "{out}"
    );
    assert!(
        out.contains("\n-image zos version=6.10\n+image zos version=\"6.10\"\n"),
        "{out}"
    );
    assert_eq!(folder.read("zos.kdl"), MISTAKEN);

    let (out, said) = folder.run(&["check", "--fix"], 1);
    assert_eq!(out, "");
    assert!(
        said.contains("fixed zos.kdl:2 put it in quotes: 6.10 → \"6.10\""),
        "{said}"
    );
    assert!(
        said.contains("fixed units/site.kdl:2 write `#true`: yes → #true"),
        "{said}"
    );
    assert!(
        said.contains("there is no unit `sit`"),
        "a guess needs a look: {said}"
    );
    assert_eq!(
        folder.read("units/site.kdl"),
        "edition 1\nunit site { oneshot #true; exec \"/bin/true\" }\n"
    );
    let fixed = folder.read("zos.kdl");
    let (_, said) = folder.run(&["check", "--fix"], 1);
    assert!(!said.contains("fixed"), "{said}");
    assert_eq!(folder.read("zos.kdl"), fixed);
}
