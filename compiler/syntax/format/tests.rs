//! Texts before and after, and what holds of all of them.

use proptest::prelude::*;

use super::super::Node;
use super::*;

fn formatted(text: &str) -> String {
    format(SourceId(0), text).unwrap_or_else(|problems| panic!("{problems:?} in:\n{text}"))
}

/// Demands that `before` becomes `after`, and that this stays as it is.
fn expect(before: &str, after: &str) {
    let found = formatted(before);
    assert_eq!(found, after, "{before:?} becomes\n{found}");
    assert_eq!(formatted(after), after, "not settled");
}

#[test]
fn nodes_and_entries() {
    expect("", "");
    expect(" \n\t\n", "");
    expect("a", "a\n");
    expect(
        "\u{feff}a  1\t\"x y\"   k = v  \r\n\r\n\r\n\r\nb",
        "a 1 \"x y\" k=v\n\nb\n",
    );
    expect("( t ) a (u) 1 k= (v)2", "(t)a (u)1 k=(v)2\n");
    expect("a\u{2028}b\u{c}c\rd", "a\nb\nc\nd\n");
    expect("mode 0755 6.10 0x1F #true", "mode 0755 6.10 0x1F #true\n");
}

#[test]
fn blocks_of_one_line_stay_and_others_open_up() {
    expect("a{b;c 1;}", "a { b; c 1 }\n");
    expect("a {}\nb { }", "a {}\nb {}\n");
    expect("a {\n\n}", "a {\n}\n");
    expect("a { b\nc {d} }", "a {\n    b\n    c { d }\n}\n");
    expect(
        "a {\n\n\n  b\n\n\n  c\n\n}\n\n\n",
        "a {\n    b\n\n    c\n}\n",
    );
    expect(
        "a { b {\n c } } ; d",
        "a {\n    b {\n        c\n    }\n}; d\n",
    );
}

#[test]
fn semicolons_stay_where_they_separate() {
    expect("a;b ; c;", "a; b; c\n");
    expect("a;\nb", "a\nb\n");
    expect("a; // why\nb", "a // why\nb\n");
    expect("a; /* why */ b", "a; /* why */ b\n");
    expect("a \\\n;b", "a \\\n\nb\n");
}

#[test]
fn comments_stay_where_they_are() {
    expect(
        "//a  \n\n\n// b\na      // c\nd {// e\n\n\n// f\n}",
        "//a\n\n// b\na // c\nd { // e\n    // f\n}\n",
    );
    expect(
        "/* a\r\n b */c/* d */{/* e */}/* f */",
        "/* a\n b */ c /* d */ { /* e */ } /* f */\n",
    );
    expect(
        "a k/* a */=/* b */1 ( /* c */t/* d */ )/* e */2",
        "a k /* a */ = /* b */ 1 (/* c */ t /* d */) /* e */ 2\n",
    );
}

#[test]
fn slashdashes_hold_on_to_what_they_leave_out() {
    expect("/- a  1", "/-a 1\n");
    expect("a /- 1 /-k=v /- { b }", "a /-1 /-k=v /-{ b }\n");
    expect("/-\n\n a", "/-a\n");
    expect("/- // why\n a { b }\nc", "/- // why\n    a { b }\nc\n");
    expect("a { /-b;c }", "a { /-b; c }\n");
}

#[test]
fn continued_lines_are_indented_once_more() {
    expect(
        "a 1 \\\n2 \\ //two\n  3\nb",
        "a 1 \\\n    2 \\ //two\n    3\nb\n",
    );
    expect(
        "a {\nb \\\n{\nc\n}\n}",
        "a {\n    b \\\n        {\n        c\n    }\n}\n",
    );
    expect("a \\\n\n\n\nb", "a \\\n\n\nb\n");
    expect("\\\na \\", "\\\na \\\n");
    expect("a { b \\\n }", "a {\n    b \\\n}\n");
}

#[test]
fn strings_are_never_touched() {
    expect(
        "a {\n b \"\"\"\n  x  \n\n\t \n  y\n  \"\"\" #\"  \"#\n}",
        "a {\n    b \"\"\"\n  x  \n\n\t \n  y\n  \"\"\" #\"  \"#\n}\n",
    );
    expect(
        "a \"\"\"\r\nx\r\n\"\"\"\r\nb",
        "a \"\"\"\r\nx\r\n\"\"\"\nb\n",
    );
}

#[test]
fn a_broken_text_is_refused_with_what_is_wrong() {
    let problems = format(SourceId(0), "a 6.6.30\nb {").expect_err("refused");
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        ["zosc::syntax::quote-it", "zosc::syntax::unclosed-block"]
    );
}

