//! An editor: it opens and changes texts, asks, and keeps what it is told.

#![allow(dead_code, unreachable_pub)] // Each test uses a part of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use zosc::lsp::protocol::wire::{Message, Notification, Request};
use zosc::lsp::protocol::{Connection, RequestId, Response};
use zosc::lsp::text::{Encoding, Text};
use zosc::lsp::{Options, uri};

/// Where the cursor stands in a text of a test.
pub const CURSOR: char = '‸';

/// A manifest in which nothing is wrong begins like this.
pub const HEAD: &str = "edition 1\nimage test version=\"1\" { epoch \"2026-01-01T00:00:00Z\" }\n";

/// How long an answer may take on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// An editor with a folder of files, and the server that it has started.
pub struct Client {
    pub folder: tempfile::TempDir,
    pub encoding: Encoding,
    /// What the server offered.
    pub offers: Value,
    connection: Option<Connection>,
    server: Option<JoinHandle<bool>>,
    requests: i32,
    /// Open texts by name, with their versions.
    texts: BTreeMap<String, (i32, Text)>,
    /// The latest problems by name, with the version that they are about.
    told: BTreeMap<String, (Option<i64>, Vec<Value>)>,
    /// What the server asked for and said beside that.
    pub heard: Vec<Value>,
}

