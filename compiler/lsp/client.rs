//! What the client at the other end can do, as it says itself.
//!
//! Looked up in what it sent rather than decoded: a client that words one capability strangely keeps all the others.

use serde_json::Value;

use super::text::Encoding;

/// A client's abilities. What a client does not mention it does not have.
#[derive(Debug, Clone)]
pub struct Client {
    /// What columns are counted in.
    pub encoding: Encoding,
    capabilities: Value,
}

impl Client {
    /// Reads the parameters of `initialize`.
    pub fn new(parameters: &Value) -> Self {
        let capabilities = parameters.get("capabilities").cloned().unwrap_or_default();
        let offered = capabilities.pointer("/general/positionEncodings");
        let offered = offered.and_then(Value::as_array).into_iter().flatten();
        let knows_bytes = offered.into_iter().any(|name| name == "utf-8");
        Self {
            encoding: if knows_bytes {
                Encoding::Utf8
            } else {
                Encoding::Utf16
            },
            capabilities,
        }
    }

    /// Whether the capability at a path (`/workspace/applyEdit`) is there and not refused.
    pub fn has(&self, path: &str) -> bool {
        let found = self.capabilities.pointer(path);
        !matches!(found, None | Some(Value::Null | Value::Bool(false)))
    }

    /// Whether a list of the client's has a value.
    pub fn lists(&self, path: &str, value: impl Into<Value>) -> bool {
        let list = self.capabilities.pointer(path).and_then(Value::as_array);
        let value = value.into();
        list.is_some_and(|list| list.contains(&value))
    }

    /// Whether completions may have places to fill in.
    pub fn snippets(&self) -> bool {
        self.has("/textDocument/completion/completionItem/snippetSupport")
    }

    /// Whether documentation of the kind at a path (`/textDocument/hover/contentFormat`) may be Markdown.
    pub fn markdown(&self, path: &str) -> bool {
        self.lists(path, "markdown")
    }

    /// Whether an edit may name the version of the document that it is for.
    pub fn versioned_edits(&self) -> bool {
        self.has("/workspace/workspaceEdit/documentChanges")
    }

    /// Whether it shows texts that only the server has: pages about errors, files of the library.
    pub fn shows_contents(&self) -> bool {
        self.has("/workspace/textDocumentContent")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_are_counted_where_both_know_them() {
        let encoding =
            |capabilities: Value| Client::new(&json!({ "capabilities": capabilities })).encoding;
        let offers = json!({ "general": { "positionEncodings": ["utf-16", "utf-8"] } });
        assert_eq!(encoding(offers), Encoding::Utf8);
        assert_eq!(encoding(json!({})), Encoding::Utf16);
        let strange = json!({ "general": { "positionEncodings": "utf-8" } });
        assert_eq!(encoding(strange), Encoding::Utf16);
        assert_eq!(Client::new(&Value::Null).encoding, Encoding::Utf16);
    }

    #[test]
    fn what_is_not_mentioned_is_not_there() {
        let client = Client::new(&json!({ "capabilities": {
            "textDocument": { "completion": { "completionItem": { "snippetSupport": false } }, "hover": { "contentFormat": ["markdown"] } },
            "workspace": { "workspaceEdit": { "documentChanges": true } },
        } }));
        assert!(!client.snippets());
        assert!(client.markdown("/textDocument/hover/contentFormat"));
        assert!(client.versioned_edits());
        assert!(!client.has("/window/workDoneProgress"));
    }
}