#[test]
fn what_differs_is_seen() {
    let same = |left: &str, right: &str| {
        let nodes = |text| parse(SourceId(0), text, &mut Diagnostics::new()).nodes;
        (
            meaning::same_nodes(&nodes(left), &nodes(right)),
            meaning::same_tokens(left, &scan(left).tokens, right, &scan(right).tokens),
        )
    };
    assert_eq!(same("a 1 { b }", "a  1 {\nb;}"), (true, true));
    assert_eq!(same("a #nan", "a #nan"), (true, true));
    assert_eq!(same("a // x", "a // y"), (true, false));
    assert_eq!(same("a /-1", "a /-2"), (true, false));
    assert_eq!(same("a\nb", "a b"), (false, true));
    assert_eq!(same("a {}", "a"), (false, false));
    assert_eq!(same("a { b }", "a { c }"), (false, false));
}

// ── Any text ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// One of these texts.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(texts).prop_map(str::to_owned)
}

/// What may stand between the parts of a node.
fn node_space() -> impl Strategy<Value = String> + Clone {
    one_of(&[
        " ",
        " ",
        " ",
        "  ",
        "\t",
        "\u{a0}",
        " /* c */ ",
        " /* c\r\n  /* d */ */ ",
        " \\\n",
        "\\\r\n  ",
        " \\ // c \n   ",
        "\\\n\\\n",
    ])
}

fn optional_space() -> impl Strategy<Value = String> + Clone {
    prop_oneof![5 => Just(String::new()), 1 => node_space()]
}

