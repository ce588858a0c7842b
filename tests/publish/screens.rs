//! What people see when a place cannot be used, and where else things go: folders, nowhere.

use crate::place::BUCKET;
use crate::s3::{SECRET, Server};
use crate::site::{Site, files, index, told};

#[test]
fn wrong_keys_and_missing_buckets_are_told_together_before_anything_is_sent() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let sections = format!(
        r#"publish s3 endpoint="{0}" bucket=absent {{ key-id (env)PUBLISH_ID; secret (env)PUBLISH_SECRET; index kernels }}
publish s3 endpoint="{0}" bucket=images {{ key-id (env)PUBLISH_ID; secret (env)WRONG_SECRET; index kernels }}
publish dir "published" {{ index kernels }}
"#,
        server.endpoint()
    );
    let Some(site) = Site::new(&sections) else {
        return;
    };
    site.succeed(&["build"]);
    let output = site
        .command(&["publish"])
        .env("WRONG_SECRET", "planted-wrong-secret")
        .output()
        .unwrap();
    let output = told(output);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("planted-wrong-secret") && !said.contains(SECRET));
    let screen = said.replace(&server.address, "127.0.0.1:9000");
    insta::assert_snapshot!("wrong_keys_and_missing_buckets", screen);
    assert!(files(&server.bucket(BUCKET)).is_empty());
    assert!(!site.path("published").exists());
}

#[test]
fn a_folder_gets_the_same_layout_and_only_what_it_lacks() {
    let Some(site) = Site::new("") else { return };
    let said = site.fail(&["publish"]);
    assert!(said.contains("zosc::cli::no-place"), "{said}");
    site.succeed(&["build"]);
    site.succeed(&["publish", "dir", "out"]);
    let there = files(&site.path("out"));
    let names: Vec<&str> = there.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "kernel/index.html",
            "kernel/kernels.json",
            "kernel/kernels.txt",
            "kernel/vmlinuz-1.efi",
            "kernel/vmlinuz-1.efi.json",
            "kernel/vmlinuz.efi",
            "kernel/vmlinuz.efi.json",
        ]
    );
    let (names, json) = index(&site.path("out/kernel"));
    assert_eq!(names[0], "vmlinuz.efi");
    let description = &json["details"]["vmlinuz.efi"]["description"];
    assert_eq!(description["sha256"], site.digest().to_string());
    let said = site.succeed(&["publish", "dir", "out"]);
    assert!(said.contains("nothing to do"), "{said}");
    assert!(files(&site.path("out")) == there);

    // The content decides, not the time.
    let path = site.path("out/kernel/vmlinuz.efi");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let said = site.succeed(&["publish", "dir", "out"]);
    assert!(said.contains("1 copied"), "{said}");
    assert!(std::fs::read(&path).unwrap() == there["kernel/vmlinuz.efi"]);
}

#[test]
fn variables_of_the_builder_before_publish_what_they_name() {
    let Some(site) = Site::new("publish dir \"published\" { index kernels }\n") else {
        return;
    };
    let build = |name: &str| {
        let output = site.command(&["build"]).env(name, "true").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    let said = build("UPLOAD_MANIFESTS");
    assert!(said.contains("`UPLOAD_MANIFESTS` has no effect"), "{said}");
    assert!(!site.path("published").exists());
    let said = build("UPLOAD_KERNEL");
    let told = "EFI programs and their index are published after the build, by UPLOAD_KERNEL";
    assert!(said.contains(told), "{said}");
    assert!(site.path("published/kernel/vmlinuz.efi").exists());
}

#[test]
fn a_place_on_the_command_line_must_be_one() {
    let Some(site) = Site::new("") else { return };
    site.succeed(&["build"]);
    for place in [
        ["s3", "bucket"],
        ["oci", "https://ghcr.io/a"],
        ["oci", "ghcr.io"],
    ] {
        let said = site.fail(&["publish", place[0], place[1]]);
        assert!(said.contains("zosc::cli::bad-place"), "{said}");
    }
}
