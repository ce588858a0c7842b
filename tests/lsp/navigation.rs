//! From names to where they are declared and used, and from paths to files.

use serde_json::{Value, json};

use crate::client::{Client, HEAD, able};

/// A manifest with an import; the cursor stands at `‸` in one of the two.
fn project(manifest: &str, site: &str) -> (Client, Value) {
    let mut client = Client::new(&[
        ("zos.kdl", &manifest.replace('‸', "")),
        ("units/site.kdl", &site.replace('‸', "")),
        ("files/motd", "hello\n"),
        ("rootfs/etc/hosts", "127.0.0.1\n"),
    ]);
    let in_site = site.contains('‸');
    let name = if in_site { "units/site.kdl" } else { "zos.kdl" };
    let text = if in_site { site } else { manifest };
    let place = client.open_text(name, text);
    client.diagnostics(name);
    (client, json!({ "name": name, "place": place }))
}

/// Locations as `file:line:start-end`, with the text that they cover.
fn shown(client: &Client, locations: &Value) -> Vec<String> {
    let locations = locations.as_array().cloned().unwrap_or_default();
    locations
        .iter()
        .map(|location| one(client, location))
        .collect()
}

fn one(client: &Client, location: &Value) -> String {
    let uri = location["uri"].as_str().unwrap();
    let folder = client.uri("");
    let name = uri.strip_prefix(folder.as_str()).unwrap_or(uri);
    let at = |end: &str| location["range"][end].clone();
    let (start, end) = (at("start"), at("end"));
    format!(
        "{name}:{}:{}-{}",
        start["line"], start["character"], end["character"]
    )
}

fn ask(client: &mut Client, at: &Value, method: &str) -> Vec<String> {
    let answer = client.request_at(method, at["name"].as_str().unwrap(), &at["place"]);
    shown(client, &answer)
}

fn definition(manifest: &str, site: &str) -> Vec<String> {
    let (mut client, at) = project(&format!("{HEAD}{manifest}"), site);
    ask(&mut client, &at, "textDocument/definition")
}

#[test]
fn names_lead_to_their_declarations() {
    let imports = "import \"units/site.kdl\"\n";
    let site = "unit é { target }\nunit site { target }\n";
    let from_edge = format!("{imports}/* é🦀 */ unit a {{ target; requires ‸site }}\n");
    assert_eq!(definition(&from_edge, site), ["units/site.kdl:1:5-9"]);
    let from_text = format!("{imports}boot {{ expect \"unit s‸ite up\" }}\n");
    assert_eq!(definition(&from_text, site), ["units/site.kdl:1:5-9"]);
    let upwards = "unit b { target; after ‸a }\n";
    assert_eq!(
        definition(&format!("{imports}unit a {{ target }}\n"), upwards),
        ["zos.kdl:3:5-6"]
    );
    let template = "source z { path . }\noutputs { efi \"{source.z‸.rev}-{version}.efi\" }\n";
    assert_eq!(definition(template, ""), ["zos.kdl:2:7-8"]);
    let variable = "outputs { efi \"{ver‸sion}.efi\" }\n";
    assert_eq!(definition(variable, ""), ["zos.kdl:1:20-21"]);
    let program = "source z { build cargo { bin \"zed\" }; install ‸zed to=\"/bin/z\" }\nsource y { build cargo { bin zed } }\n";
    assert_eq!(definition(program, ""), ["zos.kdl:2:30-33"]);
    let command = "file \"/bin/z\" text=x\nunit z { exec \"/bin‸/z -f\" }\n";
    assert_eq!(definition(command, ""), ["zos.kdl:2:6-12"]);
    let owner = "account a uid=1000 { }\nfile /x uid=‸1000 text=x\n".replace("/x", "\"/x\"");
    assert_eq!(definition(&owner, ""), ["zos.kdl:2:14-18"]);
    let stage = "modules { stage1 a; stage1 b; stage2 c }\nfirmware { for-modules ‸stage1 }\n";
    assert_eq!(
        definition(stage, ""),
        ["zos.kdl:2:10-16", "zos.kdl:2:20-26"]
    );
}

