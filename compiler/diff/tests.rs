use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use super::*;
use crate::check::{self, Settings};
use crate::diagnostic::Diagnostics;
use crate::frame::FRAME;
use crate::io::Memory;
use crate::lock::Lock;
use crate::source::{PLACE_KEY, VALUE_KEY};

/// The files that the cases of the suite find beside them.
static BESIDE: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let mut files = Vec::new();
    let folder = suite().join("beside");
    gather(&folder, &mut files, &folder);
    files
});

fn gather(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>, root: &Path) {
    let entries = std::fs::read_dir(folder).expect("a folder of this package");
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, found, root);
        } else {
            let name = path.strip_prefix(root).expect("found below it");
            let bytes = std::fs::read(&path).expect("a file of this package");
            found.push((Path::new("/suite").join(name), bytes));
        }
    }
}

fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/check")
}

/// A manifest among the files of the suite; `None` where something is wrong with it.
fn checked(text: &str, sources: &mut SourceMap) -> Option<Image> {
    let mut files = BESIDE.clone();
    files.push(("/suite/zos.kdl".into(), text.into()));
    let settings = Settings {
        current_directory: "/suite".into(),
        ..Settings::default()
    };
    check::check(
        Path::new("zos.kdl"),
        &settings,
        &Memory::new(files),
        sources,
        &mut Diagnostics::new(),
    )
}

/// Where those manifests lie.
fn here() -> Here {
    Here::new(Path::new("/suite"), BTreeSet::new())
}

/// The examples of a page as whole manifests.
fn examples(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("```kdl") || line.contains("wrong") {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let has = |section: &str| block.iter().any(|line| line.starts_with(section));
        let mut text = String::new();
        if !has("edition") {
            let missing = FRAME.iter().filter(|(section, _)| !has(section));
            text.extend(missing.map(|(_, line)| format!("{line}\n")));
        }
        found.push(text + &block.join("\n") + "\n");
    }
    found
}

/// Every example of the book and of the suite with which nothing is wrong.
fn sound_manifests() -> Vec<(String, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut found = Vec::new();
    for folder in [suite(), docs.clone(), docs.join("errors")] {
        for entry in std::fs::read_dir(folder).expect("a folder of this package") {
            let path = entry.expect("an entry").path();
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let name = path.display().to_string();
            if path.extension().is_some_and(|ending| ending == "md") {
                found.extend(examples(&text).into_iter().map(|text| (name.clone(), text)));
            } else {
                found.push((name, text));
            }
        }
    }
    found.retain(|(_, text)| checked(text, &mut SourceMap::new()).is_some());
    found.sort();
    assert!(found.len() > 50, "{} manifests", found.len());
    found
}

/// Everything that can be changed in a value, each changed by itself.
fn changed_leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    let mut inner: Vec<(String, Value)> = Vec::new();
    match value {
        Value::Object(map) => {
            for (name, member) in map {
                if name == PLACE_KEY {
                    continue;
                }
                inner.clear();
                changed_leaves(member, &format!("{path}.{name}"), &mut inner);
                found.extend(inner.drain(..).map(|(path, changed)| {
                    let mut map = map.clone();
                    map.insert(name.clone(), changed);
                    (path, Value::Object(map))
                }));
            }
        }
        Value::Array(list) => {
            for (index, member) in list.iter().enumerate() {
                inner.clear();
                changed_leaves(member, &format!("{path}[{index}]"), &mut inner);
                found.extend(inner.drain(..).map(|(path, changed)| {
                    let mut list = list.clone();
                    if let Some(place) = list.get_mut(index) {
                        *place = changed;
                    }
                    (path, Value::Array(list))
                }));
                let mut shorter = list.clone();
                shorter.remove(index);
                found.push((format!("{path}[{index}] removed"), shorter.into()));
            }
        }
        Value::String(text) => found.push((path.to_owned(), format!("{text}x").into())),
        Value::Number(number) => {
            let next = number.as_u64().unwrap_or(0) + 1;
            found.push((path.to_owned(), next.into()));
        }
        Value::Bool(is) => found.push((path.to_owned(), (!is).into())),
        Value::Null => found.push((path.to_owned(), "x".into())),
    }
}

