//! The program itself, over its standard streams.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn run(input: &[u8]) -> Output {
    let mut server = Command::new(env!("CARGO_BIN_EXE_zosc"))
        .arg("lsp")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    server.stdin.take().unwrap().write_all(input).unwrap();
    server.wait_with_output().unwrap()
}

fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn a_conversation_with_bad_messages_in_it_ends_well() {
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": {} } });
    let shutdown = json!({ "jsonrpc": "2.0", "id": "last", "method": "shutdown" });
    let exit = json!({ "jsonrpc": "2.0", "method": "exit" });
    let input = [
        frame(&initialize),
        b"Content-Length: 9\r\n\r\n{\"broken\"".to_vec(),
        b"Nonsense\r\n\r\n".to_vec(),
        frame(&shutdown),
        frame(&exit),
    ];
    let output = run(&input.concat());
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r#""name":"zosc""#), "{told}");
    assert_eq!(told.matches("window/logMessage").count(), 2, "{told}");
    assert!(
        told.ends_with(r#"{"jsonrpc":"2.0","id":"last","result":null}"#),
        "{told}"
    );
    assert!(output.stderr.is_empty());
}

#[test]
fn an_editor_that_goes_without_a_word_is_a_failure() {
    assert_eq!(run(b"").status.code(), Some(1));
}
