use proptest::prelude::*;

use super::*;

/// The text and offset of a text with a marker.
fn marked(text: &str) -> (String, usize) {
    let offset = text
        .find('‸')
        .expect("a marker says where the cursor stands");
    (text.replacen('‸', "", 1), offset)
}

/// A cursor in one line: path, node, slot, word.
fn at(marked_text: &str) -> String {
    let (text, offset) = marked(marked_text);
    let cursor = Cursor::new(&text, offset);
    let name = |index: &usize| {
        let node = cursor.sketch.node(*index).expect("known");
        node.name(&text).into_owned()
    };
    let mut line: Vec<String> = cursor.path.iter().map(name).collect();
    line.extend(cursor.node.iter().map(|index| format!("[{}]", name(index))));
    line.push(match cursor.slot {
        Slot::Nothing => "nothing".to_owned(),
        Slot::Name => "name".to_owned(),
        Slot::Argument(index) => format!("argument {index}"),
        Slot::Key => "key".to_owned(),
        Slot::Value => format!("value of {}", cursor.key().unwrap_or_default()),
    });
    match &cursor.annotation {
        Annotation::None => {}
        Annotation::Open => line.push("in annotation".to_owned()),
        Annotation::Given(given) => line.push(format!("({given})")),
    }
    let word = text.get(cursor.word.clone()).expect("on boundaries");
    if cursor.quotes != Quotes::Bare || !word.is_empty() {
        line.push(format!("`{word}`"));
    }
    line.extend(match cursor.quotes {
        Quotes::Bare => None,
        Quotes::Plain { closed: true } | Quotes::Raw { closed: true, .. } => {
            Some("quoted".to_owned())
        }
        _ => Some("unclosed".to_owned()),
    });
    if cursor.touches_next {
        line.push("touches".to_owned());
    }
    line.join(" ")
}

fn all(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(at(text), *expected, "{text}");
    }
}

#[test]
fn every_slot_is_told() {
    all(&[
        ("‸", "name"),
        ("un‸", "name `un`"),
        ("un‸it a", "name `unit`"),
        ("unit ‸", "[unit] argument 0"),
        ("unit a‸", "[unit] argument 0 `a`"),
        ("unit a ‸", "[unit] argument 1"),
        ("unit a {‸}", "unit name"),
        ("unit a { ‸ }", "unit name"),
        ("unit a { exec x; af‸ }", "unit name `af`"),
        ("unit a { after ‸ }", "unit [after] argument 0"),
        (
            "source a { install b to=‸ }",
            "source [install] value of to",
        ),
        (
            "source a { install b to= ‸ }",
            "source [install] value of to",
        ),
        (
            "source a { install b to=\"/s‸\" }",
            "source [install] value of to `/s` quoted",
        ),
        (
            "source a { install b t‸o=\"/s\" }",
            "source [install] key `to`",
        ),
        ("file \"‸\"", "[file] argument 0 `` quoted"),
        ("file #\"/a‸b\"#", "[file] argument 0 `/ab` quoted"),
        ("sign key=(‸", "[sign] value of key in annotation"),
        (
            "sign key=(en‸v)A",
            "[sign] value of key in annotation `env`",
        ),
        ("sign key=(env)‸", "[sign] value of key (env)"),
        ("secret (env)S‸3", "[secret] argument 0 (env) `S3`"),
        ("segments #t‸", "[segments] argument 0 `#t`"),
        ("install ‸a", "[install] argument 0 touches"),
        ("install a \\\n  ‸", "[install] argument 1"),
        ("/-un‸", "name `un`"),
        ("unit a { /- af‸", "unit name `af`"),
        ("install /-a b‸", "[install] argument 0 `b`"),
    ]);
}

#[test]
fn nothing_is_written_in_comments_and_behind_what_has_ended() {
    all(&[
        ("// un‸", "nothing"),
        ("unit a // un‸\n", "nothing"),
        ("/* un‸ */", "nothing"),
        ("/* un‸", "nothing"),
        ("unit a {} ‸", "[unit] nothing"),
        ("unit a {}\n‸", "name"),
        ("unit a {}; ‸", "name"),
        ("file \"/a\"‸", "[file] nothing"),
        ("file a text=\"\"\"\n  x‸\n  \"\"\"", "[file] nothing"),
    ]);
}

