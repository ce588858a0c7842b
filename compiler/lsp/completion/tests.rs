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
use crate::diagnostic::Diagnostics;
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
fn names_of_packages_come_from_the_index() {
    assert_eq!(
        shown(&plain(), "packages {\n    install musl openssh-‸\n}"),
        "openssh-doc (9.6-r0, 7 B): install musl openssh-doc\n\
         openssh-keygen (9.6-r0, 20 B): install musl openssh-keygen"
    );
    proposes(
        "packages { install openssh\n exclude ossh‸ }",
        &["openssh", "openssh-doc", "openssh-keygen"],
    );
    proposes(
        "packages { install openssh\n install openssh‸ }",
        &["openssh-doc", "openssh-keygen"],
    );
    proposes("packages { install keygen‸ }", &["openssh-keygen"]);
    assert_eq!(
        shown(&plain(), "packages { install only‸ }"),
        "only-edge (2-r0, 1 B, needs tag=edge): packages { install only-edge tag=edge }"
    );
    proposes(
        "packages { install openssh version=\"‸\" }",
        &["~9.6", "=9.6-r0"],
    );
    assert_eq!(
        shown(
            &plain(),
            "toolchain r { alpine packages=\"busybox mus‸ docs\" }"
        ),
        "musl (1.2-r0, 600 B): toolchain r { alpine packages=\"busybox musl docs\" }"
    );
    proposes(
        "toolchain r { alpine packages=\"musl openssh ‸",
        &[
            "busybox",
            "docs",
            "openssh-doc",
            "openssh-keygen",
            "only-edge",
        ],
    );
    let (_, list) = ask(&able(), "kernel { package busy‸ }");
    let Some(lsp::Documentation::MarkupContent(about)) = &list.items[0].documentation else {
        panic!("documentation");
    };
    assert_eq!(
        about.value,
        "many tools in one\n\n1.36-r1 from `v3.22/main`, 500 B to fetch, 900 B installed\n\nlocked: 1.36-r1"
    );
}

#[test]
fn modules_firmware_and_symbols_come_from_the_kernel() {
    assert_eq!(
        shown(&plain(), "modules { stage1 failover ‸ }"),
        "net_failover (4.0 KiB): modules { stage1 failover net_failover }\n\
         radio (4.0 KiB): modules { stage1 failover radio }\n\
         virtio_net (4.0 KiB): modules { stage1 failover virtio_net }\n\
         optional (optional=#true|#false): modules { stage1 failover optional=#true }\n\
         ext4 (built in: nothing to load): modules { stage1 failover ext4 }"
    );
    proposes("modules { stage1 virtio-‸; }", &["virtio-net"]);
    proposes("modules { stage1 virtio_net; stage1 virt‸ }", &[]);
    assert_eq!(
        shown(&plain(), "firmware { keep \"‸\" }"),
        "radio/: firmware { keep \"radio/\" }\nsound/: firmware { keep \"sound/\" }"
    );
    proposes(
        "firmware { keep \"sound/‸\" }",
        &[
            "sound/*",
            "sound/link.bin",
            "sound/one.bin",
            "sound/two.bin",
        ],
    );
    assert_eq!(
        shown(&able(), "kernel { config { set NET‸ } }"),
        "CONFIG_NET (bool): kernel { config { set CONFIG_NET=y } }\n\
         CONFIG_NET_CORE (tristate): kernel { config { set CONFIG_NET_CORE=y } }"
    );
    proposes("kernel { config { set CONFIG_NET=‸ } }", &["y", "n"]);
    proposes(
        "kernel { config { set CONFIG_NET_CORE=‸ } }",
        &["y", "m", "n"],
    );
    proposes(
        "kernel { config { set CONFIG_NET=y CONFIG_‸ } }",
        &["CONFIG_NET_CORE"],
    );
}

#[test]
fn where_nothing_is_cached_a_command_is_named_and_nothing_inserted() {
    for (text, command) in [
        (
            "packages { install bu‸ }",
            "`zosc lock` fetches the names of packages",
        ),
        (
            "modules { stage1 ‸ }",
            "`zosc lock` fetches the names of modules",
        ),
        (
            "firmware { keep \"‸\" }",
            "`zosc lock` fetches the names of firmware files",
        ),
        (
            "kernel { config { set ‸ } }",
            "`zosc build` fetches the kernel's symbols",
        ),
    ] {
        let (text, offset) = marked(text);
        let list = ask_as(&able(), &made::nothing(), &text, offset, None);
        let mut hints = list.items.iter().filter(|item| item.label == command);
        let hint = hints.next().unwrap_or_else(|| panic!("{list:?}"));
        assert!(list.is_incomplete && hints.next().is_none());
        let bare = |text: &str| text.replace(' ', "");
        assert_eq!(bare(&accepted(&able(), &text, hint)), bare(&text));
    }
    // Nothing is read for a manifest that never was right.
    let (text, offset) = marked("packages { install ‸");
    let list = ask_as(&able(), &Knowledge::default(), &text, offset, None);
    let label = &list.items.last().unwrap().label;
    assert_eq!(
        label,
        "the names of packages are known once nothing is wrong with the manifest"
    );
}

