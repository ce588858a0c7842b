//! Whatever a client sends, in whatever order: the server lives, answers each request once, and never for a fault of its own.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use zosc::lsp::Options;
use zosc::lsp::protocol::wire::{Message, Notification, Request};
use zosc::lsp::protocol::{Connection, ErrorCode, RequestId, Response};

const REQUESTS: [&str; 20] = [
    "textDocument/codeAction",
    "textDocument/codeLens",
    "textDocument/completion",
    "textDocument/definition",
    "textDocument/documentHighlight",
    "textDocument/documentLink",
    "textDocument/documentSymbol",
    "textDocument/foldingRange",
    "textDocument/formatting",
    "textDocument/hover",
    "textDocument/inlayHint",
    "textDocument/prepareRename",
    "textDocument/rangeFormatting",
    "textDocument/references",
    "textDocument/rename",
    "textDocument/selectionRange",
    "textDocument/semanticTokens/full",
    "textDocument/signatureHelp",
    "workspace/symbol",
    "workspace/textDocumentContent",
];

const NOTIFICATIONS: [&str; 9] = [
    "textDocument/didOpen",
    "textDocument/didChange",
    "textDocument/didChange",
    "textDocument/didChange",
    "textDocument/didSave",
    "textDocument/didClose",
    "workspace/didChangeWatchedFiles",
    "workspace/didChangeWorkspaceFolders",
    "$/cancelRequest",
];

const TEXTS: [&str; 9] = [
    "edition 1\nimage a version=\"1\"\nimport \"b.kdl\"\n",
    "unit a { exec \"/bin/a\"; after b }\nunit b { target }\n",
    "packages { install busybox; exclude \u{1f980} }\n",
    "{",
    "}\n",
    "\"\"\"\n\r\n",
    "import \"zos.kdl\"\n/-",
    "kernel \"6.12\" { config set CONFIG_A=y",
    "",
];

/// Dice that fall alike for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn place(&mut self) -> Value {
        json!({ "line": self.below(6), "character": self.below(40) })
    }

    /// Parameters that have whatever any method may ask for; of every second message something is not as it should be.
    fn parameters(&mut self) -> Value {
        let file = self.of(&["zos.kdl", "b.kdl", "c/d.kdl", "base.config"]);
        let uri = format!("file:///nowhere/{file}");
        let range = json!({ "start": self.place(), "end": self.place() });
        let change = json!({ "range": range, "text": self.of(&TEXTS) });
        let mut parameters = json!({
            "textDocument": { "uri": uri, "version": self.below(9), "languageId": "kdl", "text": self.of(&TEXTS) },
            "position": self.place(),
            "positions": [self.place(), self.place()],
            "range": range,
            "context": { "diagnostics": [], "includeDeclaration": true, "triggerKind": 1 },
            "options": { "tabSize": 4, "insertSpaces": true },
            "contentChanges": [change, { "text": self.of(&TEXTS) }],
            "event": { "added": [{ "uri": "file:///nowhere", "name": "a" }], "removed": [] },
            "changes": [],
            "newName": self.of(&["c", "", "a b", "\u{1f980}"]),
            "query": "a",
            "id": self.below(20),
            "uri": self.of(&["zosc:/errors/zosc-check-cycle.md", "zosc:/std/zero-os/base.kdl", "zosc:/", ""]),
        });
        if self.below(2) == 0 {
            self.spoil(&mut parameters);
        }
        parameters
    }

    /// Puts something else in some place.
    fn spoil(&mut self, value: &mut Value) {
        let inner: Vec<&mut Value> = match value {
            Value::Object(map) => map.values_mut().collect(),
            Value::Array(list) => list.iter_mut().collect(),
            _ => Vec::new(),
        };
        let count = inner.len();
        if count > 0 && self.below(8) > 0 {
            let chosen = self.below(count);
            return self.spoil(inner.into_iter().nth(chosen).unwrap());
        }
        *value = match self.below(7) {
            0 => Value::Null,
            1 => json!(-1),
            2 => json!(u64::MAX),
            3 => json!("file:///nowhere/%ff\u{0}"),
            4 => json!([[]]),
            5 => json!({}),
            _ => json!(1.5),
        };
    }
}

/// One end of a connection whose other end serves, and how that ends.
fn start() -> (Connection, thread::JoinHandle<bool>) {
    let (own, other) = Connection::memory();
    let store = "/nowhere/store".into();
    let serve = move || zosc::lsp::serve(other, &Options { store }).unwrap();
    (own, thread::spawn(serve))
}

fn request(id: i32, method: &str, params: Value) -> Message {
    let method = method.to_owned();
    let id = RequestId::from(id);
    Message::Request(Request { id, method, params })
}

fn notification(method: &str, params: Value) -> Message {
    let method = method.to_owned();
    Message::Notification(Notification { method, params })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_conversation_is_survived(seeds in prop::collection::vec(any::<u64>(), 0..60)) {
        let (client, server) = start();
        let send = |message| client.sender.send(message).unwrap();
        send(request(0, "initialize", json!({ "capabilities": crate::client::able() })));
        send(notification("initialized", json!({})));
        let mut asked = BTreeMap::from([(RequestId::from(0), "initialize")]);
        for (number, seed) in (1..).zip(&seeds) {
            let mut dice = Dice(*seed);
            if dice.below(3) == 0 {
                let method = dice.of(&REQUESTS);
                asked.insert(RequestId::from(number), method);
                send(request(number, method, dice.parameters()));
            } else {
                send(notification(dice.of(&NOTIFICATIONS), dice.parameters()));
            }
        }
        while !asked.is_empty() {
            let message = client.receiver.recv_timeout(Duration::from_mins(1));
            let message = message.map_err(|_| TestCaseError::fail(format!("no answer: {asked:?}")))?;
            match message {
                Message::Response(Response { id, response_result }) => {
                    let method = asked.remove(&id);
                    prop_assert!(method.is_some(), "{id} is answered twice");
                    let code = response_result.err().map(|error| error.code);
                    prop_assert_ne!(code, Some(ErrorCode::InternalError as i32), "{}", method.unwrap());
                }
                Message::Notification(said) if said.method == "window/logMessage" => {
                    prop_assert!(!said.params.to_string().contains("please report"), "{}", said.params);
                }
                _ => {}
            }
        }
        send(request(-1, "shutdown", Value::Null));
        send(notification("exit", Value::Null));
        prop_assert!(server.join().unwrap());
    }

    #[test]
    fn any_bytes_are_survived(seed in any::<u64>(), spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20)) {
        let mut dice = Dice(seed);
        let mut bytes = Vec::new();
        let messages = [
            request(0, "initialize", json!({ "capabilities": {} })),
            notification("textDocument/didOpen", dice.parameters()),
            request(1, dice.of(&REQUESTS), dice.parameters()),
            request(2, "shutdown", Value::Null),
            notification("exit", Value::Null),
        ];
        for message in messages {
            message.write(&mut bytes).unwrap();
        }
        for (place, byte) in spoilt {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let options = Options { store: "/nowhere/store".into() };
        prop_assert!(zosc::lsp::serve_streams(Cursor::new(bytes), std::io::sink(), &options).is_ok());
    }
}
