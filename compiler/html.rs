//! Pages that need nothing else: a template, a style and a script become one text, and nothing else may run on it or be fetched by it.
//!
//! Goes in: the parts. Comes out: HTML whose policy names style and script by their hashes. What a page says is up to others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::tree::Digest;

/// The parts of a page.
pub struct Page<'a> {
    /// The template, with `{{policy}}` in a `Content-Security-Policy`, `{{style}}`, and `{{script}}` behind all other places.
    pub template: &'static str,
    /// The style.
    pub style: &'static str,
    /// The script.
    pub script: &'a str,
}

impl Page<'_> {
    /// The page. `before` fills places between policy and style, `behind` those between style and script, each in the order of the template. The texts are
    /// markup already.
    ///
    /// # Panics
    /// The template has not these places in this order.
    pub fn fill(&self, before: &[(&str, &str)], behind: &[(&str, &str)]) -> String {
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
            hash(self.script),
            hash(self.style)
        );
        let policy = [("{{policy}}", policy.as_str())];
        let (style, script) = ([("{{style}}", self.style)], [("{{script}}", self.script)]);
        let places = [&policy[..], before, &style, behind, &script].concat();
        // What is filled in is not looked at again: a name may hold `{{script}}`.
        let mut page = String::new();
        let mut rest = self.template;
        for (place, text) in places {
            let (before, behind) = rest
                .split_once(place)
                .expect("the page has its places in this order");
            page.push_str(before);
            page.push_str(text);
            rest = behind;
        }
        page + rest
    }
}

/// A text as it stands in markup and in attributes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// How a policy names a text that may be used.
fn hash(text: &str) -> String {
    let digest = Digest::of(text.as_bytes());
    format!("sha256-{}", BASE64.encode(digest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page<'_> = Page {
        template: "{{policy}}|{{title}}|{{style}}|{{script}}",
        style: "",
        script: "",
    };

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let page = PAGE.fill(&[("{{title}}", "{{script}}")], &[]);
        assert!(page.ends_with("|{{script}}||"), "{page}");
    }

    #[test]
    fn the_policy_names_what_may_run_by_its_hash() {
        // The SHA-256 of nothing, in base64.
        let nothing = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let page = PAGE.fill(&[("{{title}}", "")], &[]);
        assert_eq!(page.matches(nothing).count(), 2, "{page}");
    }

    #[test]
    fn no_text_ends_what_it_stands_in() {
        let text = escaped("<b title=\"a\" id='b'>&");
        assert_eq!(text, "&lt;b title=&quot;a&quot; id=&#39;b&#39;&gt;&amp;");
    }
}