impl Client {
    /// An editor that can do what a modern one can; it counts in UTF-16.
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::able(&able(), files)
    }

    /// An editor that can do nothing beyond the protocol's first version.
    pub fn plain(files: &[(&str, &str)]) -> Self {
        Self::able(&json!({}), files)
    }

    /// An editor with these abilities.
    pub fn able(capabilities: &Value, files: &[(&str, &str)]) -> Self {
        let (own, other) = Connection::memory();
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join(".store");
        let serve = move || zosc::lsp::serve(other, &Options { store }).unwrap();
        let mut client = Self {
            folder,
            encoding: Encoding::Utf16,
            offers: Value::Null,
            connection: Some(own),
            server: Some(std::thread::spawn(serve)),
            requests: 0,
            texts: BTreeMap::new(),
            told: BTreeMap::new(),
            heard: Vec::new(),
        };
        for (name, text) in files {
            client.write(name, text);
        }
        let folder = uri::of_path(client.folder.path()).0;
        let initialized = client.request(
            "initialize",
            json!({
                "processId": std::process::id(),
                "rootUri": folder,
                "capabilities": capabilities,
                "workspaceFolders": [{ "uri": folder, "name": "test" }],
            }),
        );
        client.offers = initialized["capabilities"].clone();
        if client.offers["positionEncoding"] == "utf-8" {
            client.encoding = Encoding::Utf8;
        }
        client.notify("initialized", json!({}));
        client
    }

    /// The path of a file by its name in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of a file.
    pub fn uri(&self, name: &str) -> String {
        uri::of_path(&self.path(name)).0
    }

    /// Writes a file beside the editor.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Opens a file as it is.
    pub fn open(&mut self, name: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        self.open_text(name, &text);
    }

    /// Opens a text under a name; with a cursor in it, that is where the cursor stands: its place is the answer, else the text's start.
    pub fn open_text(&mut self, name: &str, text: &str) -> Value {
        let (text, offset) = without_cursor(text);
        let item = json!({
            "uri": self.uri(name),
            "languageId": "kdl",
            "version": 1,
            "text": text,
        });
        let text = Text::new(text);
        let place = json!(text.position(offset, self.encoding));
        self.texts.insert(name.to_owned(), (1, text));
        self.notify("textDocument/didOpen", json!({ "textDocument": item }));
        place
    }

    /// Gives an open text another content; the answer is the place of the cursor in it.
    pub fn change(&mut self, name: &str, text: &str) -> Value {
        let (text, offset) = without_cursor(text);
        let text = Text::new(text);
        let place = json!(text.position(offset, self.encoding));
        let change = json!({ "text": text.as_str() });
        self.changes(name, json!([change]), text);
        place
    }

    /// Replaces the only occurrence of a text in an open file, as typing does.
    pub fn replace(&mut self, name: &str, old: &str, new: &str) {
        let text = self.text(name);
        let at = text.as_str().find(old).unwrap();
        let range = at..at + old.len();
        let change = json!({ "range": text.range(range.clone(), self.encoding), "text": new });
        self.changes(name, json!([change]), text.replaced(range, new));
    }

    fn changes(&mut self, name: &str, changes: Value, text: Text) {
        let uri = self.uri(name);
        let (version, open) = self.texts.get_mut(name).unwrap();
        (*version, *open) = (*version + 1, text);
        let document = json!({ "uri": uri, "version": version });
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": changes }),
        );
    }

    /// Closes a text without writing it.
    pub fn close(&mut self, name: &str) {
        self.texts.remove(name);
        let document = json!({ "uri": self.uri(name) });
        self.notify("textDocument/didClose", json!({ "textDocument": document }));
    }

    /// Tells that files have changed beside the editor.
    pub fn files_changed(&mut self, names: &[&str]) {
        let changes: Vec<Value> = names
            .iter()
            .map(|name| json!({ "uri": self.uri(name), "type": 2 }))
            .collect();
        self.notify(
            "workspace/didChangeWatchedFiles",
            json!({ "changes": changes }),
        );
    }

    /// The text of an open file.
    pub fn text(&self, name: &str) -> Text {
        self.texts[name].1.clone()
    }

    /// The problems of an open file in its present version, once they are told.
    pub fn diagnostics(&mut self, name: &str) -> Vec<Value> {
        let version = self.texts.get(name).map(|(version, _)| i64::from(*version));
        self.diagnostics_when(name, |told, _| *told == version)
    }

    /// The problems of a file, once what is told of it is as it should be.
    pub fn diagnostics_when(
        &mut self,
        name: &str,
        fits: impl Fn(&Option<i64>, &[Value]) -> bool,
    ) -> Vec<Value> {
        loop {
            if let Some((version, told)) = self.told.get(name)
                && fits(version, told)
            {
                return told.clone();
            }
            let message = self.receive();
            self.hear(message);
        }
    }

    /// The problems of an open file, a line each: place, severity, code, message.
    pub fn problems(&mut self, name: &str) -> String {
        let told = self.diagnostics(name);
        told.iter().map(line).collect()
    }

    /// Asks, and waits for the answer, which must be none of failure.
    pub fn request(&mut self, method: &str, parameters: Value) -> Value {
        self.try_request(method, parameters)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Asks, and waits for the answer.
    pub fn try_request(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        let id = self.ask(method, parameters);
        self.answer(&id)
    }

    /// Asks about a place of an open text.
    pub fn request_at(&mut self, method: &str, name: &str, place: &Value) -> Value {
        let document = json!({ "uri": self.uri(name) });
        self.request(
            method,
            json!({ "textDocument": document, "position": place }),
        )
    }

    /// Asks without waiting.
    pub fn ask(&mut self, method: &str, parameters: Value) -> RequestId {
        self.requests += 1;
        let id = RequestId::from(self.requests);
        self.send(Message::Request(Request {
            id: id.clone(),
            method: method.to_owned(),
            params: parameters,
        }));
        id
    }

    /// Waits for the answer to a request.
    pub fn answer(&mut self, to: &RequestId) -> Result<Value, String> {
        loop {
            match self.receive() {
                Message::Response(Response {
                    id,
                    response_result,
                }) if id == *to => {
                    return response_result
                        .map_err(|error| format!("{}: {}", error.code, error.message));
                }
                message => self.hear(message),
            }
        }
    }

    pub fn notify(&mut self, method: &str, parameters: Value) {
        self.send(Message::Notification(Notification {
            method: method.to_owned(),
            params: parameters,
        }));
    }

    pub fn send(&mut self, message: Message) {
        let connection = self.connection.as_ref().unwrap();
        connection.sender.send(message).unwrap();
    }

    fn receive(&mut self) -> Message {
        let connection = self.connection.as_ref().unwrap();
        connection.receiver.recv_timeout(PATIENCE).unwrap()
    }

    /// Takes what the server says of itself.
    fn hear(&mut self, message: Message) {
        match message {
            Message::Notification(Notification { method, params })
                if method == "textDocument/publishDiagnostics" =>
            {
                let path = uri::path_of(&params["uri"].as_str().unwrap().into()).unwrap();
                let name = path.strip_prefix(self.folder.path()).unwrap();
                let problems = params["diagnostics"].as_array().unwrap().clone();
                let told = (params["version"].as_i64(), problems);
                self.told.insert(name.to_str().unwrap().to_owned(), told);
            }
            Message::Request(request) => {
                self.heard
                    .push(json!({ "method": request.method, "params": request.params }));
                self.send(Message::Response(Response::new_ok(request.id, Value::Null)));
            }
            Message::Notification(other) => {
                self.heard
                    .push(json!({ "method": other.method, "params": other.params }));
            }
            Message::Response(_) => {}
        }
    }

    /// Makes a change that the server proposes, in texts that are open and in files; the names of what changed.
    pub fn apply(&mut self, edit: &Value) -> Vec<String> {
        let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (uri, edits) in edit["changes"].as_object().into_iter().flatten() {
            files.insert(uri.clone(), edits.as_array().unwrap().clone());
        }
        for change in edit["documentChanges"].as_array().into_iter().flatten() {
            let uri = change["textDocument"]["uri"].as_str().unwrap().to_owned();
            files
                .entry(uri)
                .or_default()
                .extend(change["edits"].as_array().unwrap().clone());
        }
        let mut names = Vec::new();
        for (uri, edits) in files {
            let path = uri::path_of(&uri.as_str().into()).unwrap();
            let name = path
                .strip_prefix(self.folder.path())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if self.texts.contains_key(&name) {
                let text = edited(&self.text(&name), &edits, self.encoding);
                self.change(&name, &text);
            } else {
                let text = Text::new(std::fs::read_to_string(&path).unwrap());
                std::fs::write(&path, edited(&text, &edits, self.encoding)).unwrap();
            }
            names.push(name);
        }
        names
    }

    /// Ends the conversation; whether the server found it ended well.
    pub fn end(&mut self) -> bool {
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        self.server.take().unwrap().join().unwrap()
    }

    /// Goes away without a word; whether the server found it ended well.
    pub fn vanish(&mut self) -> bool {
        self.connection = None;
        self.server.take().unwrap().join().unwrap()
    }
}

