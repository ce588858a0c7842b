mod cached;
mod names;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::document::Document;
use super::super::knowledge::{Knowledge, made};
use super::super::project::{self, Project};
use super::super::text::Text;
use super::super::uri;
use super::super::view::Workspace;
use super::*;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest;
use crate::manifest::model::{Kind, Role, Shape};
use crate::source::SourceId;
use crate::syntax;

/// A client with snippets, Markdown and tags.
fn able() -> Client {
    Client::new(
        &json!({ "capabilities": { "textDocument": { "completion": { "completionItem": {
        "snippetSupport": true, "documentationFormat": ["markdown"], "tagSupport": { "valueSet": [1] },
    } } } } }),
    )
}

/// A client that knows nothing of that.
fn plain() -> Client {
    Client::new(&Value::Null)
}

/// What is known of a few packages, modules, firmware files and symbols.
static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(made::knowledge);

/// The files beside the manifest.
const FILES: [(&str, &str); 5] = [
    ("keys/ops.pub", "key"),
    ("keys/.hidden", ""),
    ("kernel/base.config", "CONFIG_X=y"),
    ("units/site.kdl", "unit site { target; }"),
    ("motd", "hello"),
];

/// Those files on the disk.
fn folder() -> &'static Path {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in FILES {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    });
    FOLDER.path()
}

/// The text of a marked text, and its cursor.
fn marked(text: &str) -> (String, usize) {
    let offset = text
        .find('‸')
        .expect("a marker says where the cursor stands");
    (text.replacen('‸', "", 1), offset)
}

fn ask_as(
    client: &Client,
    knowledge: &Knowledge,
    text: &str,
    offset: usize,
    typed: Option<&str>,
) -> lsp::CompletionList {
    let path = folder().join("zos.kdl");
    let mut workspace = Workspace::new(client.clone());
    workspace.documents.put(Document {
        uri: uri::of_path(&path),
        path: path.clone(),
        language: "kdl".to_owned(),
        version: 1,
        text: Text::new(text),
    });
    let mut project = Project::new(&path, folder());
    let checked = project::check(&path, folder(), &workspace.documents, Path::new("/none"), 1);
    project.take(Arc::new(checked));
    let document = workspace.documents.get(&path).unwrap();
    let view = View {
        document,
        project: &project,
        knowledge,
        workspace: &workspace,
        client,
        cancelled: &AtomicBool::new(false),
    };
    let context = typed.map(|typed| json!({ "triggerKind": 2, "triggerCharacter": typed }));
    let parameters = json!({
        "textDocument": { "uri": document.uri },
        "position": document.text.position(offset, client.encoding),
        "context": context,
    });
    match completion(&view, serde_json::from_value(parameters).unwrap()) {
        Some(lsp::CompletionResponse::CompletionList(list)) => list,
        None => lsp::CompletionList::default(),
        other => panic!("{other:?}"),
    }
}

fn ask(client: &Client, text: &str) -> (String, lsp::CompletionList) {
    let (text, offset) = marked(text);
    let list = ask_as(client, &KNOWLEDGE, &text, offset, None);
    (text, list)
}

fn edit(item: &lsp::CompletionItem) -> &lsp::TextEdit {
    match &item.text_edit {
        Some(lsp::CompletionItemTextEdit::TextEdit(edit)) => edit,
        other => panic!("an edit: {other:?}"),
    }
}

/// The text once an item is accepted, its places filled with what they propose.
fn accepted(client: &Client, text: &str, item: &lsp::CompletionItem) -> String {
    let document = Text::new(text);
    let edit = edit(item);
    let new = match item.insert_text_format {
        Some(lsp::InsertTextFormat::Snippet) => expanded(&edit.new_text),
        _ => edit.new_text.clone(),
    };
    let mut text = text.to_owned();
    text.replace_range(document.bytes(edit.range, client.encoding), &new);
    text
}

/// A snippet as it stands before anything is filled in.
fn expanded(snippet: &str) -> String {
    let mut text = String::new();
    let mut rest = snippet.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => text.extend(rest.next()),
            '$' if rest.peek() == Some(&'{') => {
                let mut inside = String::new();
                while let Some(next) = rest.next().filter(|next| *next != '}') {
                    inside.extend(if next == '\\' {
                        rest.next()
                    } else {
                        Some(next)
                    });
                }
                let (_, proposal) = inside.split_once([':', '|']).unwrap_or_default();
                let first = proposal.split('|').next().unwrap_or_default();
                let is_choice = inside.ends_with('|');
                text.push_str(if is_choice {
                    first.split(',').next().unwrap_or_default()
                } else {
                    proposal
                });
            }
            '$' => drop(rest.next()),
            other => text.push(other),
        }
    }
    text
}

