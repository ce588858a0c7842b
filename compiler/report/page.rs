//! The page itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Subject, gather};
use crate::tree::{Digest, Store};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// In the order in which they need each other.
const SCRIPTS: [&str; 6] = [
    include_str!("page/basics.js"),
    include_str!("page/treemap.js"),
    include_str!("page/units.js"),
    include_str!("page/timeline.js"),
    include_str!("page/tables.js"),
    include_str!("page/start.js"),
];

/// The page about an image.
pub fn page(subject: &Subject, store: &Store) -> String {
    let data = serde_json::to_string(&gather(subject, store));
    let data = inert(&data.expect("names and numbers are always JSON"));
    let script = format!("'use strict';\n{}", SCRIPTS.concat());
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(STYLE)
    );
    // The title is markup, so it is the one text that has to be escaped as such.
    let filled = [
        ("{{policy}}", policy),
        ("{{title}}", escaped(&subject.name)),
        ("{{style}}", STYLE.to_owned()),
        ("{{data}}", data),
        ("{{script}}", script),
    ];
    // What is filled in is not looked at again: a name may hold `{{data}}`.
    let mut page = String::new();
    let mut rest = HTML;
    for (place, text) in &filled {
        let (before, behind) = rest
            .split_once(place)
            .expect("the page has its places in this order");
        page.push_str(before);
        page.push_str(text);
        rest = behind;
    }
    page + rest
}

/// JSON in which nothing can end a script element or begin a comment in one.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// How a policy names a text that may be used.
fn hash(text: &str) -> String {
    let digest = Digest::of(text.as_bytes());
    format!("sha256-{}", BASE64.encode(digest.as_bytes()))
}
