use super::*;

fn listed(name: &str, size: u64, modified: i64) -> Listed {
    Listed {
        name: name.to_owned(),
        size,
        modified,
        tag: Some(format!("\"{size}-{modified}\"")),
    }
}

fn description(image: &str, size: u64) -> Description {
    Description {
        sha256: Digest::of(image.as_bytes()),
        size,
        tag: None,
        image: image.to_owned(),
        version: "1".to_owned(),
        kernel: "6.12.44".to_owned(),
        build_id: None,
        stands_for: None,
        versioned: true,
        zosc: "0.1.0".to_owned(),
    }
}

fn names(index: &Index) -> Vec<&str> {
    let kernels = index.kernels.iter();
    kernels.map(|kernel| kernel.name.as_str()).collect()
}

/// The index of a listing whose descriptions all say the same.
fn described(listing: &[Listed], image: &str) -> Index {
    let mut index = Index::of(listing, &Index::default());
    let sizes: BTreeMap<_, _> = listing.iter().map(|file| (&file.name, file.size)).collect();
    let read = index.unread().into_iter();
    let read = read.map(|name| {
        let size = sizes[&name];
        (name, description(image, size))
    });
    let read = read.collect();
    index.describe(read);
    index
}

#[test]
fn the_newest_is_first_and_only_programs_of_the_folder_count() {
    let listing = [
        listed("old.efi", 1, 1_000),
        listed("new.efi", 1, 3_000),
        listed("b.efi", 1, 2_000),
        listed("a.efi", 1, 2_000),
        listed("a.efi.json", 1, 2_000),
        listed("kernels.txt", 1, 9_000),
        listed("deep/er.efi", 1, 9_000),
        listed(".efi", 1, 9_000),
        listed("line\nbreak.efi", 1, 9_000),
    ];
    let index = Index::of(&listing, &Index::default());
    assert_eq!(names(&index), ["new.efi", "a.efi", "b.efi", "old.efi"]);
    assert_eq!(index.text(), "new.efi\na.efi\nb.efi\nold.efi\n");
    assert_eq!(index.odd, 2);
    assert!(index.json().contains("\"left_out\": 2"));
    assert_eq!(index.unread(), ["a.efi"]);
}

#[test]
fn the_same_listing_makes_the_same_text_and_what_is_known_is_not_asked_again() {
    let mut listing = vec![
        listed("a.efi", 1, 1_000),
        listed("a.efi.json", 9, 1_001),
        listed("b.efi", 2, 2_000),
        listed("b.efi.json", 9, 2_001),
    ];
    let first = described(&listing, "zos");
    let again = Index::of(&listing, &Index::read(first.json().as_bytes()));
    assert_eq!(again, first);
    assert_eq!(again.json(), first.json());
    let read: Value = serde_json::from_str(&first.json()).expect("JSON");
    assert_eq!(read["kernels"], serde_json::json!(["b.efi", "a.efi"]));
    assert_eq!(read["count"], 2);
    assert_eq!(read["updated"], "1970-01-01T00:00:02.000Z");
    assert_eq!(read["details"]["a.efi"]["description"]["image"], "zos");

    // New bytes, or a new description, are asked about; nothing else is.
    listing[0] = listed("a.efi", 1, 5_000);
    assert_eq!(Index::of(&listing, &first).unread(), ["a.efi"]);
    listing[0] = listed("a.efi", 1, 1_000);
    listing[3] = listed("b.efi.json", 9, 5_000);
    assert_eq!(Index::of(&listing, &first).unread(), ["b.efi"]);
}

#[test]
fn a_description_of_other_bytes_says_nothing() {
    let listing = [listed("a.efi", 1, 1), listed("a.efi.json", 9, 1)];
    let mut index = Index::of(&listing, &Index::default());
    index.describe(BTreeMap::from([(
        "a.efi".to_owned(),
        description("zos", 7),
    )]));
    assert_eq!(index.digest_of("a.efi"), None);
    // It has been read, and is not read again.
    assert_eq!(Index::of(&listing, &index).unread(), [""; 0]);
}

#[test]
fn hostile_indexes_count_for_nothing() {
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"details":[]}"#,
        r#"{"details":{"a.efi":{"size":-1}}}"#,
        r#"{"details":{"a.efi":{"size":1,"modified":"yesterday"}}}"#,
        &deep,
    ] {
        assert_eq!(Index::read(text.as_bytes()), Index::default());
    }
    // What the listing does not have is not in the index either.
    let invented = described(
        &[listed("ghost.efi", 1, 1), listed("ghost.efi.json", 1, 1)],
        "zos",
    );
    assert_eq!(names(&Index::of(&[], &invented)), [""; 0]);
}

#[test]
fn older_programs_of_the_same_image_go() {
    let listing: Vec<Listed> = (0..6)
        .flat_map(|number| {
            let name = format!("zos-{number}.efi");
            [
                listed(&name, 1, number),
                listed(&format!("{name}.json"), 1, number),
            ]
        })
        .chain([listed("by-hand.efi", 1, 0)])
        .collect();
    let mut index = described(&listing, "zos");
    let keep = NonZeroUsize::new(2).expect("not zero");
    let spared = BTreeSet::from(["zos-1.efi".to_owned()]);
    assert_eq!(
        index.superfluous("zos", keep, &spared),
        ["zos-3.efi", "zos-2.efi", "zos-0.efi"]
    );
    assert_eq!(index.superfluous("other", keep, &spared), [""; 0]);
    for kernel in &mut index.kernels {
        if let Some(description) = &mut kernel.details.description {
            description.versioned = false;
        }
    }
    assert_eq!(index.superfluous("zos", keep, &spared), [""; 0]);
}
