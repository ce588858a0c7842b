use super::*;
use crate::lsp::knowledge::made;

/// A text with a marker, and what is told where it stands: the word, then the page as Markdown.
fn shown(marked: &str, knowledge: &Knowledge, image: Option<&Image>) -> String {
    let offset = marked.find('‸').expect("a marker");
    let text = marked.replacen('‸', "", 1);
    let known = Known { image, knowledge };
    let line = marked
        .lines()
        .find(|line| line.contains('‸'))
        .unwrap_or_default();
    match told(&text, offset, known) {
        Some((page, range)) => format!(
            "{}\n\n[{}]\n{}\n",
            line.trim(),
            &text[range],
            page.render(true)
        ),
        None => format!("{}\n\nnothing\n", line.trim()),
    }
}

/// The same for several places of [`made::MANIFEST`], each given by what the marker stands before.
fn all(places: &[&str], knowledge: &Knowledge) -> String {
    let image = made::image();
    let shown: Vec<String> = places
        .iter()
        .map(|place| {
            let at = made::MANIFEST.find(place).expect("a place of the manifest");
            let (before, behind) = made::MANIFEST.split_at(at);
            shown(&format!("{before}‸{behind}"), knowledge, Some(&image))
        })
        .collect();
    shown.join("\n----\n\n")
}

#[test]
fn nodes_and_properties_have_the_documentation_of_the_schema() {
    insta::assert_snapshot!(all(
        &[
            "epoch \"",
            "install busybox",
            "memory=",
            "dialect=",
            "oneshot }",
            "max init",
            "boot mem",
            "outputs {"
        ],
        &made::knowledge(),
    ));
}

#[test]
fn values_have_their_meaning() {
    insta::assert_snapshot!(all(
        &["toml", "stage2 }", "1GiB", "cargo toolchain"],
        &made::knowledge()
    ));
}

#[test]
fn packages_are_told_with_version_and_company() {
    let places = [
        "busybox openssh",
        "openssh\n",
        "musl\"",
        "linux-virt;",
        "apk-tools",
    ];
    insta::assert_snapshot!(all(&places, &made::knowledge()));
}

#[test]
fn units_have_a_place_in_the_boot_order() {
    insta::assert_snapshot!(all(
        &["network {", "sshd {", "ready {", "sshd }"],
        &made::knowledge()
    ));
}

#[test]
fn modules_firmware_and_sources_are_told() {
    let places = [
        "virtio-net",
        "radio }",
        "sound/*",
        "zinit {\n",
        "rust {",
        "rust { bin",
    ];
    insta::assert_snapshot!(all(&places, &made::knowledge()));
}

#[test]
fn variables_have_their_values() {
    insta::assert_snapshot!(all(
        &["kernel}.efi", "source.zinit.rev}"],
        &made::knowledge()
    ));
}

#[test]
fn without_a_cache_it_is_said_how_to_get_one() {
    let places = [
        "busybox openssh",
        "virtio-net",
        "sound/*",
        "kernel}.efi",
        "zinit {\n",
    ];
    insta::assert_snapshot!(all(&places, &made::nothing()));
}

#[test]
fn broken_text_and_characters_of_several_bytes_are_no_obstacle() {
    let image = made::image();
    let texts = [
        "packages { install büsybox=‸busybox",
        "/* ü */ packages {\n    install ‸busybox\n\nunit a {",
        "unit \"ß\" { after ‸network; tes",
        "image é { titl‸e \"日本語\" }",
        "toolchain ü { alpine packages=\"busybox m‸usl",
        "kernel \"6.12\" { config { set CONFIG_‸NET=y",
        "nothing ‸here",
        "// packages ‸",
        "‸",
    ];
    let knowledge = made::knowledge();
    let shown: Vec<String> = texts
        .iter()
        .map(|text| shown(text, &knowledge, Some(&image)))
        .collect();
    insta::assert_snapshot!(shown.join("\n----\n\n"));
}

#[test]
fn before_the_first_good_check_the_language_is_still_known() {
    let knowledge = Knowledge::default();
    let text = "unit a { exec x; res‸tart never }\n";
    let told = shown(text, &knowledge, None);
    assert!(told.contains("**`restart`**"), "{told}");
    assert!(shown("packages { install bu‸sybox }", &knowledge, None).contains("are being read"));
}

proptest::proptest! {
    #[test]
    fn no_place_of_a_broken_text_is_a_surprise(cut in 0..made::MANIFEST.len(), at in 0..made::MANIFEST.len()) {
        let cut = made::MANIFEST.floor_char_boundary(cut);
        let text = &made::MANIFEST[..cut];
        let offset = text.floor_char_boundary(at);
        let knowledge = made::nothing();
        let known = Known { image: None, knowledge: &knowledge };
        if let Some((page, range)) = told(text, offset, known) {
            proptest::prop_assert!(text.get(range).is_some());
            proptest::prop_assert!(!page.render(false).is_empty());
        }
    }
}
