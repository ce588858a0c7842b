//! Commands above nodes of a manifest.

use serde_json::{Value, json};

use crate::client::{Client, HEAD};

/// The lenses of an open text: line, command, steps.
fn lenses(client: &mut Client, name: &str) -> Vec<String> {
    let document = json!({ "uri": client.uri(name) });
    let found = client.request("textDocument/codeLens", json!({ "textDocument": document }));
    let shown = |lens: &Value| {
        let (line, command) = (&lens["range"]["start"]["line"], &lens["command"]);
        let steps = command["arguments"][0]["steps"].as_array().unwrap();
        let steps: Vec<String> = steps.iter().map(Value::to_string).collect();
        format!(
            "{line} {} {}",
            command["command"].as_str().unwrap(),
            steps.join(" ")
        )
    };
    found.as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn an_image_can_be_checked_and_built() {
    let mut client = Client::new(&[]);
    assert!(client.offers["codeLensProvider"].is_object());
    let text = format!("{HEAD}file \"/é\" text=\"\"\noutputs {{ initramfs \"x.cpio\" }}\nboot\n");
    client.open_text("zos.kdl", &text);
    client.diagnostics("zos.kdl");
    assert_eq!(
        lenses(&mut client, "zos.kdl"),
        [
            r#"1 zosc.check ["check","zos.kdl"]"#,
            r#"1 zosc.build ["build","zos.kdl"]"#,
            r#"3 zosc.build ["build","zos.kdl"]"#,
        ]
    );
}

#[test]
fn a_source_of_an_imported_file_is_built_by_its_manifest() {
    let part = "source tool {\n    path tool\n    build make toolchain=host\n    install tool to=\"/bin/tool\"\n}\ntoolchain host { host }\n";
    let mut client = Client::new(&[
        (
            "zos.kdl",
            &format!("{HEAD}import \"part.kdl\"\noutputs {{ initramfs \"x.cpio\" }}\n"),
        ),
        ("part.kdl", part),
        ("tool/Makefile", "tool:\n"),
    ]);
    client.open("zos.kdl");
    client.open("part.kdl");
    client.diagnostics("part.kdl");
    assert_eq!(
        lenses(&mut client, "part.kdl"),
        [
            r#"0 zosc.source ["shell","tool","--manifest","zos.kdl","--","/build/run"]"#,
            r#"0 zosc.shell ["shell","tool","--manifest","zos.kdl"]"#,
        ]
    );
    // Broken text has what is known of its last good state.
    client.change("part.kdl", &format!("/* é */ {} {{", part.trim_end()));
    assert_eq!(lenses(&mut client, "part.kdl").len(), 2);
}
