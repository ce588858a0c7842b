//! Whatever comes from elsewhere is what was promised, or it is refused.

use super::*;

#[test]
fn nothing_is_taken_on_trust() {
    let bench = Bench::new();
    let refused = |bench: &Bench| only(bench.lock(&bench.image(&["app"]), Mode::default())).code;
    let stranger = SigningKey::generate("stranger.rsa.pub", b"stranger");
    bench.offer(&[recipe("app", "1")], &stranger);
    assert_eq!(refused(&bench), "zosc::apk::unknown-key");
    bench.offer(&[recipe("app", "1")], key());
    let good = std::fs::read(bench.file("app-1.apk")).expect("there");
    let other = recipe("app", "1")
        .file("usr/bin/evil", "x")
        .pack(Some((key(), SignatureHash::Sha256)));
    for (bytes, code) in [
        (other.bytes.as_slice(), "zosc::io::too-large"),
        (&good[..good.len() - 20], "zosc::apk::truncated"),
    ] {
        std::fs::write(bench.file("app-1.apk"), bytes).expect("written");
        assert_eq!(refused(&bench), code);
    }
    let mut flipped = good.clone();
    let middle = flipped.len() - 40;
    flipped[middle] ^= 1;
    std::fs::write(bench.file("app-1.apk"), flipped).expect("written");
    assert!(refused(&bench).starts_with("zosc::apk::"));
    assert!(
        !bench.folder.path().join("zos.lock").exists(),
        "nothing left behind"
    );
}

#[test]
fn a_file_of_another_size_than_its_index_says_is_refused() {
    let bench = Bench::new();
    let sign = Some((key(), SignatureHash::Sha256));
    let archive = recipe("app", "1").pack(sign);
    std::fs::write(bench.file("app-1.apk"), &archive.bytes).expect("written");
    let mut listed = archive.clone();
    listed.bytes.extend(b"more");
    let index = pack_index(&[listed], "test", sign);
    std::fs::write(bench.file("APKINDEX.tar.gz"), index).expect("written");
    let problem = only(bench.lock(&bench.image(&["app"]), Mode::default()));
    assert_eq!(
        (problem.code, problem.labels[0].span),
        ("zosc::lock::wrong-size", at(0))
    );
    let size = archive.bytes.len();
    let told = format!(
        "the index says {} bytes, the file has {size}",
        size + b"more".len()
    );
    assert_eq!(problem.notes, [told]);
    assert!(
        !bench.folder.path().join("zos.lock").exists(),
        "nothing left behind"
    );
}

#[test]
fn content_with_another_digest_is_refused_and_not_kept() {
    let bench = Bench::new();
    let network = io::MemoryNetwork::new([("https://a/x", "changed")]);
    let urls = ["https://a/x".to_owned()];
    let wanted = Wanted {
        subject: "`x`",
        urls: &urls,
        sha256: Some(Digest::of(b"locked")),
        limit: None,
    };
    let problem = fetch(wanted, &bench.store, &network, &|_| {}).expect_err("changed");
    assert_eq!(problem.code, "zosc::lock::wrong-digest");
    assert!(!bench.store.contains(&Digest::of(b"changed")));
    let wanted = Wanted {
        sha256: Some(Digest::of(b"changed")),
        ..wanted
    };
    let found = fetch(wanted, &bench.store, &network, &|_| {}).expect("fetched");
    assert_eq!(found, (Digest::of(b"changed"), 7));
    let nowhere = io::MemoryNetwork::default();
    assert_eq!(
        fetch(wanted, &bench.store, &nowhere, &|_| {}).expect("in the store"),
        found
    );
}
