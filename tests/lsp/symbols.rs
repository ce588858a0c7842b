//! Outlines, names of the whole workspace, what folds, what is selected.

use serde_json::{Value, json};

use crate::client::{Client, HEAD};

/// A text in which something is open that nothing closes, behind signs that take two units of UTF-16.
const TEXT: &str = "// é🦀\nimage test version=\"1\" {\n    title \"T 🦀\"\n}\nimport \"units/site.kdl\"\nunit sshd {\n    exec \"/usr/sbin/sshd -D\"\n    oneshot\n    requires network udev\n}\n/-unit gone {\n    target\n}\nsource z {\n    git \"https://example.org/z\" rev=v1\n    build cargo { bin z }\n";

fn about(client: &Client, name: &str) -> Value {
    json!({ "textDocument": { "uri": client.uri(name) } })
}

/// One line a symbol, indented.
fn outline(symbols: &Value, depth: usize, lines: &mut String) {
    for symbol in symbols.as_array().into_iter().flatten() {
        let (range, name) = (&symbol["range"], &symbol["selectionRange"]);
        let place = |at: &Value| format!("{}:{}", at["line"], at["character"]);
        *lines += &format!(
            "{}{} ({}) {} {}-{} at {}\n",
            "  ".repeat(depth),
            symbol["name"].as_str().unwrap(),
            symbol["detail"].as_str().unwrap_or_default(),
            symbol["kind"],
            place(&range["start"]),
            place(&range["end"]),
            place(&name["start"]),
        );
        outline(&symbol["children"], depth + 1, lines);
    }
}

#[test]
fn an_outline_has_the_nodes_as_they_nest() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", TEXT);
    let answer = client.request("textDocument/documentSymbol", about(&client, "zos.kdl"));
    let mut lines = String::new();
    outline(&answer, 0, &mut lines);
    insta::assert_snapshot!(format!("{TEXT}\n-----\n{lines}"));
}

#[test]
fn an_editor_without_trees_gets_a_list() {
    let mut client = Client::plain(&[]);
    client.open_text("zos.kdl", TEXT);
    let answer = client.request("textDocument/documentSymbol", about(&client, "zos.kdl"));
    let names: Vec<&str> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|symbol| symbol["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "image test",
            "import units/site.kdl",
            "unit sshd",
            "source z"
        ]
    );
    assert_eq!(answer[2]["location"]["range"]["start"]["line"], 5);
}

#[test]
fn names_of_all_files_are_found_by_their_letters() {
    let manifest = format!(
        "{HEAD}import \"units/site.kdl\"\nimport \"std:zero-os/udev\"\nunit web {{ target }}\n"
    );
    let mut client = Client::new(&[
        ("zos.kdl", &manifest),
        (
            "units/site.kdl",
            "/* 🦀 */ unit website { target }\ntoolchain web2 { host }\n",
        ),
    ]);
    client.open("zos.kdl");
    client.diagnostics("zos.kdl");
    let mut found = |query: &str| -> Vec<String> {
        let answer = client.request("workspace/symbol", json!({ "query": query }));
        answer
            .as_array()
            .unwrap()
            .iter()
            .map(|symbol| {
                let start = &symbol["location"]["range"]["start"];
                let (name, container) = (&symbol["name"], &symbol["containerName"]);
                format!(
                    "{} in {} at {}:{}",
                    name.as_str().unwrap(),
                    container.as_str().unwrap(),
                    start["line"],
                    start["character"]
                )
            })
            .collect()
    };
    assert_eq!(
        found("WEB"),
        [
            "web in unit, zos.kdl at 4:5",
            "website in unit, site.kdl at 0:14",
            "web2 in toolchain, site.kdl at 1:10"
        ]
    );
    assert_eq!(found("udevd").len(), 1);
    assert!(found("nothing like that").is_empty());
}

#[test]
fn blocks_fold_up_to_the_line_of_their_brace() {
    let mut abilities = json!({});
    abilities["textDocument"]["foldingRange"] = json!({ "lineFoldingOnly": true });
    let mut client = Client::able(&abilities, &[]);
    client.open_text("zos.kdl", TEXT);
    let answer = client.request("textDocument/foldingRange", about(&client, "zos.kdl"));
    let folds: Vec<(u64, u64, &str)> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|fold| {
            let line = |name: &str| fold[name].as_u64().unwrap();
            assert_eq!(fold.get("startCharacter"), None);
            (
                line("startLine"),
                line("endLine"),
                fold["kind"].as_str().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(
        folds,
        [(1, 2, ""), (5, 8, ""), (10, 12, "comment"), (13, 15, "")]
    );
}

#[test]
fn a_selection_grows() {
    let mut client = Client::new(&[]);
    let place = client.open_text("zos.kdl", &TEXT.replace("network", "net‸work"));
    let parameters = json!({
        "textDocument": { "uri": client.uri("zos.kdl") },
        "positions": [place, { "line": 99, "character": 0 }],
    });
    let answer = client.request("textDocument/selectionRange", parameters);
    let mut sizes = Vec::new();
    let mut next = &answer[0];
    while !next.is_null() {
        let at = |end: &str| {
            (
                next["range"][end]["line"].as_u64().unwrap(),
                next["range"][end]["character"].as_u64().unwrap(),
            )
        };
        sizes.push((at("start"), at("end")));
        next = &next["parent"];
    }
    assert_eq!(
        sizes,
        [
            ((8, 13), (8, 20)),
            ((8, 4), (8, 25)),
            ((6, 4), (8, 25)),
            ((5, 10), (9, 1)),
            ((5, 0), (9, 1)),
            ((0, 0), (16, 0)),
        ]
    );
    assert_eq!(answer.as_array().unwrap().len(), 2);
}