#[test]
fn a_unit_that_is_switched_off_leads_to_where_it_comes_from() {
    let manifest = "import \"units/site.kdl\"\nunit s‸ite { disabled }\n";
    assert_eq!(
        definition(manifest, "unit site { target }\n"),
        ["units/site.kdl:0:5-9"]
    );
}

#[test]
fn names_of_the_library_lead_there() {
    let manifest = "import \"std:zero-os/udev\"\nunit a { target; after ude‸vd }\n";
    let found = definition(manifest, "");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("zosc:/std/zero-os/udev.kdl:"),
        "{found:?}"
    );
}

#[test]
fn editors_that_show_files_alone_get_the_library_as_files() {
    let mut client = Client::plain(&[]);
    let manifest =
        format!("{HEAD}import \"std:zero-os/udev\"\nunit a {{ target; after ude‸vd }}\n");
    let place = client.open_text("zos.kdl", &manifest);
    let found = client.request_at("textDocument/definition", "zos.kdl", &place);
    let uri = found[0]["uri"].as_str().unwrap().to_owned();
    let name = uri
        .strip_prefix(client.uri("").as_str())
        .unwrap()
        .to_owned();
    assert!(name.starts_with(".store/library/"), "{name}");
    // From there, the manifest that imports it is known.
    client.open(&name);
    assert_eq!(client.problems(&name), "");
    let place = found[0]["range"]["start"].clone();
    let all = client.request(
        "textDocument/references",
        json!({
            "textDocument": { "uri": uri },
            "position": place,
            "context": { "includeDeclaration": false },
        }),
    );
    assert!(
        shown(&client, &all).contains(&"zos.kdl:3:23-28".to_owned()),
        "{all}"
    );
}

#[test]
fn paths_lead_to_files() {
    assert_eq!(
        definition("import \"units/‸site.kdl\"\n", ""),
        ["units/site.kdl:0:0-0"]
    );
    assert_eq!(
        definition("import ‸\"std:zero-os/base\"\n", ""),
        ["zosc:/std/zero-os/base.kdl:0:0-0"]
    );
    assert_eq!(
        definition("file \"/etc/motd\" from=\"files/mo‸td\"\n", ""),
        ["files/motd:0:0-0"]
    );
    assert_eq!(
        definition(
            "overlay rootfs to=\"/\"\nunit a { exec \"cat /etc/ho‸sts\" }\n",
            ""
        ),
        ["rootfs/etc/hosts:0:0-0"]
    );
    assert!(definition("file \"/etc/motd\" from=\"files/‸nothing\"\n", "").is_empty());
    assert!(definition("unit a { target; after ‸nobody }\n", "").is_empty());
}

#[test]
fn clients_that_know_links_learn_where_they_came_from() {
    let mut abilities = able();
    abilities["textDocument"]["definition"] = json!({ "linkSupport": true });
    let mut client = Client::able(&abilities, &[]);
    let text = format!("{HEAD}unit é {{ target; }}\nunit a {{ target; after ‸é }}\n");
    let place = client.open_text("zos.kdl", &text);
    let links = client.request_at("textDocument/definition", "zos.kdl", &place);
    let range = |line: u32, start: u32, end: u32| json!({ "start": { "line": line, "character": start }, "end": { "line": line, "character": end } });
    assert_eq!(links[0]["originSelectionRange"], range(3, 23, 24));
    assert_eq!(links[0]["targetSelectionRange"], range(2, 5, 6));
    assert_eq!(links[0]["targetRange"], range(2, 0, 18));
}

