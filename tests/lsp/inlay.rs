//! Hints behind words of a manifest.

use serde_json::{Value, json};

use crate::client::{Client, HEAD, able};
use crate::locked::Locked;

fn hints(client: &mut Client, lines: (u32, u32)) -> Value {
    let range = json!({
        "start": { "line": lines.0, "character": 0 },
        "end": { "line": lines.1, "character": 0 },
    });
    let document = json!({ "uri": client.uri("zos.kdl") });
    client.request(
        "textDocument/inlayHint",
        json!({ "textDocument": document, "range": range }),
    )
}

/// The text with the hints where they stand.
fn shown(client: &Client, hints: &Value) -> String {
    let text = client.text("zos.kdl");
    let mut shown = text.as_str().to_owned();
    for hint in hints.as_array().unwrap().iter().rev() {
        let place = serde_json::from_value(hint["position"].clone()).unwrap();
        let label = hint["label"].as_str().unwrap();
        shown.insert_str(text.offset(place, client.encoding), &format!(" ⟦{label}⟧"));
    }
    shown
}

#[test]
fn locked_versions_stand_behind_packages() {
    let mut locked = Locked::new(&able());
    assert_eq!(locked.client.offers["inlayHintProvider"], true);
    let text = format!("/* \u{1f980} */ {}", locked.manifest);
    locked.client.open_text("zos.kdl", &text);
    let has_some = |hints: &Value| hints.as_array().is_some_and(|hints| !hints.is_empty());
    let found = locked.until(|client| hints(client, (0, 99)), has_some);
    let shown = shown(&locked.client, &found);
    assert!(shown.contains("install marks ⟦2.1-r3 · "), "{shown}");
    assert!(shown.contains("\"shell\" ⟦1.0-r0"), "{shown}");
    assert_eq!(hints(&mut locked.client, (0, 2)), json!([]));
}

#[test]
fn without_a_lock_and_in_broken_text_nothing_is_made_up() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", &format!("{HEAD}packages {{ install büsybox \""));
    assert_eq!(hints(&mut client, (0, 99)), json!([]));
}