/// Every item in a line: its label, what is said beside it, and the line of the text once it is accepted.
fn shown(client: &Client, text: &str) -> String {
    let (text, list) = ask(client, text);
    let mut lines: Vec<String> = list
        .items
        .iter()
        .map(|item| {
            let detail = item
                .detail
                .as_deref()
                .map_or(String::new(), |detail| format!(" ({detail})"));
            let line = edit(item).range.start.line as usize;
            let new = accepted(client, &text, item);
            let new = new.lines().nth(line).unwrap_or_default().trim().to_owned();
            format!("{}{detail}: {new}", item.label)
        })
        .collect();
    if list.is_incomplete {
        lines.push("…".to_owned());
    }
    lines.join("\n")
}

fn labels(text: &str) -> Vec<String> {
    let (_, list) = ask(&plain(), text);
    list.items.into_iter().map(|item| item.label).collect()
}

#[track_caller]
fn proposes(text: &str, expected: &[&str]) {
    assert_eq!(labels(text), expected, "{text}");
}

#[test]
fn nodes_that_are_missing_come_first_and_single_ones_are_not_offered_twice() {
    let all = labels("‸");
    assert!(all.contains(&"unit".to_owned()) && all.contains(&"kernel".to_owned()));
    let some = labels("kernel { package linux-virt }\nunit a\n‸");
    assert!(some.contains(&"unit".to_owned()) && !some.contains(&"kernel".to_owned()));
    proposes(
        "flist x {\n    mount \"/x\"\n    ‸\n}",
        &["pack", "embed", "store", "tag"],
    );
    proposes("flist x { em‸ }", &["embed"]);
    proposes("unit a { oneshot; on‸ }", &["conflicts"]);
}

#[test]
fn properties_that_are_there_are_not_offered_again() {
    proposes("source a { install b t‸ }", &["to"]);
    proposes("source a { install b to=\"/x\" ‸ }", &["mode"]);
    proposes("source a { install b ‸ }", &["to", "mode"]);
    proposes("source a { install b ‸=\"/x\" }", &["to", "mode"]);
}

#[test]
fn words_of_the_language_are_offered_with_what_they_mean() {
    assert_eq!(
        shown(&plain(), "initramfs compress=‸"),
        "none: initramfs compress=none\ngzip: initramfs compress=gzip\nxz: initramfs compress=xz\nzstd: initramfs compress=zstd"
    );
    let (_, list) = ask(&able(), "initramfs compress=z‸");
    let Some(lsp::Documentation::MarkupContent(about)) = &list.items[0].documentation else {
        panic!("documentation");
    };
    assert_eq!(about.value, "zstd: fastest to unpack.");
    proposes("initramfs { segments ‸ }", &["#true", "#false"]);
    proposes("unit a { oneshot ‸ }", &["#false"]);
    proposes("firmware { for-modules stage1 ‸ }", &["stage2"]);
}

#[test]
fn typing_alone_does_not_open_lists_that_nobody_wants() {
    let asked = |text: &str, typed: &str| {
        let (text, offset) = marked(text);
        ask_as(&able(), &KNOWLEDGE, &text, offset, Some(typed))
            .items
            .len()
    };
    assert!(asked("packages { install ‸ }", " ") > 0);
    assert_eq!(asked("packages { install busybox ‸ }", " "), 0);
    assert!(asked("toolchain r { alpine packages=\"busybox ‸\" }", " ") > 0);
    assert_eq!(asked("unit a {\n    ‸\n}", " "), 0);
    assert_eq!(asked("unit a {‸", "{"), 0);
    assert!(asked("outputs { efi \"{‸\" }", "{") > 0);
    assert!(asked("initramfs compress=‸", "=") > 0);
}

#[test]
fn what_needs_quotes_gets_them_and_open_ones_are_kept() {
    for (text, expected) in [
        ("alpine 3‸", "3.22 (example): alpine \"3.22\""),
        ("alpine \"3‸\"", "3.22 (example): alpine \"3.22\""),
        ("alpine \"3‸", "3.22 (example): alpine \"3.22\""),
        ("alpine #\"3‸\"#", "3.22 (example): alpine #\"3.22\"#"),
        ("// größe\nalpine \"3‸\"", "3.22 (example): alpine \"3.22\""),
        (
            "image é { title \"日‸\"; epoch ‸ }"
                .replace("日‸", "日")
                .as_str(),
            "2026-11-01T00:00:00Z (example): image é { title \"日\"; epoch \"2026-11-01T00:00:00Z\" }",
        ),
    ] {
        assert_eq!(shown(&plain(), text), expected, "{text}");
        assert_eq!(shown(&able(), text), expected, "{text}");
    }
}

