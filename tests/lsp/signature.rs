//! How the node at the cursor is written.

use serde_json::{Value, json};

use super::client::Client;

/// The line that is shown, with the part at hand in brackets.
fn shown(client: &mut Client, text: &str) -> String {
    let place = client.open_text("zos.kdl", text);
    let help = client.request_at("textDocument/signatureHelp", "zos.kdl", &place);
    if help.is_null() {
        return String::new();
    }
    let signature = &help["signatures"][0];
    let at_hand = help["activeParameter"].as_u64().unwrap() as usize;
    let part = signature["parameters"][at_hand]["label"].as_str().unwrap();
    let label = signature["label"].as_str().unwrap();
    assert!(label.contains(part), "{label}: {part}");
    label.replacen(part, &format!("<{part}>"), 1)
}

#[test]
fn the_part_at_the_cursor_is_marked() {
    let mut client = Client::new(&[]);
    for (text, expected) in [
        (
            "packages { install busybox ‸",
            "install <NAMES…> [version=\"…\"] [tag=\"…\"]",
        ),
        (
            "packages { install a version=‸ }",
            "install NAMES… [<version=\"…\">] [tag=\"…\"]",
        ),
        (
            "packages { install a ta‸g=\"x\" }",
            "install NAMES… [version=\"…\"] [<tag=\"…\">]",
        ),
        (
            "source é { install zinit ‸",
            "install FILE <to=\"…\"> [mode=\"…\"]",
        ),
        (
            "source é { install zinit to=\"/x\" ‸",
            "install FILE to=\"…\" [<mode=\"…\">]",
        ),
        ("unit a { after \"é\" ‸ }", "after <\"…\" …>"),
        ("unit a { env LANG=‸ }", "env <NAME=\"…\" …>"),
        (
            "initramfs compress=‸",
            "initramfs [<compress=none|gzip|xz|zstd>] [level=N] { … }",
        ),
        ("unit a { oneshot ‸ }", ""),
        ("un‸it a", ""),
        ("nothing ‸", ""),
        ("// unit ‸", ""),
    ] {
        assert_eq!(shown(&mut client, text), expected, "{text}");
    }
}

#[test]
fn words_of_a_text_are_no_reason_to_show_it() {
    let mut client = Client::plain(&[]);
    let place = client.open_text("zos.kdl", "unit a { exec \"a ‸\" }");
    let mut ask = |context: Value| {
        let document = json!({ "uri": client.uri("zos.kdl") });
        client.request(
            "textDocument/signatureHelp",
            json!({ "textDocument": document, "position": place, "context": context }),
        )
    };
    let typed = json!({ "triggerKind": 2, "triggerCharacter": " ", "isRetrigger": false });
    assert_eq!(ask(typed), Value::Null);
    let asked = ask(json!({ "triggerKind": 1, "isRetrigger": false }));
    assert!(asked["signatures"][0]["documentation"].is_string());
}
