//! Conversations from their beginning to their end, orderly or not.

use serde_json::{Value, json};
use zosc::lsp::text::Encoding;

use crate::client::{Client, HEAD, able};

#[test]
fn it_ends_well_where_it_was_asked_to() {
    let mut client = Client::new(&[]);
    client.request("shutdown", Value::Null);
    // Some editors ask twice.
    assert!(client.end());
}

#[test]
fn a_client_that_is_gone_ends_the_server() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", HEAD);
    assert!(!client.vanish());
}

#[test]
fn bytes_are_counted_where_the_client_offers_it() {
    let mut abilities = able();
    abilities["general"] = json!({ "positionEncodings": ["utf-8", "utf-16"] });
    let mut client = Client::able(&abilities, &[]);
    assert_eq!(client.encoding, Encoding::Utf8);
    client.open_text("zos.kdl", &format!("{HEAD}/* \u{1f980} */ pakages {{ }}\n"));
    let told = client.diagnostics("zos.kdl");
    assert_eq!(told[0]["range"]["start"]["character"], 11);
    assert_eq!(Client::new(&[]).offers["positionEncoding"], "utf-16");
}

#[test]
fn a_client_is_offered_no_more_than_it_knows() {
    let plain = Client::plain(&[]);
    assert_eq!(plain.offers.get("codeActionProvider"), None);
    assert_eq!(plain.offers.pointer("/workspace/textDocumentContent"), None);
    let able = Client::new(&[]);
    assert!(able.offers["codeActionProvider"].is_object());
    assert_eq!(able.offers["documentFormattingProvider"], true);
}

#[test]
fn what_is_not_known_is_refused_and_nothing_more() {
    let mut client = Client::new(&[]);
    let refused = client.try_request("textDocument/teleport", json!({}));
    assert!(refused.unwrap_err().starts_with("-32601"));
    let refused = client.try_request("initialize", json!({}));
    assert!(refused.unwrap_err().starts_with("-32600"));
    let none = client.request(
        "textDocument/formatting",
        json!({ "textDocument": { "uri": "file:///nowhere" } }),
    );
    assert_eq!(none, Value::Null);
    client.open_text("zos.kdl", HEAD);
    let refused = client.try_request(
        "textDocument/formatting",
        json!({ "textDocument": { "uri": client.uri("zos.kdl") }, "options": 7 }),
    );
    assert!(refused.unwrap_err().starts_with("-32602"));
    client.notify("$/whatever", json!(7));
    client.notify(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": "file:///nowhere" }, "contentChanges": [{ "text": "" }] }),
    );
    assert_eq!(client.problems("zos.kdl"), "");
}

#[test]
fn a_request_can_be_taken_back() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", HEAD);
    let range =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    let id = client.ask(
        "textDocument/codeAction",
        json!({
            "textDocument": { "uri": client.uri("zos.kdl") },
            "range": range,
            "context": { "diagnostics": [] },
        }),
    );
    client.notify("$/cancelRequest", json!({ "id": id }));
    assert!(client.answer(&id).unwrap_err().starts_with("-32800"));
}

#[test]
fn files_that_a_manifest_names_are_watched() {
    let mut client = Client::new(&[("a.sh", "")]);
    let file = |name: &str| format!("{HEAD}file \"/a\" from=\"{name}\"\n");
    client.open_text("zos.kdl", &file("a.sh"));
    assert_eq!(client.problems("zos.kdl"), "");
    client.change("zos.kdl", &file("b.sh"));
    assert!(client.problems("zos.kdl").contains("b.sh"));
    // What it misses is awaited.
    client.write("b.sh", "");
    client.files_changed(&["b.sh"]);
    client.diagnostics_when("zos.kdl", |_, told| told.is_empty());
    client.request("shutdown", Value::Null);
    let asked: Vec<String> = client.heard.iter().map(ToString::to_string).collect();
    let patterns = ["**/*.lock", "a.sh", "unregister", "b.sh"];
    let mut rest = asked.iter();
    for pattern in patterns {
        assert!(
            rest.any(|asked| asked.contains(pattern)),
            "{pattern}: {asked:#?}"
        );
    }
}

#[test]
fn who_waits_for_a_check_of_a_text_that_is_closed_gets_an_answer() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", &format!("{HEAD}packges {{ }}\n"));
    let place = json!({ "line": 0, "character": 0 });
    let asked = client.ask(
        "textDocument/codeAction",
        json!({
            "textDocument": { "uri": client.uri("zos.kdl") },
            "range": { "start": place, "end": place },
            "context": { "diagnostics": [] },
        }),
    );
    client.close("zos.kdl");
    client.answer(&asked).expect("an answer");
}
