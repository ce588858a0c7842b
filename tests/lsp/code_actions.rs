//! Fixes are offered where their problems are.

use serde_json::{Value, json};

use crate::client::{Client, HEAD};

fn actions(client: &mut Client, place: &Value, only: Option<&str>) -> Vec<Value> {
    let context = match only {
        Some(kind) => json!({ "diagnostics": [], "only": [kind] }),
        None => json!({ "diagnostics": [], "triggerKind": 2 }),
    };
    let answer = client.request(
        "textDocument/codeAction",
        json!({
            "textDocument": { "uri": client.uri("zos.kdl") },
            "range": { "start": place, "end": place },
            "context": context,
        }),
    );
    answer.as_array().unwrap().clone()
}

#[test]
fn a_fix_mends_its_problem() {
    let mut client = Client::new(&[]);
    let place = client.open_text(
        "zos.kdl",
        &format!("{HEAD}/* \u{1f980} */ pack‸ges {{ }}\n"),
    );
    // Asked at once, it waits for the check.
    let found = actions(&mut client, &place, None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["kind"], "quickfix");
    assert_eq!(found[0]["isPreferred"], true);
    assert_eq!(
        found[0]["diagnostics"][0]["code"],
        "zosc::manifest::unknown-node"
    );
    let version = &found[0]["edit"]["documentChanges"][0]["textDocument"]["version"];
    assert_eq!(*version, 1);
    client.apply(&found[0]["edit"]);
    assert_eq!(client.problems("zos.kdl"), "");
    assert!(
        client
            .text("zos.kdl")
            .as_str()
            .ends_with("/* \u{1f980} */ packages { }\n")
    );
}

#[test]
fn everything_beyond_doubt_is_mended_at_once() {
    let mut client = Client::new(&[]);
    let place = client.open_text(
        "zos.kdl",
        &format!("‸{HEAD}pakages {{ }}\nzinit dialect=yaml\nunit a {{ tarjet; env X=true }}\n"),
    );
    let found = actions(&mut client, &place, Some("source.fixAll"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["kind"], "source.fixAll.zosc");
    client.apply(&found[0]["edit"]);
    let text = client.text("zos.kdl");
    assert!(
        text.as_str()
            .ends_with("\npackages { }\nzinit dialect=yaml\nunit a { target; env X=\"true\" }\n"),
        "{}",
        text.as_str()
    );
    assert_eq!(actions(&mut client, &place, Some("source.fixAll")).len(), 0);
}

#[test]
fn what_is_right_can_be_written_otherwise() {
    let mut client = Client::new(&[]);
    let text = format!("{HEAD}/* \u{1f980} */ packages {{ exc‸lude apk-tools \"abuild\" }}\n");
    let place = client.open_text("zos.kdl", &text);
    let found = actions(&mut client, &place, Some("refactor"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["kind"], "refactor.rewrite");
    client.apply(&found[0]["edit"]);
    assert!(
        client
            .text("zos.kdl")
            .as_str()
            .ends_with("{ exclude apk-tools; exclude \"abuild\" }\n")
    );
    assert_eq!(client.problems("zos.kdl"), "");
}

#[test]
fn a_section_that_is_missing_is_added() {
    let mut client = Client::new(&[]);
    let place = client.open_text("zos.kdl", "‸edition 1\n");
    let found = actions(&mut client, &place, Some("quickfix"));
    assert!(
        found[0]["title"]
            .as_str()
            .unwrap()
            .contains("version=\"1.0\""),
        "{found:?}"
    );
    client.apply(&found[0]["edit"]);
    assert_eq!(client.problems("zos.kdl"), "");
    let place = client.change("zos.kdl", &format!("{HEAD}unit ‸a {{ target }}\n"));
    let found = actions(&mut client, &place, Some("quickfix"));
    let titles: Vec<_> = found.iter().map(|action| action["title"].clone()).collect();
    assert_eq!(
        titles,
        ["add `zinit dialect=toml`", "add `zinit dialect=yaml`"]
    );
    client.apply(&found[1]["edit"]);
    assert_eq!(client.problems("zos.kdl"), "");
}

#[test]
fn a_client_without_versions_gets_plain_changes() {
    let mut client = Client::able(
        &json!({ "textDocument": { "codeAction": { "codeActionLiteralSupport": {} } } }),
        &[],
    );
    let place = client.open_text("zos.kdl", &format!("{HEAD}pack‸ges {{ }}\n"));
    let found = actions(&mut client, &place, None);
    assert!(found[0]["edit"].get("documentChanges").is_none());
    client.apply(&found[0]["edit"]);
    assert_eq!(client.problems("zos.kdl"), "");
}
