//! What words are, for editors that colour by meaning.

use serde_json::{Value, json};
use zosc::lsp::text::Text;

use crate::client::{Client, able};

fn coloured(encodings: Value, text: &str, range: Option<Value>) -> String {
    let mut abilities = able();
    abilities["textDocument"]["semanticTokens"] = json!({ "requests": { "full": true } });
    abilities["general"] = json!({ "positionEncodings": encodings });
    let mut client = Client::able(&abilities, &[]);
    client.open_text("zos.kdl", text);
    let document = json!({ "uri": client.uri("zos.kdl") });
    let answer = match range {
        None => client.request(
            "textDocument/semanticTokens/full",
            json!({ "textDocument": document }),
        ),
        Some(range) => client.request(
            "textDocument/semanticTokens/range",
            json!({ "textDocument": document, "range": range }),
        ),
    };
    let types = client.offers["semanticTokensProvider"]["legend"]["tokenTypes"].clone();
    let numbers: Vec<u64> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_u64().unwrap())
        .collect();
    let text = Text::new(text);
    let (mut line, mut column) = (0, 0);
    let mut shown = String::new();
    for token in numbers.chunks(5) {
        column = if token[0] == 0 {
            column + token[1]
        } else {
            token[1]
        };
        line += token[0];
        let at = |character: u64| json!({ "line": line, "character": character });
        let range = json!({ "start": at(column), "end": at(column + token[2]) });
        let bytes = text.bytes(serde_json::from_value(range).unwrap(), client.encoding);
        let declares = if token[4] == 1 { " (declared)" } else { "" };
        let is = types[token[3] as usize].as_str().unwrap();
        shown += &format!("{is:<10} {}{declares}\n", &text.as_str()[bytes]);
    }
    shown
}

const TEXT: &str = r#"// é🦀
/* two
   lines */ unit "é🦀" { exec "/bin/x é"; oneshot; requires a; env X=1 /* in */; nonsense y }
/-unit gone { // with this
    target
}
unit a { log ring /-old; after /-b "é🦀" }
image z arch=x86_64 { title "T" }
publish s3 { key-id (env)S3_KEY }
initramfs level=9 { segments #true }
outputs { efi "v-{kernel}-{source.z.rev}.efi" }
boot { expect "unit a up" }
source z { build cargo toolchain=r
"#;

#[test]
fn every_word_has_its_meaning() {
    let shown = coloured(json!(["utf-16"]), TEXT, None);
    assert_eq!(coloured(json!(["utf-8"]), TEXT, None), shown);
    insta::assert_snapshot!(format!("{TEXT}\n-----\n{shown}"));
}

#[test]
fn a_part_is_coloured_alone() {
    let at = |line: u32| json!({ "line": line, "character": 0 });
    let range = json!({ "start": at(7), "end": at(8) });
    let shown = coloured(json!(["utf-16"]), TEXT, Some(range));
    assert_eq!(shown.lines().count(), 6, "{shown}");
    assert!(shown.starts_with("keyword    image\n"), "{shown}");
}
