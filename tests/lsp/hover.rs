//! Pages about words of a manifest.

use serde_json::Value;

use crate::client::{Client, HEAD, able};
use crate::locked::Locked;

/// What is told of the place with the cursor.
fn hover(client: &mut Client, text: &str) -> Value {
    let place = client.open_text("zos.kdl", text);
    client.request_at("textDocument/hover", "zos.kdl", &place)
}

fn value(hover: &Value) -> &str {
    hover["contents"]["value"].as_str().unwrap_or_default()
}

#[test]
fn a_property_is_told_with_its_range_as_the_client_counts() {
    let mut client = Client::new(&[]);
    assert_eq!(client.offers["hoverProvider"], true);
    let told = hover(
        &mut client,
        &format!("{HEAD}/* \u{1f980} */ boot mem‸ory=\"1GiB\"\n"),
    );
    assert_eq!(told["contents"]["kind"], "markdown");
    assert!(
        value(&told).starts_with("**`memory`** · property of `boot`"),
        "{told:#}"
    );
    let (start, end) = (&told["range"]["start"], &told["range"]["end"]);
    assert_eq!(
        (start["line"].as_u64(), start["character"].as_u64()),
        (Some(2), Some(14))
    );
    assert_eq!(end["character"], 20);
}

#[test]
fn a_client_without_markdown_gets_plain_text() {
    let mut client = Client::plain(&[]);
    let told = hover(&mut client, &format!("{HEAD}unit a {{ rest‸art never\n"));
    assert_eq!(told["contents"]["kind"], "plaintext");
    assert!(
        value(&told).starts_with("restart · node in `unit`"),
        "{told:#}"
    );
    let nothing = client.change("zos.kdl", "// com‸ment\n");
    assert!(
        client
            .request_at("textDocument/hover", "zos.kdl", &nothing)
            .is_null()
    );
}

#[test]
fn a_package_is_told_as_the_lock_has_it() {
    let mut locked = Locked::new(&able());
    let text = locked.manifest.replace("install marks", "install ma‸rks");
    let place = locked.client.open_text("zos.kdl", &text);
    let ask = |client: &mut Client| client.request_at("textDocument/hover", "zos.kdl", &place);
    let told = locked.until(ask, |told| value(told).contains("locked at"));
    let page = value(&told);
    assert!(page.contains("**`marks`** · package 2.1-r3"), "{page}");
    assert!(page.contains("- locked at 2.1-r3 from "), "{page}");
    assert!(page.contains("- brings in 2 packages"), "{page}");
}

#[test]
fn a_lock_that_comes_later_is_noticed() {
    let mut locked = Locked::unlocked(&able());
    let text = locked.manifest.replace("\"shell\"", "\"she‸ll\"");
    let place = locked.client.open_text("zos.kdl", &text);
    let ask = |client: &mut Client| client.request_at("textDocument/hover", "zos.kdl", &place);
    let told = locked.until(ask, |told| {
        value(told).contains("no other package") || value(told).contains("depends on it")
    });
    assert!(
        value(&told).contains("- no lock yet: `zosc lock` makes one"),
        "{told:#}"
    );
    locked.lock();
    locked.client.files_changed(&["zos.lock"]);
    let ask = |client: &mut Client| client.request_at("textDocument/hover", "zos.kdl", &place);
    let told = locked.until(ask, |told| value(told).contains("locked at"));
    assert!(
        value(&told).contains("- needed in the image by `marks`"),
        "{told:#}"
    );
}
