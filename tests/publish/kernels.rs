//! EFI programs and their index, in a bucket of a real server.

use std::process::Stdio;
use std::time::Duration;

use crate::place::BUCKET;
use crate::s3::{Proxy, Server};
use crate::site::{Site, files, index, told};

#[test]
fn what_is_published_is_there_and_is_not_sent_again() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let Some(site) = Site::for_bucket(&proxy.endpoint(), BUCKET) else {
        return;
    };
    let said = site.succeed(&["build", "--publish"]);
    assert!(
        said.contains("1 sent") && said.contains("1 copied"),
        "{said}"
    );
    let kernels = server.bucket(BUCKET).join("releases/kernel");
    let there = files(&kernels);
    let names: Vec<&str> = there.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "index.html",
            "kernels.json",
            "kernels.txt",
            "vmlinuz-1.efi",
            "vmlinuz-1.efi.json",
            "vmlinuz.efi",
            "vmlinuz.efi.json",
        ]
    );
    let built = std::fs::read(site.path("dist/vmlinuz.efi")).unwrap();
    assert!(there["vmlinuz.efi"] == built && there["vmlinuz-1.efi"] == built);
    let (names, json) = index(&kernels);
    assert_eq!(names.len(), 2);
    for name in ["vmlinuz.efi", "vmlinuz-1.efi"] {
        let description = &json["details"][name]["description"];
        assert_eq!(description["sha256"], site.digest().to_string(), "{json:#}");
        assert_eq!(description["image"], "zos");
    }
    let stable = &json["details"]["vmlinuz.efi"]["description"];
    assert_eq!(stable["stands_for"], "vmlinuz-1.efi");

    let before = proxy.sent();
    let said = site.succeed(&["publish"]);
    assert!(said.contains("nothing to do, 2 there already"), "{said}");
    let sent = proxy.sent() - before;
    assert!(sent < 64 << 10, "{sent} bytes were sent for nothing");
    assert!(files(&kernels) == there);

    // Programs hear of the same.
    let lines = site.succeed(&["publish", "--message-format", "json"]);
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["done"]["keep"]["count"], 2, "{lines}");
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let Some(site) = Site::for_bucket(&server.endpoint(), BUCKET) else {
        return;
    };
    let said = site.fail(&["publish", "--dry-run"]);
    assert!(said.contains("zosc::publish::not-built"), "{said}");
    site.succeed(&["build"]);
    let said = site.succeed(&["publish", "--dry-run"]);
    for line in [
        "send releases/kernel/vmlinuz-1.efi",
        "copy releases/kernel/vmlinuz.efi",
        "write releases/kernel/kernels.json",
    ] {
        let line = line.replace("releases/", "");
        assert!(said.contains(&line), "{line}:\n{said}");
    }
    assert!(files(&server.bucket(BUCKET)).is_empty());
}

