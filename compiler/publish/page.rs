//! `index.html`: the programs of a place for people, newest first.
//!
//! Comes in: the index. Goes out: one HTML text that needs nothing else. It is whole without its script, which only adds a field to
//! filter with and headings to sort by. Every name in it comes from a place that others write to, so each is escaped.

use super::index::{Index, Kernel, time};
use crate::diagnostic::bytes;
use crate::html::{Page, escaped};

/// Its name.
pub const NAME: &str = "index.html";

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The most rows; who looks for more reads `kernels.json`.
const MOST: usize = 1000;

/// The page about the programs of a place.
pub fn page(index: &Index) -> String {
    let rows: String = index.kernels.iter().take(MOST).map(row).collect();
    let parts = Page {
        template: HTML,
        style: STYLE,
        script: SCRIPT,
    };
    parts.fill(&[], &[("{{lead}}", &lead(index)), ("{{rows}}", &rows)])
}

/// How many there are, and since when.
fn lead(index: &Index) -> String {
    let newest = index.kernels.first();
    let Some(newest) = newest else {
        return "Nothing is published here yet.".to_owned();
    };
    let count = match index.kernels.len() {
        1 => "One kernel".to_owned(),
        count => format!("{count} kernels"),
    };
    let shown = match index.kernels.len().checked_sub(MOST) {
        Some(older @ 1..) => format!(
            ", of which the newest {MOST} are shown; the {older} others are in <a href=\"kernels.txt\">kernels.txt</a>"
        ),
        _ => String::new(),
    };
    let time = when(newest.details.modified);
    format!("{count}, newest first{shown}. The last one was published on {time}.")
}

fn row(kernel: &Kernel) -> String {
    let details = &kernel.details;
    let name = escaped(&kernel.name);
    let link = format!(
        "<a href=\"./{}\"><bdi>{name}</bdi></a>",
        encoded(&kernel.name)
    );
    let known = details.description.as_ref();
    let stands_for = known.and_then(|known| known.stands_for.as_deref());
    let stands_for = stands_for.map_or(String::new(), |versioned| {
        format!(
            " <span class=\"soft\">is <bdi>{}</bdi></span>",
            escaped(versioned)
        )
    });
    let image = known.map(|known| {
        let version = &known.version;
        format!(
            "<bdi>{}</bdi> <bdi>{}</bdi>",
            escaped(&known.image),
            escaped(version)
        )
    });
    let release = known.map(|known| format!("<bdi>{}</bdi>", escaped(&known.kernel)));
    let digest = known.map(|known| {
        let sha256 = known.sha256;
        format!("<code class=\"digest\" title=\"SHA-256 {sha256}\">{sha256}</code>")
    });
    let cells = [
        cell("Image", "", image.as_deref()),
        cell("Kernel", "", release.as_deref()),
        cell("Published", "", Some(&when(details.modified))),
        sized(details.size),
        cell("SHA-256", "", digest.as_deref()),
    ];
    format!(
        "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">{link}{stands_for}</th>{}</tr>\n",
        cells.concat()
    )
}

fn cell(label: &str, attributes: &str, content: Option<&str>) -> String {
    let content = content.unwrap_or("<span class=\"soft\">not known</span>");
    format!("<td role=\"cell\" data-label=\"{label}\"{attributes}>{content}</td>")
}

fn sized(size: u64) -> String {
    let attributes = format!(" class=\"number\" data-value=\"{size}\"");
    cell("Size", &attributes, Some(&bytes(size)))
}

/// A time for people, which programs can read as well.
fn when(milliseconds: i64) -> String {
    let text = time::text(milliseconds);
    let shown = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!("<time datetime=\"{text}\">{shown}&nbsp;UTC</time>")
}

/// A name as a part of an address.
fn encoded(name: &str) -> String {
    let sign = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::index::Listed;

    fn index(names: &[&str]) -> Index {
        let listing = names.iter().zip(0..).map(|(name, number)| Listed {
            name: (*name).to_owned(),
            size: 48 << 20,
            modified: 1_764_000_000_000 - number,
            tag: None,
        });
        let listing: Vec<Listed> = listing.collect();
        Index::of(&listing, &Index::default())
    }

    #[test]
    fn names_are_text_and_never_markup() {
        let page = page(&index(&["<img src=x onerror=alert(1)>\"'&{{rows}}.efi"]));
        let text = "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;{{rows}}.efi";
        assert!(!page.contains("<img"), "{page}");
        assert!(page.contains(&format!("<bdi>{text}</bdi>")), "{page}");
        let link =
            "href=\"./%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%22%27%26%7B%7Brows%7D%7D.efi\"";
        assert!(page.contains(link), "{page}");
    }

    #[test]
    fn many_kernels_make_a_page_of_bounded_length() {
        let names: Vec<String> = (0..5000).map(|number| format!("{number}.efi")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let page = page(&index(&names));
        assert_eq!(
            page.matches("<tr role=\"row\"><th scope=\"row\"").count(),
            MOST
        );
        assert!(page.contains("the 4000 others are in <a href=\"kernels.txt\">"));
        assert!(page.contains("5000 kernels, newest first"));
    }

    #[test]
    fn a_page_of_nothing_says_so() {
        assert!(page(&Index::default()).contains("Nothing is published here yet."));
    }
}
