//! Every name of the manifests that ship, of the book and of the suite becomes another one and back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::check;
use crate::diagnostic::Diagnostics;
use crate::frame::FRAME;
use crate::io::{Files, Memory};
use crate::source::SourceMap;

/// The files of a manifest, by path.
type Project = BTreeMap<PathBuf, String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts below a folder, as they lie below another one.
fn below(folder: &Path, to: &Path, found: &mut Project) {
    let entries = std::fs::read_dir(folder).expect("a folder of this package");
    for entry in entries {
        let path = entry.expect("a folder of this package").path();
        let to = to.join(path.file_name().expect("found in a folder"));
        if path.is_dir() {
            below(&path, &to, found);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.insert(to, text);
        }
    }
}

fn names(project: &Project, entry: &Path) -> Names {
    Names::of(
        Location::Disk(entry.to_owned()),
        &|location| match location {
            Location::Disk(path) => project.get(path).map(|text| text.as_str().into()),
            Location::Library(_) => {
                let name = location.library_name()?;
                check::library_text(&name).map(Arc::from)
            }
        },
    )
}

/// The codes of all that is said about a manifest.
fn codes(project: &Project, entry: &Path) -> Vec<&'static str> {
    let files: Vec<(PathBuf, Vec<u8>)> = project
        .iter()
        .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
        .collect();
    let files = Memory::new(files);
    let settings = check::Settings {
        current_directory: entry.parent().expect("a file").to_owned(),
        ..check::Settings::default()
    };
    let mut found = Diagnostics::new();
    check::check(
        entry,
        &settings,
        &files as &dyn Files,
        &mut SourceMap::new(),
        &mut found,
    );
    let mut codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes
}

fn apply(project: &Project, edits: &Edits) -> Project {
    let mut edited = project.clone();
    for (location, ranges) in edits {
        let Location::Disk(path) = location else {
            panic!("{location:?} is nobody's to edit");
        };
        let text = edited.get_mut(path).expect("a file of it");
        for ((start, end), new) in ranges.iter().rev() {
            text.replace_range(*start..*end, new);
        }
    }
    edited
}

/// Renames every name of a project and back; how many there were.
fn try_all(project: &Project, entry: &Path) -> usize {
    let before = codes(project, entry);
    let found = names(project, entry);
    let mut symbols: Vec<(Location, usize)> = Vec::new();
    for file in &found.files {
        let named = file
            .occurrences
            .iter()
            .filter(|found| found.role == Use::Names);
        symbols.extend(named.map(|found| (file.location.clone(), found.place.start)));
    }
    let mut count = 0;
    for (location, offset) in symbols {
        let file = found.file(&location).expect("a file of it");
        let Ok((symbol, _)) = renameable(&found, file, offset) else {
            continue;
        };
        // A file in zinit's own form is a unit as well, and flists wait for what is called `network`. `renaming` sees that, since
        // it has the outcome checked.
        let text = &project[entry];
        let is_meant_elsewhere = text.contains("file \"/etc/zinit/")
            || symbol.name == "network" && text.contains("flist ");
        if symbol.kind == "unit" && is_meant_elsewhere {
            continue;
        }
        let fresh =
            ["fresh-name", "rfs-fresh"].map(|new| (new, rename(&found, file, &symbol, new)));
        let Some((new, Ok(edits))) = fresh.into_iter().find(|(_, edits)| edits.is_ok()) else {
            panic!("{symbol:?} in {} cannot be renamed", entry.display());
        };
        let edited = apply(project, &edits);
        let mut left = before.clone();
        let mut after = codes(&edited, entry);
        // Some problems are about a name that clashes with what zosc cannot rename; those may go.
        after.retain(|code| {
            let place = left.iter().position(|before| before == code);
            place.map(|place| left.swap_remove(place)).is_none()
        });
        assert!(after.is_empty(), "{symbol:?} becomes {new}: {after:?}");
        let again = names(&edited, entry);
        let file = again.file(&location).expect("a file of it");
        let renamed = Symbol {
            name: new.to_owned(),
            ..symbol.clone()
        };
        let back = rename(&again, file, &renamed, &symbol.name).expect("it was a name before");
        assert_eq!(&apply(&edited, &back), project, "{symbol:?}");
        count += 1;
    }
    count
}

#[test]
fn names_of_the_manifests_that_ship() {
    let mut files = Project::new();
    below(
        &root().join("manifests"),
        Path::new("/w/manifests"),
        &mut files,
    );
    below(
        &root().join("runtime-units"),
        Path::new("/w/runtime-units"),
        &mut files,
    );
    // The library's files as the author's own, so that their names can change as well.
    for (path, text) in &mut files {
        if path.extension().is_some_and(|ending| ending == "kdl") {
            let own = |line: &str| match line.strip_prefix("import \"std:") {
                Some(rest) => format!(
                    "import \"/w/runtime-units/{}",
                    rest.replacen('"', ".kdl\"", 1)
                ),
                None => line.to_owned(),
            };
            *text = text.split_inclusive('\n').map(own).collect();
        }
    }
    let entries: Vec<PathBuf> = files
        .keys()
        .filter(|path| path.ends_with("zos.kdl"))
        .cloned()
        .collect();
    assert_eq!(entries.len(), 3);
    let count: usize = entries.iter().map(|entry| try_all(&files, entry)).sum();
    assert!(count > 50, "{count}");
}

/// Whole manifests of the book and of the suite; sections that a fragment lacks come from the frame.
fn examples() -> Vec<String> {
    let mut pages = Project::new();
    below(&root().join("docs"), Path::new("docs"), &mut pages);
    below(
        &root().join("tests/suite/check"),
        Path::new("suite"),
        &mut pages,
    );
    let mut found = Vec::new();
    for (path, text) in pages {
        if path.starts_with("suite/beside") {
            continue;
        }
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("kdl") => found.push(text),
            Some("md") => {
                let blocks = text.split("\n```kdl").skip(1);
                let blocks =
                    blocks.filter_map(|block| block.split("\n```").next()?.split_once('\n'));
                found.extend(blocks.map(|(_, block)| format!("{block}\n")));
            }
            _ => {}
        }
    }
    for text in &mut found {
        let has = |section: &str| {
            text.lines()
                .any(|line| line.split([' ', '{']).next() == Some(section))
        };
        if has("edition") {
            continue;
        }
        let lacking = FRAME.iter().filter(|(section, _)| !has(section));
        let before: Vec<&str> = lacking.map(|(_, line)| *line).collect();
        *text = format!("{}\n{text}", before.join("\n"));
    }
    found
}

#[test]
fn names_of_every_example() {
    let mut beside = Project::new();
    below(
        &root().join("tests/suite/check/beside"),
        Path::new("/suite"),
        &mut beside,
    );
    let entry = Path::new("/suite/zos.kdl");
    let mut count = 0;
    for example in examples() {
        let mut files = beside.clone();
        files.insert(entry.to_owned(), example);
        count += try_all(&files, entry);
    }
    assert!(count > 200, "{count}");
}
