//! Formatting replaces what differs, and nothing else.

use serde_json::{Value, json};

use crate::client::{Client, HEAD, edited};

fn formatted(client: &mut Client, range: Option<Value>) -> Value {
    let document = json!({ "uri": client.uri("zos.kdl") });
    let options = json!({ "tabSize": 4, "insertSpaces": true });
    match range {
        None => client.request(
            "textDocument/formatting",
            json!({ "textDocument": document, "options": options }),
        ),
        Some(range) => client.request(
            "textDocument/rangeFormatting",
            json!({ "textDocument": document, "options": options, "range": range }),
        ),
    }
}

const UNTIDY: &str = "/* \u{1f980} */   packages   {\ninstall busybox\n}\n";

#[test]
fn only_places_that_change_are_sent() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", &format!("{HEAD}{UNTIDY}"));
    let edits = formatted(&mut client, None);
    let edits = edits.as_array().unwrap();
    let text = client.text("zos.kdl");
    let tidy = "/* \u{1f980} */ packages {\n    install busybox\n}\n";
    assert_eq!(
        edited(&text, edits, client.encoding),
        format!("{HEAD}{tidy}")
    );
    assert!(
        edits.len() > 1
            && edits
                .iter()
                .all(|edit| edit["range"]["start"]["line"].as_u64() > Some(1))
    );
}

#[test]
fn a_part_is_laid_out_alone() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", &format!("{HEAD}{UNTIDY}"));
    let range =
        json!({ "start": { "line": 3, "character": 0 }, "end": { "line": 4, "character": 0 } });
    let edits = formatted(&mut client, Some(range));
    let text = edited(
        &client.text("zos.kdl"),
        edits.as_array().unwrap(),
        client.encoding,
    );
    assert_eq!(
        text,
        format!("{HEAD}{}", UNTIDY.replace("install", "    install"))
    );
}

#[test]
fn a_broken_text_stays() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", "packages   { install \"");
    assert_eq!(formatted(&mut client, None), Value::Null);
}
