use super::*;

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        Self {
            _folder: folder,
            store,
        }
    }

    fn tree(&self, files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        for (path, content) in files {
            let digest = self.store.put(content.as_bytes()).expect("stored");
            let origin = Origin::new("source x");
            let entry = Entry::file(digest, content.len() as u64, 0o644, 0, origin);
            tree.insert_with_parents(ImagePath::new(path).expect("sound"), entry);
        }
        tree
    }

    /// What the patch makes of the files: paths with contents, or the code, message and first note of the refusal.
    fn patched(&self, files: &[(&str, &str)], patch: &str) -> Result<Vec<String>, [String; 3]> {
        let origin = Origin::new("source x");
        let tree = apply(
            self.tree(files),
            "x.patch",
            patch.as_bytes(),
            &origin,
            &self.store,
        );
        let tree = tree.map_err(|problem| {
            let note = problem.notes.first().cloned().unwrap_or_default();
            [problem.code.to_owned(), problem.message, note]
        })?;
        let files = tree.iter().filter_map(|(path, entry)| {
            let Node::File { digest, .. } = entry.node else {
                return None;
            };
            let content = self.store.get(&digest).expect("stored");
            let content = String::from_utf8_lossy(&content).into_owned();
            Some(format!("{path} {:o} {content:?}", entry.mode))
        });
        Ok(files.collect())
    }
}

const NUMBERS: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";

#[test]
fn a_diff_changes_adds_and_removes() {
    let patch = "A letter.\n--- a/n\t2026-01-01\n+++ b/n\t2026-01-02\n@@ -1,3 +1,4 @@\n zero\n-one\n+ONE\n+and\n two\n@@ -6,2 +7 @@ here\n five\n-six\n\
--- /dev/null\n+++ b/d/new\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n-- \n2.47\n";
    let zero = format!("zero\n{NUMBERS}");
    let done = Bench::new().patched(&[("n", &zero), ("old", "gone\n")], patch);
    let expected = [
        "/d/new 644 \"a\\nb\"",
        "/n 644 \"zero\\nONE\\nand\\ntwo\\nthree\\nfour\\nfive\\n\"",
    ];
    assert_eq!(done.expect("fits"), expected);
}

#[test]
fn what_git_adds_to_a_diff_is_understood() {
    let patch = "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n\
diff --git a/n b/m\nsimilarity index 90%\nrename from n\nrename to m\n--- a/n\n+++ b/m\n@@ -1 +1 @@\n-one\n+ONE\n\
diff --git a/empty b/empty\nnew file mode 100644\nindex 000..e69\n\
diff --git a/gone b/gone\ndeleted file mode 100644\nindex e69..000\n\
diff --git a/tool b/tool\nnew file mode 100755\n--- /dev/null\n+++ b/tool\n@@ -0,0 +1 @@\n+x\n";
    let files = [("run", "x\n"), ("n", "one\n"), ("gone", "")];
    let done = Bench::new().patched(&files, patch).expect("fits");
    let expected = [
        "/empty 644 \"\"",
        "/m 644 \"ONE\\n\"",
        "/run 755 \"x\\n\"",
        "/tool 755 \"x\\n\"",
    ];
    assert_eq!(done, expected);
}