#[test]
fn broken_text_is_no_obstacle() {
    all(&[
        ("unit a {\n    af‸\n\nunit b {\n}\n", "unit name `af`"),
        ("unit a {\n    exec b\n    ‸\n\nunit b {\n}\n", "unit name"),
        ("unit a {\n    exec b\n\nun‸\nunit b {\n}\n", "name `un`"),
        ("unit a {\n    exec b\n\n‸\n", "name"),
        ("unit a {\n‸", "unit name"),
        (
            "source a {\n    build cargo {\n        bin x\n    in‸\n}\nunit b {}\n",
            "source name `in`",
        ),
        (
            "source a { build cargo {\n        ‸\n    install x\n}\nunit b {}\n",
            "source build name",
        ),
        ("file \"/a‸\n", "[file] argument 0 `/a` unclosed"),
        (
            "toolchain r { alpine packages=\"a ‸ }\n",
            "toolchain [alpine] value of packages `a ` unclosed",
        ),
        ("install a to=‸ mode=\"0755\"", "[install] value of to"),
        ("install a to= mode=‸", "[install] value of mode"),
        ("unit a { exec \"x\" } }\nun‸", "name `un`"),
        ("{ ‸", " name"),
        ("file lib/fo‸", "[file] argument 0 `lib/fo`"),
        ("alpine 3.2‸2.1", "[alpine] argument 0 `3.22.1`"),
        ("a=‸", "[a] argument 0"),
        (")) = ; un‸", "name `un`"),
    ]);
}

#[test]
fn characters_of_several_bytes_are_counted_as_bytes() {
    all(&[
        ("title \"Ünïcödé\"\nun‸", "name `un`"),
        (
            "image é { title \"日本‸語\" }",
            "image [title] argument 0 `日本語` quoted",
        ),
        ("\u{feff}unit é {\r\n  äf‸\r\n}", "unit name `äf`"),
    ]);
}

#[test]
fn what_stands_beside_the_cursor_is_known() {
    let (text, offset) = marked("unit a { exec x; /-shell y; af‸; log ring }\nunit b");
    let cursor = Cursor::new(&text, offset);
    let siblings: Vec<_> = cursor.siblings().map(|node| node.name(&text)).collect();
    assert_eq!(siblings, ["exec", "log"]);
    let (text, offset) = marked("install a b‸ c version=\"1\" /-tag=x");
    let cursor = Cursor::new(&text, offset);
    assert_eq!(cursor.keys().collect::<Vec<_>>(), ["version"]);
    assert_eq!(cursor.arguments().collect::<Vec<_>>(), ["a", "c"]);
}

proptest! {
    #[test]
    fn any_text_has_a_cursor_anywhere(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("unit"), Just(" "), Just("\n"), Just("{"), Just("}"), Just("\""), Just("#\""), Just("\"\"\"\n"), Just("="),
                Just("("), Just(")"), Just("/-"), Just("//"), Just("/*"), Just("*/"), Just(";"), Just("\\"), Just("é"), Just("日"),
                Just("#true"), Just("    "), Just("\r\n"), Just("1.2"), Just("a/b"), Just(","), Just("\u{feff}"), Just("\u{2028}"),
            ],
            0..40,
        ),
        offset in 0_usize..200,
    ) {
        let text: String = pieces.concat();
        let cursor = Cursor::new(&text, offset);
        prop_assert!(text.get(cursor.word.clone()).is_some());
        prop_assert!(cursor.slot == Slot::Nothing || (cursor.word.start..=cursor.word.end).contains(&cursor.offset));
        let _ = (cursor.prefix(), cursor.key(), cursor.siblings().count(), cursor.keys().count(), cursor.arguments().count());
    }

    #[test]
    fn no_character_is_a_surprise(text in "\\PC{0,40}", offset in 0_usize..60) {
        let cursor = Cursor::new(&text, offset);
        prop_assert!(text.get(cursor.word.clone()).is_some());
    }
}