#[test]
fn whatever_a_manifest_says_is_compared() {
    let mut leaves = 0;
    let mut unseen = Vec::new();
    let mut members = BTreeSet::new();
    for (file, text) in sound_manifests() {
        let image = checked(&text, &mut SourceMap::new()).expect("it is sound");
        let value = manifest::value(&image);
        for (name, member) in value.as_object().into_iter().flatten() {
            // What the frame brings to every example is looked at once.
            if !members.insert(format!("{name} {member}")) {
                continue;
            }
            let alone = serde_json::json!({ name.as_str(): member });
            let facts = manifest::facts(alone.clone(), &here());
            let mut changed = Vec::new();
            changed_leaves(&alone, "", &mut changed);
            for (path, changed) in changed {
                leaves += 1;
                let other = manifest::facts(changed, &here());
                if difference::between(&facts, &other, &SourceMap::new()).is_empty() {
                    unseen.push(format!("{file}: {path}"));
                }
            }
        }
    }
    assert!(leaves > 1_000, "{leaves} leaves");
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
}

#[test]
fn a_value_has_a_place_and_the_place_is_no_value() {
    let mut sources = SourceMap::new();
    let image = checked(
        "edition 1\nimage a\nfile \"/x\" text=\"\"\noutputs { initramfs a }\n",
        &mut sources,
    );
    let value = serde_json::to_value(image.expect("sound")).expect("plain data");
    let to = &value["files"][0]["to"];
    assert_eq!(to[VALUE_KEY], "/x");
    assert_eq!(to[PLACE_KEY].as_array().map(Vec::len), Some(3));
}

/// The facts of a manifest without a lock.
fn facts_of(text: &str, sources: &mut SourceMap) -> Facts {
    let image = checked(text, sources).unwrap_or_else(|| panic!("this is not sound:\n{text}"));
    let mut facts = manifest::facts(manifest::value(&image), &here());
    order::add(&mut facts, &image, &image);
    facts
}

