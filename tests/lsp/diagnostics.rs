//! Problems are pushed: to each file its own, cleared when they are mended.

use crate::client::{Client, HEAD};

const WRONG: &str = "units { }\n";

#[test]
fn problems_are_told_and_taken_back() {
    let mut client = Client::new(&[]);
    // What stands before counts in the units of the encoding.
    client.open_text("zos.kdl", &format!("{HEAD}/* \u{1f980} */ pakages {{ }}\n"));
    insta::assert_snapshot!(client.problems("zos.kdl"), @r"2:9-2:16 error zosc::manifest::unknown-node: a manifest has no `pakages` | did you mean `packages`?");
    client.replace("zos.kdl", "pakages", "packages");
    assert_eq!(client.problems("zos.kdl"), "");
}

#[test]
fn an_imported_file_has_its_own_problems() {
    let manifest = format!("{HEAD}import \"units/site.kdl\"\n");
    let files = [("zos.kdl", &*manifest), ("units/site.kdl", WRONG)];
    let mut client = Client::new(&files);
    client.open("zos.kdl");
    assert_eq!(client.problems("zos.kdl"), "");
    let told = client.diagnostics_when("units/site.kdl", |_, told| !told.is_empty());
    assert_eq!(told[0]["code"], "zosc::manifest::unknown-node");
    client.open_text("units/site.kdl", "");
    assert_eq!(client.problems("units/site.kdl"), "");
    // Once it is closed, the file counts again.
    client.close("units/site.kdl");
    client.diagnostics_when("units/site.kdl", |_, told| !told.is_empty());
    client.close("zos.kdl");
    client.diagnostics_when("units/site.kdl", |_, told| told.is_empty());
}

#[test]
fn a_file_that_is_opened_alone_belongs_to_the_manifest_above() {
    let manifest = format!("{HEAD}import \"units/site.kdl\"\n");
    let files = [("zos.kdl", &*manifest), ("units/site.kdl", WRONG)];
    let mut client = Client::new(&files);
    client.open("units/site.kdl");
    let problems = client.problems("units/site.kdl");
    assert_eq!(problems.lines().count(), 1, "{problems}");
    // It stands alone once nobody imports it: then it lacks what a manifest has.
    client.write("zos.kdl", HEAD);
    client.files_changed(&["zos.kdl"]);
    client.diagnostics_when("units/site.kdl", |_, told| told.len() > 1);
}

#[test]
fn files_that_change_beside_the_editor_count() {
    let manifest = format!("{HEAD}import \"units/site.kdl\"\n");
    let mut client = Client::new(&[("zos.kdl", &manifest)]);
    client.open("zos.kdl");
    assert!(
        client
            .problems("zos.kdl")
            .contains("zosc::check::import-not-found")
    );
    client.write("units/site.kdl", "");
    client.files_changed(&["units/site.kdl"]);
    client.diagnostics_when("zos.kdl", |_, told| told.is_empty());
}

#[test]
fn second_places_pages_and_what_is_needless_are_marked() {
    let mut client = Client::new(&[]);
    let text = format!("{HEAD}unit a {{ exec \"/bin/a\" }}\nunit a {{ exec \"/bin/b\" }}\n");
    client.open_text("zos.kdl", &text);
    let told = client.diagnostics("zos.kdl");
    let told = told
        .iter()
        .find(|told| told["code"] == "zosc::check::duplicate-name")
        .unwrap();
    let related = &told["relatedInformation"][0];
    assert_eq!(related["location"]["range"]["start"]["line"], 2);
    let page = told["codeDescription"]["href"].clone();
    let page = client.request(
        "workspace/textDocumentContent",
        serde_json::json!({ "uri": page }),
    );
    let page = page["text"].as_str().unwrap();
    assert!(page.starts_with("# zosc::check::duplicate-name"), "{page}");
}

#[test]
fn a_plain_client_hears_second_places_in_words() {
    let mut client = Client::plain(&[]);
    let text = format!("{HEAD}unit a {{ exec \"/bin/a\" }}\nunit a {{ exec \"/bin/b\" }}\n");
    client.open_text("zos.kdl", &text);
    let told = client.diagnostics("zos.kdl");
    let told = told
        .iter()
        .find(|told| told["code"] == "zosc::check::duplicate-name")
        .unwrap();
    assert!(told.get("relatedInformation").is_none() && told.get("codeDescription").is_none());
    assert!(
        told["message"].as_str().unwrap().contains("(zos.kdl:3)"),
        "{told}"
    );
}

#[test]
fn what_is_typed_in_a_row_is_checked_once_and_as_it_is_at_last() {
    let mut client = Client::new(&[]);
    client.open_text("zos.kdl", HEAD);
    for _ in 0..20 {
        client.replace("zos.kdl", "edition 1", "edition 1\npakages");
    }
    let told = client.diagnostics("zos.kdl");
    assert_eq!(told.len(), 20, "{told:?}");
}
