//! A lock's text is read once.

use super::*;

#[test]
fn a_lock_is_remembered_by_its_text_and_only_as_far_as_it_has_that_text() {
    let bench = Bench::new();
    bench.offer(&[recipe("app", "1")], key());
    let image = bench.image(&["app"]);
    bench.lock(&image, Mode::default()).expect("locked");
    let path = bench.folder.path().join("zos.lock");
    let text = bench.written();
    let read = file::parse(&path, text.clone().into_bytes()).expect("reads");
    let recall = |text: &str| remembered::recall(&bench.store, text.as_bytes());
    assert_eq!(recall(&text).expect("remembered"), read);
    assert_eq!(recall(&text.replace("app", "ape")), None);
    // The note of one text under the name of another.
    let other = text.replace("app", "ape");
    remembered::remember(&bench.store, &other, &read);
    assert_eq!(recall(&other), None);
}