/// Calls `visit` with the nodes that lead to every shape.
fn walk(shape: &Shape, path: &mut Vec<String>, visit: &mut impl FnMut(&Shape, &[String])) {
    visit(shape, path);
    for member in shape.members.iter().filter(|member| member.role.is_child()) {
        if let Kind::Shape(inner) = member.kind {
            path.push(member.name.clone());
            walk(Model::get().shape(inner), path, visit);
            path.pop();
        }
    }
}

#[test]
fn the_whole_language_can_be_reached_by_completing() {
    walk(Model::get().root(), &mut Vec::new(), &mut |shape, path| {
        let blocks = path.join(" { ");
        let closing = " }".repeat(path.len().saturating_sub(1));
        let inside = if path.is_empty() {
            "‸".to_owned()
        } else {
            format!("{blocks} {{ ‸ }}{closing}")
        };
        let found = labels(&inside);
        for name in shape.children() {
            assert!(found.iter().any(|label| label == name), "{inside}: {name}");
        }
        if path.is_empty() {
            return;
        }
        let found = labels(&format!("{blocks} ‸{closing}"));
        for name in shape.properties() {
            assert!(found.iter().any(|label| label == name), "{blocks}: {name}");
        }
    });
}

#[test]
fn sections_begin_as_the_language_has_them() {
    for member in &Model::get().root().members {
        let text = expanded(&snippet::node(Model::get(), member));
        let mut problems = Diagnostics::new();
        let document = syntax::parse(SourceId(0), &text, &mut problems);
        manifest::decode(&document, &mut problems);
        // A name or value may still be missing, since some places are empty at first.
        let is_wrong = |problem: &Diagnostic| problem.code != "zosc::manifest::missing";
        let wrong: Vec<_> = problems.into_iter().filter(is_wrong).collect();
        assert!(wrong.is_empty(), "{text}\n{wrong:#?}");
    }
}

#[test]
fn what_is_accepted_leaves_text_that_parses() {
    let needs_more = |item: &lsp::CompletionItem| {
        let new = &edit(item).new_text;
        item.insert_text_format != Some(lsp::InsertTextFormat::Snippet)
            && (new.ends_with('=') || new.ends_with('/'))
    };
    walk(Model::get().root(), &mut Vec::new(), &mut |shape, path| {
        let blocks = path.join(" { ");
        let closing = " }".repeat(path.len().saturating_sub(1));
        let mut texts = vec![if path.is_empty() {
            "‸".to_owned()
        } else {
            format!("{blocks} {{ ‸ }}{closing}")
        }];
        for member in &shape.members {
            let name = &member.name;
            let inside = match member.role {
                Role::Prop => format!("{name}=‸"),
                Role::Arg | Role::Args => "‸".to_owned(),
                _ => format!("{{ {name} ‸ }}"),
            };
            texts.push(
                format!("{blocks} {inside}{closing}")
                    .trim_start_matches([' ', '{'])
                    .to_owned(),
            );
        }
        if path.is_empty() {
            texts.truncate(1);
        }
        for text in texts {
            for client in [plain(), able()] {
                let (text, list) = ask(&client, &text);
                for item in list.items.iter().filter(|item| !needs_more(item)) {
                    let new = accepted(&client, &text, item);
                    let mut problems = Diagnostics::new();
                    syntax::parse(SourceId(0), &new, &mut problems);
                    assert!(
                        problems.is_empty(),
                        "{}\n{text}\n{new}\n{problems:#?}",
                        item.label
                    );
                }
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_can_be_completed_anywhere(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("unit "), Just("kernel "), Just("install "), Just("after "), Just("{ "), Just(" }\n"), Just("\""), Just("#\""), Just("="),
                Just("("), Just("env)"), Just("/-"), Just("// x\n"), Just("/*"), Just(";"), Just("é"), Just("to"), Just("sign key"), Just("\n"),
                Just("outputs { efi \"{"), Just("toolchain a { alpine packages=\"b "), Just("\\"),
            ],
            0..12,
        ),
        place in 0.0..1.0_f64,
    ) {
        let text: String = pieces.concat();
        let offset = text.floor_char_boundary((text.len() as f64 * place) as usize);
        let list = ask_as(&able(), &KNOWLEDGE, &text, offset, None);
        for item in &list.items {
            accepted(&able(), &text, item);
        }
    }
}