#[test]
fn of_very_many_the_first_come_and_the_client_asks_again() {
    let index: String = (0..23_000)
        .map(|number| format!("C:Q1a=\nP:package-{number:05}\nV:1-r0\nS:1\nI:1\nT:\n\n"))
        .collect();
    let knowledge = made::offering(&index);
    let asked = |text: &str| {
        let (text, offset) = marked(text);
        ask_as(&able(), &knowledge, &text, offset, None)
    };
    let list = asked("packages { install pack‸ }");
    assert!(list.is_incomplete && list.items.len() == MOST);
    let list = asked("packages { install package-2222‸ }");
    assert!(!list.is_incomplete && list.items.len() >= 10);
    assert_eq!(list.items[0].label, "package-22220");
}

#[test]
fn units_are_offered_without_the_one_itself_and_rings_come_last() {
    let text = "import \"units/site.kdl\"\nunit a { after b; }\nunit b { exec x; }\nunit c { oneshot; disabled; }\nunit b2 { after ‸ }\n";
    assert_eq!(
        shown(&plain(), text),
        "a: unit b2 { after a }\nb (x): unit b2 { after b }\nsite (target): unit b2 { after site }\nc (switched off): unit b2 { after c }"
    );
    assert_eq!(
        shown(&plain(), "unit a { after b; }\nunit b { after ‸ }\n"),
        "a (waits for `b` already): unit b { after a }"
    );
    proposes(
        "flist modules { mount \"/x\"; }\nunit a { requires ‸ }",
        &["rfs-modules"],
    );
    proposes(
        "unit a { oneshot; }\nboot { expect \"‸\" }",
        &["unit a success"],
    );
}

#[test]
fn names_of_the_manifest_are_offered_where_something_refers_to_them() {
    proposes("toolchain rust\nkernel { toolchain ‸ }", &["rust"]);
    proposes(
        "toolchain rust\nsource a { build cargo toolchain=‸ }",
        &["rust"],
    );
    proposes(
        "source a { build cargo { bin x y }\n install ‸ }",
        &["x", "y", "to", "mode"],
    );
    proposes("group wheel\naccount a { groups w‸ }", &["wheel"]);
    proposes(
        "alpine \"3.22\" { repository testing tag=edge }\npackages { install tag=‸ }",
        &["edge"],
    );
}

#[test]
fn secrets_are_read_from_the_environment() {
    assert_eq!(
        shown(&plain(), "publish s3 { key-id (env)MY_ID\n secret ‸ }"),
        "(env)MY_ID (read from the environment): secret (env)MY_ID }\n(env)S3_SECRET (read from the environment): secret (env)S3_SECRET }"
    );
    proposes("kernel { sign key=(‸ }", &["env"]);
    proposes("kernel { sign key=(env)‸ }", &["SB_KEY"]);
}

#[test]
fn variables_are_offered_behind_an_open_brace() {
    proposes("outputs { efi \"vmlinuz-{k‸\" }", &["{kernel}"]);
    assert_eq!(
        shown(&plain(), "outputs { efi \"a-{ke‸rnel}.efi\" }")
            .lines()
            .next(),
        Some(
            "{kernel} (The kernel and how the image is packed around it.): outputs { efi \"a-{kernel}.efi\" }"
        )
    );
    proposes("branding { motd text=\"{‸}\" }", &["{build-id}"]);
}

#[test]
fn paths_are_offered_one_folder_at_a_time() {
    proposes("overlay ‸", &["kernel/", "keys/", "units/", "motd", "to"]);
    assert_eq!(
        shown(&plain(), "account root { authorized-keys \"keys/‸\" }"),
        "keys/ops.pub: account root { authorized-keys \"keys/ops.pub\" }\nkeys/.hidden: account root { authorized-keys \"keys/.hidden\" }"
    );
    assert_eq!(shown(&plain(), "overlay key‸"), "keys/: overlay \"keys/");
    assert_eq!(shown(&able(), "overlay key‸"), "keys/: overlay \"keys/\"");
    assert_eq!(shown(&plain(), "overlay \"mo‸"), "motd: overlay \"motd\"");
    proposes("import \"units/‸\"", &["units/site.kdl"]);
    assert!(labels("import \"std:zero-os/s‸\"").contains(&"std:zero-os/sshd".to_owned()));
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
