//! The page itself.

use super::{Subject, gather};
use crate::html::{Page, escaped};
use crate::tree::Store;

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
    let parts = Page {
        template: HTML,
        style: STYLE,
        script: &script,
    };
    // The title is markup, so it is the one text that has to be escaped as such.
    parts.fill(
        &[("{{title}}", &escaped(&subject.name))],
        &[("{{data}}", &data)],
    )
}

/// JSON in which nothing can end a script element or begin a comment in one.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}