#[test]
fn references_are_found_everywhere_with_and_without_declarations() {
    let manifest = format!(
        "{HEAD}import \"units/site.kdl\"\n/* 🦀 */ unit a {{ target; after site; }} /-unit b {{ after site }}\nboot {{ expect \"unit site up\" }}\n"
    );
    let (mut client, at) = project(&manifest, "unit s‸ite { target }\nunit c { after site");
    for (with, mut expected) in [(true, vec!["units/site.kdl:0:5-9"]), (false, Vec::new())] {
        let answer = client.request(
            "textDocument/references",
            json!({
                "textDocument": { "uri": client.uri("units/site.kdl") },
                "position": at["place"],
                "context": { "includeDeclaration": with },
            }),
        );
        expected.insert(0, "zos.kdl:4:20-24");
        expected.insert(0, "zos.kdl:3:32-36");
        expected.push("units/site.kdl:1:15-19");
        assert_eq!(shown(&client, &answer), expected);
    }
}

#[test]
fn both_encodings_count_their_own_way() {
    let text = format!("{HEAD}/* é🦀 */ unit a {{ target }}\nunit b {{ target; after ‸a }}\n");
    let mut abilities = able();
    for (encodings, column) in [(json!(["utf-16"]), 15), (json!(["utf-8", "utf-16"]), 18)] {
        abilities["general"] = json!({ "positionEncodings": encodings });
        let mut client = Client::able(&abilities, &[]);
        let place = client.open_text("zos.kdl", &text);
        let found = client.request_at("textDocument/definition", "zos.kdl", &place);
        assert_eq!(
            found[0]["range"]["start"],
            json!({ "line": 2, "character": column })
        );
    }
}

#[test]
fn other_places_in_the_text_light_up() {
    let text = "unit a { target }\nunit b { requires ‸a; exec \"/bin/a";
    let mut client = Client::plain(&[]);
    let place = client.open_text("zos.kdl", text);
    let found = client.request_at("textDocument/documentHighlight", "zos.kdl", &place);
    let found: Vec<(u64, u64, u64)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let start = &one["range"]["start"];
            let number = |value: &Value| value.as_u64().unwrap();
            (
                number(&start["line"]),
                number(&start["character"]),
                number(&one["kind"]),
            )
        })
        .collect();
    assert_eq!(found, [(0, 5, 3), (1, 18, 2)]);
}

#[test]
fn files_and_addresses_are_links() {
    let text = "import \"std:zero-os/base\"\nimport \"units/site.kdl\"\nimport \"nothing.kdl\"\nsource z { git \"https://example.org/z\"; patch \"files/motd\" }\nfile \"/x\" from=\"files/motd\"\nkernel { tarball \"https://example.org/{version}\" ";
    let (mut client, at) = project(&format!("{text}‸"), "");
    let answer = client.request(
        "textDocument/documentLink",
        json!({ "textDocument": { "uri": client.uri(at["name"].as_str().unwrap()) } }),
    );
    let folder = client.uri("");
    let links: Vec<String> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|link| {
            let target = link["target"].as_str().unwrap();
            let target = target.strip_prefix(folder.as_str()).unwrap_or(target);
            format!("{} {target}", link["range"]["start"]["line"])
        })
        .collect();
    assert_eq!(
        links,
        [
            "0 zosc:/std/zero-os/base.kdl",
            "1 units/site.kdl",
            "3 https://example.org/z",
            "3 files/motd",
            "4 files/motd",
        ]
    );
}

#[test]
fn what_the_server_offers_is_said() {
    let client = Client::new(&[]);
    for offer in [
        "definitionProvider",
        "referencesProvider",
        "documentHighlightProvider",
        "documentSymbolProvider",
        "workspaceSymbolProvider",
        "foldingRangeProvider",
        "selectionRangeProvider",
    ] {
        assert_eq!(client.offers[offer], true, "{offer}");
    }
    assert_eq!(client.offers["renameProvider"]["prepareProvider"], true);
    let plain = Client::plain(&[]);
    assert_eq!(plain.offers["renameProvider"], true);
    assert_eq!(plain.offers["semanticTokensProvider"], Value::Null);
}
