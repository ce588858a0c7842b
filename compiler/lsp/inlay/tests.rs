use super::*;
use crate::lsp::knowledge::made;

/// The text with its hints where they stand, in brackets.
fn shown(text: &str, within: Range<usize>, knowledge: &Knowledge) -> String {
    let image = made::image();
    let mut shown = text.to_owned();
    for (offset, hint) in hints_in(text, within, Some(&image), knowledge).iter().rev() {
        shown.insert_str(*offset, &format!(" ⟦{hint}⟧"));
    }
    shown
}

#[test]
fn words_have_what_the_lock_makes_of_them() {
    let text = made::MANIFEST;
    insta::assert_snapshot!(shown(text, 0..text.len(), &made::knowledge()));
}

#[test]
fn only_the_range_that_is_asked_for_has_hints() {
    let text = made::MANIFEST;
    let start = text.find("    exclude").expect("a line");
    let shown = shown(text, start..start + 1, &made::knowledge());
    assert!(!shown.contains('⟦'), "{shown}");
}

#[test]
fn without_a_lock_there_are_none() {
    let text = made::MANIFEST;
    assert_eq!(shown(text, 0..text.len(), &made::nothing()), text);
    assert_eq!(shown(text, 0..text.len(), &Knowledge::default()), text);
}

#[test]
fn broken_text_has_hints_as_well() {
    let text = "// größe\npackages {\n    install \"busybox\" busyb\n    install musl version=\n";
    assert_eq!(
        shown(text, 0..text.len(), &made::knowledge()),
        "// größe\npackages {\n    install \"busybox\" ⟦1.36-r1 · 900 B⟧ busyb\n    install musl ⟦1.2-r0⟧ version=\n"
    );
}
