//! Promises of the language server about whatever an editor sends.

use std::io::{BufReader, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use zosc::lsp::{Options, serve_streams};

const PLACE: &str = "file:///fuzz/none/zos.kdl";

/// What an editor asks about a place in a text.
const ASKED: [&str; 20] = [
    "textDocument/completion",
    "textDocument/hover",
    "textDocument/signatureHelp",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/prepareRename",
    "textDocument/rename",
    "textDocument/inlayHint",
    "textDocument/codeLens",
    "textDocument/formatting",
    "textDocument/rangeFormatting",
    "textDocument/documentLink",
    "textDocument/documentSymbol",
    "textDocument/foldingRange",
    "textDocument/selectionRange",
    "textDocument/semanticTokens/full",
    "textDocument/semanticTokens/range",
    "workspace/symbol",
    "textDocument/didChange",
];

/// Talks to the server. An input that begins with `C` is what goes over the wire; any other is a text, and behind a NUL what is
/// asked about it, three bytes each: a request, a line, a character. Each request gets one answer, and none is that something
/// broke.
pub fn editor(bytes: &[u8]) {
    if bytes.starts_with(b"C") {
        session(bytes.to_vec(), 0);
        return;
    }
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (input, requests) = conversation(&text, parts.next().unwrap_or_default());
    let answers = answers(&session(input, requests));
    assert_eq!(answers, requests + 1, "each request, and the goodbye");
}

/// An editor's side of a conversation, and how many answers it waits for.
fn conversation(text: &str, asked: &[u8]) -> (Vec<u8>, usize) {
    let mut input = Vec::new();
    let mut requests = 0;
    let mut say = |method: &str, parameters: Value| {
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": parameters });
        if !method.starts_with("textDocument/did") && method != "initialized" {
            requests += 1;
            message["id"] = requests.into();
        }
        input.extend(frame(&message));
    };
    say("initialize", json!({ "capabilities": {}, "rootUri": null }));
    say("initialized", json!({}));
    let document = json!({ "uri": PLACE, "languageId": "kdl", "version": 1, "text": text });
    say("textDocument/didOpen", json!({ "textDocument": document }));
    for (number, asked) in asked.chunks_exact(3).take(32).enumerate() {
        let position = json!({ "line": asked[1], "character": asked[2] });
        let range = json!({ "start": { "line": 0, "character": asked[1] }, "end": position });
        let method = ASKED[usize::from(asked[0]) % ASKED.len()];
        let mut parameters = json!({
            "textDocument": { "uri": PLACE, "version": number + 2 },
            "position": position,
            "positions": [position],
            "range": range,
            "newName": "other",
            "query": "a",
            "context": { "includeDeclaration": true },
            "options": { "tabSize": 4, "insertSpaces": true },
        });
        if method == "textDocument/didChange" {
            parameters["contentChanges"] = json!([{ "range": range, "text": "é\n{" }]);
        }
        say(method, parameters);
    }
    (input, requests)
}

fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Everything that the server says to an input, after which the editor waits for so many answers before it says goodbye.
fn session(input: Vec<u8>, requests: usize) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        store: folder.path().join("store"),
    };
    let heard = Arc::new(Heard::default());
    let goodbye = ["shutdown", "exit"].map(|method| {
        let id = (method == "shutdown").then_some("goodbye");
        frame(&json!({ "jsonrpc": "2.0", "id": id, "method": method }))
    });
    let said = Said {
        parts: vec![goodbye.concat(), input],
        requests,
        heard: Arc::clone(&heard),
    };
    let output = Output(Arc::clone(&heard));
    serve_streams(BufReader::new(said), output, &options).expect("serves");
    let messages = heard.messages();
    for message in &messages {
        assert_ne!(message["error"]["code"], json!(-32603), "{message}");
    }
    messages
}

fn answers(messages: &[Value]) -> usize {
    let answers = messages
        .iter()
        .filter(|message| message["method"].is_null());
    answers.count()
}

/// What the server has said so far.
#[derive(Default)]
struct Heard {
    bytes: Mutex<Vec<u8>>,
    more: Condvar,
}

impl Heard {
    /// Messages from their frames, as far as they are whole.
    fn messages(&self) -> Vec<Value> {
        whole(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for so many answers, for as long as a run may take.
    fn wait_for(&self, requests: usize) {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let are_missing = |bytes: &mut Vec<u8>| answers(&whole(bytes)) < requests;
        let patience = Duration::from_mins(1);
        drop(self.more.wait_timeout_while(bytes, patience, are_missing));
    }
}

fn whole(mut heard: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while let Some(end) = heard.windows(4).position(|part| part == b"\r\n\r\n") {
        let (head, rest) = heard.split_at(end + 4);
        let head = std::str::from_utf8(head).expect("a header is text");
        let length = head.trim().rsplit(' ').next();
        let length = length.and_then(|length| length.parse().ok());
        let Some((body, rest)) = rest.split_at_checked(length.expect("a length")) else {
            break;
        };
        found.push(serde_json::from_slice(body).expect("JSON"));
        heard = rest;
    }
    found
}

/// What the editor says, the last part first; before that it waits.
struct Said {
    parts: Vec<Vec<u8>>,
    requests: usize,
    heard: Arc<Heard>,
}

impl Read for Said {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.parts.last().is_some_and(Vec::is_empty) {
            self.parts.pop();
            self.heard.wait_for(self.requests);
        }
        let Some(part) = self.parts.last_mut() else {
            return Ok(0);
        };
        let count = part.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(part.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

struct Output(Arc<Heard>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut heard = self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend(bytes);
        self.0.more.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