#[test]
fn a_hunk_may_stand_elsewhere_but_must_fit_exactly() {
    let bench = Bench::new();
    let patch = "--- a/n\n+++ b/n\n@@ -2,3 +2,3 @@\n four\n-five\n+FIVE\n six\n";
    let done = bench.patched(&[("n", NUMBERS)], patch).expect("fits lower");
    assert_eq!(
        done,
        ["/n 644 \"one\\ntwo\\nthree\\nfour\\nFIVE\\nsix\\n\""]
    );
    let [code, message, note] = bench
        .patched(&[("n", &NUMBERS.replace("six", "SIX"))], patch)
        .expect_err("one line differs");
    assert_eq!(code, "zosc::patch::does-not-fit");
    assert_eq!(message, "the patch `x.patch`, line 4, does not fit `n`");
    assert!(
        note.starts_with("line 2 of the file should be `four`, and is `two`;"),
        "{note}"
    );
    // White space counts, and so does the end of the last line.
    for other in [
        NUMBERS.replace("four", "four "),
        "four\nfive\nsix".to_owned(),
    ] {
        bench.patched(&[("n", &other)], patch).expect_err("differs");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_line() {
    let bench = Bench::new();
    let refused = |files: &[(&str, &str)], patch: &str| {
        let [code, message, note] = bench.patched(files, patch).expect_err(patch);
        format!("{} {message} {note}", code.rsplit(':').next().unwrap_or(""))
    };
    let change = "--- a/n\n+++ b/n\n@@ -1 +1 @@\n-one\n+ONE\n";
    assert!(refused(&[], change).ends_with("there is no file `n`"));
    let new = "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n";
    assert!(refused(&[("n", "")], new).ends_with("is there already"));
    assert!(
        refused(
            &[("n", "")],
            "--- /dev/null\n+++ b/n/m\n@@ -0,0 +1 @@\n+x\n"
        )
        .contains("no folder")
    );
    let deep = "diff --git a/m b/n/x/y\ncopy from m\ncopy to n/x/y\n";
    assert!(refused(&[("m", "one\n"), ("n", "")], deep).contains("no folder"));
    let over = "diff --git a/m b/d\nrename from m\nrename to d\n";
    assert!(refused(&[("m", "one\n"), ("d/e", "")], over).ends_with("`d` is no file"));
    let remove = "--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n";
    assert!(refused(&[("n", NUMBERS)], remove).contains("more than the patch removes"));
    for (text, line) in [
        ("nothing", 1),
        ("--- a/n\n+++ b/../../etc/x\n@@ -1 +1 @@\n-a\n+b\n", 2),
        ("--- a/n\n+++ /etc/x\n@@ -1 +1 @@\n-a\n+b\n", 2),
        ("--- a/n\n+++ b/n\n@@ -1,2 +1 @@\n-a\n+b\n", 6),
        ("--- a/n\n+++ b/n\n@@ -1 +1 @@\n-a\nb\n", 5),
        ("--- a/n\n+++ b/n\n@@ -x +1 @@\n", 3),
        ("diff --git a/n b/n\nindex 1..2\nGIT binary patch\n", 3),
        ("diff --git a/n b/n\nnew file mode 120000\n", 2),
    ] {
        let told = refused(&[("n", "a\n")], text);
        assert!(
            told.contains(&format!("cannot be read: line {line}:")),
            "{text}: {told}"
        );
    }
}

#[test]
fn further_names_of_a_file_keep_what_it_held() {
    let bench = Bench::new();
    let mut tree = bench.tree(&[("a", "old\n"), ("m", "moved\n"), ("r", "gone\n")]);
    for (name, to) in [("b", "/a"), ("c", "/a"), ("n", "/m"), ("s", "/r")] {
        let to = ImagePath::new(to).expect("sound");
        let mut entry = tree.get(&to).expect("there").clone();
        entry.node = Node::Hardlink { to };
        tree.insert_with_parents(ImagePath::new(name).expect("sound"), entry);
    }
    let patch = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-old\n+new\n--- a/r\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\ndiff --git a/m b/elsewhere\nsimilarity index 100%\nrename from m\nrename to elsewhere\n";
    let origin = Origin::new("source x");
    let tree = apply(tree, "x.patch", patch.as_bytes(), &origin, &bench.store).expect("fits");
    let held = |name: &str| {
        let path = ImagePath::new(name).expect("sound");
        match &tree.get(&path).expect("there").node {
            Node::File { digest, .. } => {
                String::from_utf8(bench.store.get(digest).expect("stored")).expect("text")
            }
            Node::Hardlink { to } => format!("→ {to}"),
            other => panic!("{other:?}"),
        }
    };
    let names = ["/a", "/b", "/c", "/elsewhere", "/n", "/s"];
    let expected = ["new\n", "old\n", "→ /b", "moved\n", "moved\n", "gone\n"];
    assert_eq!(names.map(held), expected);
}
