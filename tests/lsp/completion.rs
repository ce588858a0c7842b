//! What may be written at the cursor.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::client::{Client, HEAD, edited};
use super::support::oracle::alpine;

/// Items in a line each: what is shown, and the line of the text once it is accepted.
fn proposals(client: &mut Client, name: &str, place: &Value) -> Vec<String> {
    let answer = client.request_at("textDocument/completion", name, place);
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|item| {
            let text = edited(
                &client.text(name),
                &[item["textEdit"].clone()],
                client.encoding,
            );
            let line = item["textEdit"]["range"]["start"]["line"].as_u64().unwrap();
            let line = text.lines().nth(line as usize).unwrap().trim();
            format!("{}: {line}", item["label"].as_str().unwrap())
        })
        .collect()
}

fn manifest(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[test]
fn it_is_offered_with_the_characters_that_ask_for_it() {
    let client = Client::new(&[]);
    let characters = client.offers["completionProvider"]["triggerCharacters"].clone();
    assert!(characters.as_array().unwrap().contains(&json!("\"")));
}

#[test]
fn nodes_come_with_places_to_fill_in_where_the_client_knows_them() {
    let text = manifest("uni‸\n");
    let mut able = Client::new(&[]);
    let place = able.open_text("zos.kdl", &text);
    let answer = able.request_at("textDocument/completion", "zos.kdl", &place);
    let unit = &answer["items"][0];
    assert_eq!(
        (&unit["label"], &unit["insertTextFormat"]),
        (&json!("unit"), &json!(2))
    );
    assert_eq!(
        unit["textEdit"]["newText"],
        "unit ${1:name} {\n    exec \"${2:/usr/bin/name}\"\n    $0\n}"
    );
    assert_eq!(unit["documentation"]["kind"], "markdown");
    let mut plain = Client::plain(&[]);
    let place = plain.open_text("zos.kdl", &text);
    let answer = plain.request_at("textDocument/completion", "zos.kdl", &place);
    let unit = &answer["items"][0];
    assert_eq!(unit["textEdit"]["newText"], "unit");
    assert!(unit.get("insertTextFormat").is_none() && unit["documentation"].is_string());
}

#[test]
fn names_of_imported_files_are_offered_while_the_text_is_broken() {
    let mut client = Client::new(&[("site.kdl", "unit sité { target; }\nunit site { target; }\n")]);
    client.open_text(
        "zos.kdl",
        &manifest("import \"site.kdl\"\nunit a { target; }\n"),
    );
    client.diagnostics("zos.kdl");
    let broken = manifest(
        "import \"site.kdl\"\n// größe 🦀\nunit \"ä\" {\n    exec \"x\n    after ‸\n\nunit a { target; }\n",
    );
    let place = client.change("zos.kdl", &broken);
    let found = proposals(&mut client, "zos.kdl", &place);
    assert_eq!(
        found,
        ["a: after a", "site: after site", "sité: after \"sité\""]
    );
}

#[test]
fn columns_are_counted_as_the_client_counts_them() {
    for encodings in [json!(["utf-8", "utf-16"]), json!(["utf-16"])] {
        let abilities = json!({ "general": { "positionEncodings": encodings } });
        let mut client = Client::able(&abilities, &[]);
        let place = client.open_text("zos.kdl", &manifest("branding { motd \"é🦀\"; hostn‸ }\n"));
        let found = proposals(&mut client, "zos.kdl", &place);
        assert_eq!(found, ["hostname: branding { motd \"é🦀\"; hostname }"]);
    }
}

#[test]
fn files_beside_the_manifest_are_offered() {
    let mut client = Client::plain(&[("keys/ops.pub", ""), ("keys/more/x", "")]);
    let place = client.open_text(
        "zos.kdl",
        &manifest("account root { authorized-keys \"keys/‸\" }\n"),
    );
    let found = proposals(&mut client, "zos.kdl", &place);
    assert_eq!(
        found,
        [
            "keys/more/: account root { authorized-keys \"keys/more/\" }",
            "keys/ops.pub: account root { authorized-keys \"keys/ops.pub\" }"
        ]
    );
}

#[test]
fn without_an_index_the_command_is_named_that_fetches_one() {
    let text = "alpine \"3.22\" { mirror \"https://mirror.example/alpine\"; repository main; key \"std:alpine/6165ee59\"; }\n";
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", &manifest(text));
    client.diagnostics("zos.kdl");
    let place = client.change(
        "zos.kdl",
        &manifest(&format!("{text}packages {{ install bus‸ }}\n")),
    );
    // What caches know is read on a thread of its own.
    let label = loop {
        let answer = client.request_at("textDocument/completion", "zos.kdl", &place);
        assert_eq!(answer["isIncomplete"], true);
        let label = answer["items"][0]["label"].as_str().unwrap().to_owned();
        if !label.contains("being read") {
            break label;
        }
    };
    assert_eq!(label, "`zosc lock` fetches the names of packages");
}

#[test]
fn a_space_alone_asks_for_nothing_where_a_block_is_indented() {
    let mut client = Client::new(&[]);
    let place = client.open_text("zos.kdl", &manifest("unit a {\n  ‸\n}\n"));
    let answer = client.request(
        "textDocument/completion",
        json!({
            "textDocument": { "uri": client.uri("zos.kdl") },
            "position": place,
            "context": { "triggerKind": 2, "triggerCharacter": " " },
        }),
    );
    assert_eq!(answer, Value::Null);
}

#[test]
fn alpines_own_index_is_asked_while_one_types() {
    let Some(alpine) = alpine() else { return };
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/zero-os");
    let key = std::fs::read_dir(alpine.join("keys")).unwrap().next();
    let key = key.unwrap().unwrap().path().canonicalize().unwrap();
    let mirror = format!("file://{}", alpine.canonicalize().unwrap().display());
    let text = std::fs::read_to_string(shipped.join("zos.kdl")).unwrap();
    let text = text
        .replace("alpine \"3.22\"", "alpine \"3.19\"")
        .replace("https://dl-cdn.alpinelinux.org/alpine", &mirror)
        .replace("std:alpine/6165ee59", &key.display().to_string());
    let mut client = Client::new(&[]);
    for name in [
        "kernel/zero-os.config",
        "rootfs/sysctl.conf",
        "rootfs/mycelium-peers",
    ] {
        client.write(name, &std::fs::read_to_string(shipped.join(name)).unwrap());
    }
    client.open_text("zos.kdl", &text);
    let problems = client.problems("zos.kdl");
    assert!(!problems.contains(" error "), "{problems}");
    let typing = text.replacen("install redis", "install redis\n    install openssh-s‸", 1);
    let place = client.change("zos.kdl", &typing);
    let mut found = proposals(&mut client, "zos.kdl", &place);
    while found[0].contains("are being read") {
        found = proposals(&mut client, "zos.kdl", &place);
    }
    assert!(
        found.contains(&"openssh-sftp-server: install openssh-sftp-server".to_owned()),
        "{found:?}"
    );
    let mut times: Vec<_> = ["", "o", "op", "ossh", "py3-", "nginx", "-doc"]
        .iter()
        .flat_map(|typed| {
            let typed = text.replacen("install redis", &format!("install {typed}‸"), 1);
            let place = client.change("zos.kdl", &typed);
            (0..3)
                .map(|_| {
                    let start = Instant::now();
                    client.request_at("textDocument/completion", "zos.kdl", &place);
                    start.elapsed()
                })
                .collect::<Vec<_>>()
        })
        .collect();
    times.sort();
    eprintln!(
        "completed in {:?} at the median, {:?} at most",
        times[times.len() / 2],
        times.last()
    );
}