/// What a modern editor says that it can do.
pub fn able() -> Value {
    json!({
        "textDocument": {
            "codeAction": { "codeActionLiteralSupport": { "codeActionKind": { "valueSet": ["quickfix"] } }, "isPreferredSupport": true },
            "completion": { "completionItem": { "snippetSupport": true, "documentationFormat": ["markdown", "plaintext"], "labelDetailsSupport": true } },
            "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
            "hover": { "contentFormat": ["markdown", "plaintext"] },
            "publishDiagnostics": { "relatedInformation": true, "codeDescriptionSupport": true, "tagSupport": { "valueSet": [1, 2] }, "versionSupport": true },
            "rename": { "prepareSupport": true },
        },
        "workspace": {
            "didChangeWatchedFiles": { "dynamicRegistration": true },
            "textDocumentContent": {},
            "workspaceEdit": { "documentChanges": true },
            "workspaceFolders": true,
        },
    })
}

/// A text without its cursor, and where that stood; 0 without one.
pub fn without_cursor(text: &str) -> (String, usize) {
    let offset = text.find(CURSOR).unwrap_or(0);
    (text.replace(CURSOR, ""), offset)
}

/// A text after edits as a client makes them: all of them are about the text as it was.
pub fn edited(text: &Text, edits: &[Value], encoding: Encoding) -> String {
    let mut replacements: Vec<_> = edits
        .iter()
        .map(|edit| {
            let range = serde_json::from_value(edit["range"].clone()).unwrap();
            (
                text.bytes(range, encoding),
                edit["newText"].as_str().unwrap(),
            )
        })
        .collect();
    replacements.sort_by_key(|(range, _)| (range.start, range.end));
    let mut result = text.as_str().to_owned();
    for (range, with) in replacements.into_iter().rev() {
        result.replace_range(range, with);
    }
    result
}

fn line(problem: &Value) -> String {
    let place = |at: &Value| format!("{}:{}", at["line"], at["character"]);
    let severity = if problem["severity"] == 1 {
        "error"
    } else {
        "warning"
    };
    format!(
        "{}-{} {severity} {}: {}\n",
        place(&problem["range"]["start"]),
        place(&problem["range"]["end"]),
        problem["code"].as_str().unwrap(),
        problem["message"].as_str().unwrap().replace('\n', " | ")
    )
}
