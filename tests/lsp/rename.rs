//! Names change everywhere at once, or not at all.

use serde_json::{Value, json};

use crate::client::{Client, HEAD};

/// Asks for another name of what the cursor stands at in an open text.
fn rename(client: &mut Client, name: &str, place: &Value, new: &str) -> Result<Value, String> {
    let document = json!({ "uri": client.uri(name) });
    client.try_request(
        "textDocument/rename",
        json!({ "textDocument": document, "position": place, "newName": new }),
    )
}

const SITE: &str = "/* 🦀 */ unit network { target }\nunit ssh { target; requires network }\n";

#[test]
fn a_unit_changes_across_an_import_and_back() {
    let manifest = format!(
        "{HEAD}import \"units/site.kdl\"\nzinit dialect=toml\nunit a {{ target; after network \"network\" }} // network\n"
    );
    let mut client = Client::new(&[("zos.kdl", &manifest), ("units/site.kdl", SITE)]);
    client.open("zos.kdl");
    let place = client.change("zos.kdl", &manifest.replace("after net", "after ‸net"));
    assert_eq!(client.problems("zos.kdl"), "");
    let edit = rename(&mut client, "zos.kdl", &place, "net").unwrap();
    let mut changed = client.apply(&edit);
    changed.sort();
    assert_eq!(changed, ["units/site.kdl", "zos.kdl"]);
    assert_eq!(
        client.text("zos.kdl").as_str(),
        manifest.replace("after network \"network\"", "after net \"net\"")
    );
    let site = std::fs::read_to_string(client.path("units/site.kdl")).unwrap();
    assert_eq!(site, SITE.replace("network", "net"));
    client.files_changed(&["units/site.kdl"]);
    assert_eq!(client.problems("zos.kdl"), "");
    let edit = rename(&mut client, "zos.kdl", &place, "network").unwrap();
    client.apply(&edit);
    assert_eq!(client.text("zos.kdl").as_str(), manifest);
    let site = std::fs::read_to_string(client.path("units/site.kdl")).unwrap();
    assert_eq!(site, SITE);
}

#[test]
fn an_editor_that_minds_no_versions_gets_plain_changes() {
    let mut client = Client::plain(&[]);
    let place = client.open_text("zos.kdl", &format!("{HEAD}toolchain ‸rust {{ host }}\nsource a {{ path \".\"; build make toolchain=rust }}\n"));
    let edit = rename(&mut client, "zos.kdl", &place, "tools").unwrap();
    assert_eq!(edit["changes"].as_object().unwrap().len(), 1);
    client.apply(&edit);
    assert_eq!(
        client.text("zos.kdl").as_str(),
        format!(
            "{HEAD}toolchain tools {{ host }}\nsource a {{ path \".\"; build make toolchain=tools }}\n"
        )
    );
}

#[test]
fn an_editor_is_told_first_what_would_change() {
    let mut client = Client::new(&[]);
    let text = format!("{HEAD}boot {{ expect \"unit é‸ up\" }}\nunit é {{ target }}\n");
    let place = client.open_text("zos.kdl", &text);
    let answer = client.request_at("textDocument/prepareRename", "zos.kdl", &place);
    assert_eq!(answer["placeholder"], "é");
    let range = &answer["range"];
    assert_eq!(
        (&range["start"]["character"], &range["end"]["character"]),
        (&json!(20), &json!(21))
    );
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let text = "import \"std:zero-os/udev\"\nzinit dialect=toml\n/* é */ unit a { target; after udevd }\nunit b { target; after a }\n";
    let refused = |cursor: &str, new: &str| {
        let mut client = Client::new(&[]);
        let text = text.replacen(&cursor.replace('‸', ""), cursor, 1);
        let place = client.open_text("zos.kdl", &format!("{HEAD}{text}"));
        rename(&mut client, "zos.kdl", &place, new).unwrap_err()
    };
    assert!(refused("unit ‸a", "b").ends_with("there is a unit `b` already, in `zos.kdl`"));
    assert!(refused("after u‸devd", "x").ends_with(
        "the unit `udevd` stands in `std:zero-os/udev`, which ships with zosc and cannot be changed"
    ));
    assert!(refused("unit ‸a", "a b").ends_with("letters, digits, `.`, `_`, `-`"));
    assert!(refused("un‸it a", "c").ends_with("nothing here has a name of its own"));
}

#[test]
fn the_outcome_is_checked() {
    let mut client = Client::new(&[]);
    let text = format!(
        "{HEAD}zinit dialect=toml\nfile \"/etc/zinit/services/own.toml\" text=\"[service]\\nname = \\\"there\\\"\\nexec = \\\"true\\\"\\n\"\nunit th‸ere {{ external }}\nunit d {{ exec \"/bin/d\"; requires there }}\n"
    );
    let place = client.open_text("zos.kdl", &text);
    let why = rename(&mut client, "zos.kdl", &place, "elsewhere").unwrap_err();
    assert!(
        why.contains("that would bring a problem: zinit 0.3 never starts `d`"),
        "{why}"
    );
}

#[test]
fn a_broken_text_is_no_obstacle() {
    let mut client = Client::new(&[]);
    let text = format!("{HEAD}unit a {{\n    target\nunit b {{ requires ‸a; exec \"/bin/b\n");
    let place = client.open_text("zos.kdl", &text);
    let edit = rename(&mut client, "zos.kdl", &place, "c").unwrap();
    client.apply(&edit);
    let expected = text
        .replace('‸', "")
        .replace("unit a", "unit c")
        .replace("requires a", "requires c");
    assert_eq!(client.text("zos.kdl").as_str(), expected);
}