/// What may stand between nodes.
fn line_space() -> impl Strategy<Value = String> + Clone {
    let piece = one_of(&[
        "\n",
        "\n",
        "\r\n",
        "\u{85}",
        "  ",
        "\t",
        "// c\n",
        "//c \r\n",
        "/* c */",
        "\n/* c\n*/\n",
        "\\\n",
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn string() -> impl Strategy<Value = String> + Clone {
    one_of(&[
        "a",
        "exec",
        "b-c",
        "~6.6",
        "-",
        "é",
        "\"\"",
        "\"x  y\"",
        "\"a\\n\\u{e9}\\\"\"",
        "\"a \\\n   b\"",
        "#\"r\\\"#",
        "##\"a\"#b\"##",
        "\"\"\"\n  x\n\n   y\n  \"\"\"",
        "\"\"\"\r\n\t \\\n  x\r\n\t\"\"\"",
        "#\"\"\"\n // no\n { }\n \"\"\"#",
    ])
}

fn value() -> impl Strategy<Value = String> + Clone {
    let other = one_of(&[
        "1", "-1", "6.10", "0755", "0x1F", "1_000", "1e9", "#true", "#null", "#-inf", "#nan",
    ]);
    let typed = (annotation(), prop_oneof![string(), other.clone()])
        .prop_map(|(annotation, value)| annotation + &value);
    prop_oneof![4 => string(), 2 => other, 1 => typed]
}

fn annotation() -> impl Strategy<Value = String> + Clone {
    (
        optional_space(),
        string(),
        optional_space(),
        optional_space(),
    )
        .prop_map(|(a, name, b, c)| format!("({a}{name}{b}){c}"))
}

/// Nothing mostly, else `/-` and what may stand behind it.
fn slashdash() -> impl Strategy<Value = String> + Clone {
    prop_oneof![6 => Just(String::new()), 1 => line_space().prop_map(|space| format!("/-{space}"))]
}

fn entry() -> impl Strategy<Value = String> + Clone {
    let property = (string(), optional_space(), optional_space(), value())
        .prop_map(|(key, a, b, value)| format!("{key}{a}={b}{value}"));
    (
        node_space(),
        slashdash(),
        prop_oneof![2 => value(), 1 => property],
    )
        .prop_map(|(space, slashdash, entry)| space + &slashdash + &entry)
}

/// A node without what ends it.
fn node(children: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> + Clone {
    let block = (optional_space(), children)
        .prop_map(|(space, children)| format!(" {space}{{{children}}}"));
    let slashed = (node_space(), line_space(), block.clone())
        .prop_map(|(space, lines, block)| format!("{space}/-{lines}{}", block.trim_start()));
    let blocks = prop_oneof![
        5 => Just(String::new()),
        3 => block.clone(),
        1 => slashed.clone(),
        1 => (slashed, block).prop_map(|(slashed, block)| slashed + &block),
    ];
    let name = prop_oneof![
        5 => string(),
        1 => (annotation(), string()).prop_map(|(annotation, name)| annotation + &name),
    ];
    let entries = prop::collection::vec(entry(), 0..4).prop_map(|entries| entries.concat());
    (slashdash(), name, entries, blocks, optional_space()).prop_map(
        |(slashdash, name, entries, blocks, space)| slashdash + &name + &entries + &blocks + &space,
    )
}

fn nodes(node: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> + Clone {
    let end = one_of(&[
        "\n",
        "\n",
        "\r\n",
        "\n\n\n",
        ";",
        " ; ",
        ";\n",
        "// c\n",
        " // c \n",
        "; // c\n",
        " \u{2028}",
        " \\\n\n",
        " \\\n ; ",
    ]);
    prop::collection::vec((line_space(), node, end), 0..4).prop_map(|nodes| {
        let nodes = nodes.into_iter();
        let mut text: String = nodes
            .map(|(space, node, end)| space + &node + &end)
            .collect();
        if text.len().is_multiple_of(3) {
            let kept = text.trim_end_matches([' ', ';']).len();
            text.truncate(kept);
        }
        text
    })
}

/// Documents with everything that KDL has, mostly sound.
fn document() -> impl Strategy<Value = String> {
    let leaf = nodes(node(line_space()).boxed()).boxed();
    let nested = leaf.prop_recursive(3, 24, 3, |inner| nodes(node(inner).boxed()).boxed());
    (one_of(&["", "", "\u{feff}"]), nested, line_space())
        .prop_map(|(mark, nodes, space)| mark + &nodes + &space)
}

/// The comments of a text in order, without what the layout may change of them.
fn comments(text: &str) -> Vec<String> {
    let tokens = scan(text).tokens;
    let comments = tokens.iter().filter_map(|token| {
        let content = text.get(token.start..token.end)?;
        let comment = content.get(content.find("//").or_else(|| content.find("/*"))?..)?;
        let is_comment = matches!(
            token.kind,
            TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Continuation
        );
        is_comment.then(|| comment.trim_end().replace("\r\n", "\n"))
    });
    comments.collect()
}

/// Names, values and structure, as they are understood here and by `kdl`, where it understands the text.
fn understood(text: &str) -> (String, Option<String>) {
    fn ours(nodes: &[Node]) -> String {
        let nodes = nodes.iter().map(|node| {
            let entries = node.entries.iter().map(|entry| {
                let value = &entry.value.value;
                format!("{:?} {:?} {value:?}", entry.key, entry.annotation)
            });
            let entries: Vec<String> = entries.collect();
            let children = node.children.as_ref().map(|block| ours(&block.nodes));
            format!(
                "{:?} {:?} {entries:?} {children:?}",
                node.annotation, node.name
            )
        });
        nodes.collect::<Vec<String>>().join("\n")
    }
    fn theirs(document: &kdl::KdlDocument) -> String {
        let nodes = document.nodes().iter().map(|node| {
            let entries = node.entries().iter().map(|entry| {
                let name = entry.name().map(kdl::KdlIdentifier::value);
                let ty = entry.ty().map(kdl::KdlIdentifier::value);
                format!("{name:?} {ty:?} {:?}", entry.value())
            });
            let ty = node.ty().map(kdl::KdlIdentifier::value);
            let entries: Vec<String> = entries.collect();
            let children = node.children().map(theirs);
            format!("{ty:?} {:?} {entries:?} {children:?}", node.name().value())
        });
        nodes.collect::<Vec<String>>().join("\n")
    }
    let document = parse(SourceId(0), text, &mut Diagnostics::new());
    let kdl = kdl::KdlDocument::parse_v2(text).ok();
    (ours(&document.nodes), kdl.map(|document| theirs(&document)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_layout_settles_and_keeps_meaning_and_comments(text in document()) {
        let once = format(SourceId(0), &text);
        let sound = { let mut sink = Diagnostics::new(); parse(SourceId(0), &text, &mut sink); sink.is_empty() };
        prop_assert_eq!(once.is_ok(), sound, "{:?}", once);
        prop_assume!(sound);
        let once = once.expect("checked above");
        prop_assert_eq!(&formatted(&once), &once, "not settled, from {:?}", text);
        let (before, after) = (understood(&text), understood(&once));
        prop_assert_eq!(&before.0, &after.0, "{:?} becomes {:?}", text, once);
        prop_assert!(before.1.is_none() || before.1 == after.1, "{:?} becomes {:?}", text, once);
        prop_assert_eq!(comments(&once), comments(&text));
    }

    #[test]
    fn lines_of_the_layout_are_tidy(text in document()) {
        let Ok(once) = format(SourceId(0), &text) else { return Err(TestCaseError::reject("broken")) };
        prop_assert!(once.is_empty() || once.ends_with('\n') && !once.starts_with('\n'));
        prop_assert_ne!(once.chars().next(), Some('\u{feff}'));
        let long = ["\"\"\"", "/*", "\"a \\\n"];
        if !long.iter().any(|long| once.contains(long)) {
            for line in once.lines() {
                prop_assert_eq!(line.trim_end(), line);
                let indentation = line.len() - line.trim_start().len();
                prop_assert_eq!(indentation % 4, 0, "{:?}", line);
            }
        }
    }
}
