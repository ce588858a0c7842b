//! What a text consists of, as an outline; and names of all manifests that something open belongs to, by what somebody types.

use std::collections::BTreeSet;

use super::names::{NamedFile, VARIABLE};
use super::nodes::{Node, Nodes};
use super::places::{of_manifest, uri};
use super::protocol::{self as lsp, SymbolKind};
use super::text::Text;
use super::view::{View, Workspace};
use crate::manifest::model::{Kind, Role};

/// How many names are offered for one query.
const MAXIMUM_NAMES: usize = 500;

/// The nodes of the text: as a tree, or as a list for clients that know no trees.
pub(super) fn document_symbols(
    view: &View<'_>,
    _: lsp::DocumentSymbolParams,
) -> Option<lsp::DocumentSymbolResponse> {
    if view.cancelled() {
        return None;
    }
    let text = view.document.text.as_str();
    let nodes = Nodes::read(text);
    let outline = Outline { view, text, nodes };
    if view
        .client
        .has("/textDocument/documentSymbol/hierarchicalDocumentSymbolSupport")
    {
        return Some(outline.tree(None).into());
    }
    let nodes = outline.nodes.children(None);
    let list = nodes.filter(|(_, node)| !node.left_out).map(|(_, node)| {
        #[allow(deprecated)] // A field that the type insists on.
        lsp::SymbolInformation {
            deprecated: None,
            location: lsp::Location {
                uri: view.document.uri.clone(),
                range: view.range(node.range.clone()),
            },
            base_symbol_information: lsp::BaseSymbolInformation {
                name: outline.title(node).0,
                kind: Outline::kind(node),
                tags: None,
                container_name: None,
            },
        }
    });
    Some(list.collect::<Vec<_>>().into())
}

struct Outline<'a> {
    view: &'a View<'a>,
    text: &'a str,
    nodes: Nodes,
}

impl Outline<'_> {
    fn tree(&self, parent: Option<usize>) -> Vec<lsp::DocumentSymbol> {
        let children = self.nodes.children(parent);
        let children = children.filter(|(_, node)| !node.left_out);
        let symbols = children.map(|(index, node)| {
            let (name, detail) = self.title(node);
            let inner = self.tree(Some(index));
            #[allow(deprecated)] // A field that the type insists on.
            lsp::DocumentSymbol {
                name,
                detail: Some(detail).filter(|detail| !detail.is_empty()),
                kind: Self::kind(node),
                tags: None,
                deprecated: None,
                range: self.view.range(node.range.clone()),
                selection_range: self.view.range(node.name.range()),
                children: Some(inner).filter(|inner| !inner.is_empty()),
            }
        });
        symbols.collect()
    }

    /// A node's name with that of what it is about, and the rest of its line.
    fn title(&self, node: &Node) -> (String, String) {
        let written = node.name.written(self.text);
        let mut entries = node.entries.iter().filter(|entry| !entry.left_out);
        let has_identity = node
            .shape
            .is_some_and(|shape| shape.with_role(Role::Arg).is_some());
        let identity = entries
            .clone()
            .next()
            .filter(|first| has_identity && first.key.is_none())
            .and_then(|first| first.value);
        let mut title = written.to_owned();
        if let Some(identity) = identity {
            entries.next();
            title = format!("{title} {}", shortened(&identity.value(self.text)));
        }
        let rest = entries.filter_map(|entry| self.text.get(entry.range.clone()));
        (title, shortened(&rest.collect::<Vec<_>>().join(" ")))
    }

    fn kind(node: &Node) -> SymbolKind {
        let Some(member) = node.member else {
            return SymbolKind::Null;
        };
        match (&member.kind, node.parent, member.role) {
            (Kind::Shape(_), None, _) => {
                let identity = node.shape.and_then(|shape| shape.with_role(Role::Arg));
                let names = identity.and_then(|identity| identity.naming.names.as_deref());
                names.map_or(SymbolKind::Namespace, symbol_kind)
            }
            (Kind::Shape(_), ..) => SymbolKind::Object,
            (_, None, _) => SymbolKind::Constant,
            (_, _, Role::Flag) => SymbolKind::Boolean,
            (_, _, Role::Words) => SymbolKind::Array,
            _ => SymbolKind::Property,
        }
    }
}

/// How the kind of a name is shown; it means no more than an icon.
fn symbol_kind(kind: &str) -> SymbolKind {
    match kind {
        "unit" => SymbolKind::Function,
        "source" => SymbolKind::Package,
        "toolchain" => SymbolKind::Class,
        "flist" => SymbolKind::Array,
        "account" | "group" => SymbolKind::Struct,
        "tag" => SymbolKind::Key,
        "file" => SymbolKind::File,
        VARIABLE => SymbolKind::Variable,
        _ => SymbolKind::Constant,
    }
}

/// One line of it, and not too much of that.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None if line.len() < text.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}

/// The names that are declared in all manifests that something open belongs to, those that match what was typed.
pub(super) fn workspace_symbols(
    workspace: &Workspace,
    parameters: &lsp::WorkspaceSymbolParams,
) -> lsp::WorkspaceSymbolResponse {
    let mut met = BTreeSet::new();
    let mut symbols = Vec::new();
    for entry in workspace.projects.keys() {
        let names = of_manifest(workspace, entry);
        for file in names.files {
            if met.insert(file.location.clone()) {
                symbols.extend(of_file(workspace, &file, &parameters.query));
            }
        }
    }
    symbols.truncate(MAXIMUM_NAMES);
    symbols.into()
}

fn of_file(workspace: &Workspace, file: &NamedFile, query: &str) -> Vec<lsp::SymbolInformation> {
    let Some(uri) = uri(workspace, &file.location) else {
        return Vec::new();
    };
    let text = Text::new(&*file.text);
    let declared = file.occurrences.iter().filter(|found| {
        let symbol = &found.symbol;
        found.role.is_declaration() && symbol.kind != VARIABLE && matches(&symbol.name, query)
    });
    let symbols = declared.map(|found| {
        #[allow(deprecated)] // A field that the type insists on.
        lsp::SymbolInformation {
            deprecated: None,
            location: lsp::Location {
                uri: uri.clone(),
                range: text.range(found.place.clone(), workspace.client.encoding),
            },
            base_symbol_information: lsp::BaseSymbolInformation {
                name: found.symbol.name.clone(),
                kind: symbol_kind(found.symbol.kind),
                tags: None,
                container_name: Some(format!("{}, {}", found.symbol.kind, file.name())),
            },
        }
    });
    symbols.collect()
}

/// Whether the letters of a query stand in a name, in their order.
fn matches(name: &str, query: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    let mut wanted = query.chars().flat_map(char::to_lowercase);
    wanted.all(|wanted| letters.any(|letter| letter == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_matches_letters_in_order() {
        assert!(matches("udev-trigger", "UdTr"));
        assert!(matches("sshd", ""));
        assert!(!matches("sshd", "hs"));
    }

    #[test]
    fn long_lines_are_shortened() {
        assert_eq!(shortened("a\nb"), "a…");
        assert_eq!(shortened(&"é".repeat(90)).chars().count(), 81);
    }
}
