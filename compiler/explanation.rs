//! The pages about codes: what `zosc explain` prints and what an editor shows.

use include_dir::{Dir, include_dir};

/// One page for each code, named `zosc-PASS-NAME.md`.
static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/docs/errors");

/// The page about a code.
pub fn page(code: &str) -> Option<&'static str> {
    let page = PAGES.get_file(format!("{}.md", code.replace("::", "-")))?;
    page.contents_utf8()
}

/// All codes, sorted, from the first line of their pages.
pub fn codes() -> Vec<&'static str> {
    let mut codes: Vec<_> = PAGES
        .files()
        .filter_map(|page| page.contents_utf8()?.lines().next()?.strip_prefix("# "))
        .filter(|code| code.starts_with("zosc::"))
        .collect();
    codes.sort_unstable();
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_page() {
        let codes = codes();
        assert!(codes.len() > 100);
        for code in codes {
            assert!(
                page(code).is_some_and(|page| page.starts_with(&format!("# {code}\n"))),
                "{code}"
            );
        }
        assert_eq!(page("zosc::no::such"), None);
    }
}