#[test]
fn what_means_the_same_is_no_difference() {
    let pairs = [
        (
            "edition 1\nimage a\nunit x { exec \"/bin/x\" }\nunit y { exec \"/bin/y\"; after x }\nzinit dialect=toml\noutputs { initramfs a }\n",
            "edition 1\n// A comment.\nimage a\noutputs {\n    initramfs \"a\"\n}\nzinit dialect=toml\nunit \"y\" {\n    after x\n    exec \"/bin/y\"\n}\nunit x { exec \"/bin/x\"; log ring; restart always }\n",
        ),
        (
            "edition 1\nimage a arch=x86_64\nfile \"/a\" text=\"x\" mode=\"0644\"\nfile \"/b\" text=\"y\"\noutputs { initramfs a }\n",
            "edition 1\nimage a\nfile \"/b\" text=\"y\"\n/- file \"/c\" text=\"\"\nfile \"/a\" text=\"x\"\noutputs { initramfs a }\n",
        ),
    ];
    for (one, other) in pairs {
        let mut sources = SourceMap::new();
        let (one, other) = (facts_of(one, &mut sources), facts_of(other, &mut sources));
        let found = difference::between(&one, &other, &sources);
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// A difference seen from the other side; lines of texts are left out.
fn mirrored(mut sections: Vec<SectionDifference>) -> Vec<SectionDifference> {
    for change in sections.iter_mut().flat_map(|section| &mut section.changes) {
        change.change = match change.change {
            ChangeKind::Added => ChangeKind::Removed,
            ChangeKind::Removed => ChangeKind::Added,
            same => same,
        };
        change.verdict = change.verdict.map(|verdict| match verdict {
            Verdict::Upgrade => Verdict::Downgrade,
            Verdict::Downgrade => Verdict::Upgrade,
            Verdict::Rebuilt => Verdict::Rebuilt,
        });
        std::mem::swap(&mut change.old, &mut change.new);
        for field in &mut change.fields {
            std::mem::swap(&mut field.before, &mut field.after);
            std::mem::swap(&mut field.old, &mut field.new);
        }
    }
    without_lines(sections)
}

fn without_lines(mut sections: Vec<SectionDifference>) -> Vec<SectionDifference> {
    for change in sections.iter_mut().flat_map(|section| &mut section.changes) {
        change.text = None;
    }
    sections
}

#[test]
fn nothing_differs_from_itself_and_both_directions_mirror_each_other() {
    let mut sources = SourceMap::new();
    let all: Vec<Facts> = sound_manifests()
        .iter()
        .map(|(_, text)| facts_of(text, &mut sources))
        .collect();
    for (index, one) in all.iter().enumerate() {
        assert!(difference::between(one, one, &sources).is_empty());
        // A stride that meets every other sooner or later.
        for other in all.iter().skip(index % 7).step_by(7) {
            let there = difference::between(one, other, &sources);
            let back = difference::between(other, one, &sources);
            assert_eq!(without_lines(back), mirrored(there));
        }
    }
}

/// A lock with something of everything.
const LOCK: &str = r#"{
  "wishes": ["a"],
  "indexes": [{"url": "https://m.example/main", "tag": null, "sha256": "DIGEST"}],
  "packages": [
    {"role": "image", "name": "a", "version": "1.0-r0", "urls": ["https://m.example/main/x86_64/a-1.0-r0.apk"], "identity": "Q1a",
     "sha256": "DIGEST", "size": 7, "built": 8, "scripts": ["post-install"], "triggers": ["/a"], "because": ["a"]},
    {"role": "kernel", "name": "linux-virt", "version": "6-r0", "urls": ["https://m.example/main/x86_64/linux-virt-6-r0.apk"], "identity": "Q1b",
     "sha256": "DIGEST", "size": 9, "built": 10, "scripts": [], "triggers": [], "because": []}
  ],
  "toolchains": {
    "t": {"Alpine": {"wishes": ["b"], "indexes": [], "packages": [
      {"role": "image", "name": "b", "version": "1-r0", "urls": ["https://m.example/main/x86_64/b-1-r0.apk"], "identity": "Q1c",
       "sha256": "DIGEST", "size": 7, "built": 8, "scripts": [], "triggers": [], "because": ["b"]}]}},
    "u": {"Download": {"url": "https://m.example/r", "sha256": "DIGEST", "size": 3}},
    "v": {"Image": {"reference": "h/i:1", "sha256": "DIGEST", "tree": "DIGEST", "environment": {"A": "B"}}}
  },
  "sources": {
    "c": {"Crate": {"name": "c", "version": "1.0.0", "tree": "DIGEST"}},
    "g": {"Git": {"url": "https://h/g", "revision": "tag v1", "commit": "0123", "submodules": false, "keep_git": true, "tree": "DIGEST"}},
    "r": {"Release": {"url": "https://h/r", "sha256": "DIGEST", "size": 3}}
  },
  "vendored": {"g": {"by": "cargo", "from": "DIGEST", "tree": "DIGEST"}},
  "kernel": {"release": "6", "image": "/boot/vmlinuz"},
  "kernel_source": {"urls": ["https://k/linux.tar.xz"], "sha256": "DIGEST", "size": 4, "archive": "usr/src/x", "made": 5,
    "signature": {"url": "https://k/linux.tar.sign", "sha256": "DIGEST", "size": 6}}
}"#;

#[test]
fn whatever_a_lock_says_is_compared() {
    let digest = "0".repeat(64);
    let value: Value = serde_json::from_str(&LOCK.replace("DIGEST", &digest)).expect("JSON");
    let facts_of = |value: &Value| {
        let lock: Lock = serde_json::from_value(value.clone()).ok()?;
        let mut facts = Facts::default();
        lock::add(&mut facts, &lock, &here());
        Some(facts)
    };
    let facts = facts_of(&value).expect("a lock");
    let mut changed = Vec::new();
    changed_leaves(&value, "", &mut changed);
    let mut compared = 0;
    for (path, changed) in changed {
        // A digest that is none is no lock; wishes are in the manifest, and reasons are no difference.
        let other = |text: String| text.replace(&format!("{digest}x"), &"1".repeat(64));
        let changed = serde_json::from_str(&other(changed.to_string())).expect("JSON");
        // The end of an address is the file's name, which name and version make.
        let is_beside =
            path.contains(".wishes") || path.contains(".because") || path.ends_with(".urls[0]");
        let Some(other) = facts_of(&changed).filter(|_| !is_beside) else {
            continue;
        };
        compared += 1;
        let found = difference::between(&facts, &other, &SourceMap::new());
        assert!(!found.is_empty(), "{path}");
    }
    assert!(compared > 50, "{compared}");
}