#[test]
fn publishers_who_meet_lose_nothing_of_each_other() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let sites: Option<Vec<Site>> = (0..3)
        .map(|_| Site::for_bucket(&server.endpoint(), BUCKET))
        .collect();
    let Some(sites) = sites else { return };
    for (site, version) in sites.iter().zip(1..) {
        site.succeed(&["build", "--set", &format!("image.version={version}")]);
    }
    let children = sites.iter().zip(1..).map(|(site, version)| {
        let version = format!("image.version={version}");
        site.command(&["publish", "--set", &version])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let children: Vec<_> = children.collect();
    for child in children {
        let output = told(child.wait_with_output().unwrap());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let kernels = server.bucket(BUCKET).join("releases/kernel");
    let (mut names, json) = index(&kernels);
    names.sort();
    assert_eq!(
        names,
        [
            "vmlinuz-1.efi",
            "vmlinuz-2.efi",
            "vmlinuz-3.efi",
            "vmlinuz.efi"
        ]
    );
    // Whose program is the stable one is for the server to say, and this one copies bytes and what it knows of them one after the other.
    for (site, version) in sites.iter().zip(1..) {
        let description = &json["details"][format!("vmlinuz-{version}.efi")]["description"];
        assert_eq!(description["sha256"], site.digest().to_string());
    }
}

#[test]
fn the_stable_name_and_the_index_change_last() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let Some(site) = Site::for_bucket(&proxy.endpoint(), BUCKET) else {
        return;
    };
    site.publish(1);
    let kernels = server.bucket(BUCKET).join("releases/kernel");
    let before = files(&kernels);
    site.succeed(&["build", "--set", "image.version=2"]);
    proxy.set_pause(Duration::from_millis(40));
    let sent = proxy.sent();
    let mut child = site
        .command(&["publish", "--set", "image.version=2"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while proxy.sent() - sent < 1 << 20 {
        assert!(child.try_wait().unwrap().is_none(), "it has ended already");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Ctrl-C, in the middle of the program.
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let after = files(&kernels);
    for (name, bytes) in &before {
        assert!(after[name] == *bytes, "{name} has changed");
    }
    proxy.set_pause(Duration::ZERO);
    site.succeed(&["publish", "--set", "image.version=2"]);
    let (names, json) = index(&kernels);
    assert_eq!(names.len(), 3);
    let stable = &json["details"]["vmlinuz.efi"]["description"];
    assert_eq!(stable["sha256"], site.digest().to_string());
}

#[test]
fn old_programs_of_this_image_are_pruned_and_no_others() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let Some(site) = Site::for_bucket(&server.endpoint(), BUCKET) else {
        return;
    };
    let kernels = server.bucket(BUCKET).join("releases/kernel");
    for version in 1..=3 {
        site.publish(version);
        // Times of servers are whole seconds.
        std::thread::sleep(Duration::from_millis(1100));
    }
    std::fs::write(kernels.join("by-hand.efi"), "MZ").unwrap();
    site.succeed(&["build", "--set", "image.version=4"]);
    let arguments = ["publish", "--prune", "2", "--set", "image.version=4"];
    let said = site.succeed(&[&arguments[..], &["--dry-run"]].concat());
    for old in ["vmlinuz-1.efi", "vmlinuz-2.efi"] {
        assert!(said.contains(&format!("remove kernel/{old}")), "{said}");
    }
    assert!(!said.contains("remove kernel/vmlinuz-3.efi"), "{said}");
    let said = site.succeed(&arguments);
    assert!(said.contains("2 removed"), "{said}");
    let (mut names, _) = index(&kernels);
    names.sort();
    let left = [
        "by-hand.efi",
        "vmlinuz-3.efi",
        "vmlinuz-4.efi",
        "vmlinuz.efi",
    ];
    assert_eq!(names, left);
    let there = files(&kernels);
    assert!(!there.keys().any(|name| name.starts_with("vmlinuz-1")));
}

#[test]
fn a_bucket_of_five_thousand_kernels_is_no_burden() {
    const COUNT: usize = 5000;
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let Some(site) = Site::for_bucket(&proxy.endpoint(), BUCKET) else {
        return;
    };
    let kernels = server.bucket(BUCKET).join("releases/kernel");
    std::fs::create_dir_all(&kernels).unwrap();
    for number in 0..COUNT {
        let name = format!("zos-{number:04}.efi");
        let sha256 = zosc::tree::Digest::of(name.as_bytes());
        std::fs::write(kernels.join(&name), "MZ").unwrap();
        let description = serde_json::json!({
            "sha256": sha256, "size": 2, "image": "zos", "version": number.to_string(), "kernel": "6.1", "versioned": true,
        });
        std::fs::write(
            kernels.join(format!("{name}.json")),
            description.to_string(),
        )
        .unwrap();
    }
    let begun = std::time::Instant::now();
    site.publish(1);
    println!(
        "the first index of {COUNT} took {:.1} s",
        begun.elapsed().as_secs_f32()
    );
    let (names, json) = index(&kernels);
    assert_eq!(names.len(), COUNT + 2);
    let one = &json["details"]["zos-4999.efi"]["description"];
    assert_eq!(one["version"], "4999");

    // All that is known is in the index: no description is read again.
    let before = proxy.sent();
    let begun = std::time::Instant::now();
    site.succeed(&["publish", "--dry-run", "--prune", "5000"]);
    println!(
        "looking at {COUNT} took {:.1} s",
        begun.elapsed().as_secs_f32()
    );
    let sent = proxy.sent() - before;
    assert!(sent < 64 << 10, "{sent} bytes were sent to look");
    let begun = std::time::Instant::now();
    site.publish(2);
    println!(
        "one more of {COUNT} took {:.1} s",
        begun.elapsed().as_secs_f32()
    );
    assert_eq!(index(&kernels).0.len(), COUNT + 3);
}
