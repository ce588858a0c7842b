//! Files of a store that are not what they were.

use std::path::{Path, PathBuf};

use super::project::Project;

/// What becomes of a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// One bit is another.
    Flipped,
    /// The second half is gone.
    Cut,
    /// It is empty, as after a power failure.
    Emptied,
    /// It has its length, and nothing is in it.
    Zeroed,
    /// It is gone.
    Removed,
}

const ALL: [Damage; 5] = [
    Damage::Flipped,
    Damage::Cut,
    Damage::Emptied,
    Damage::Zeroed,
    Damage::Removed,
];

impl Damage {
    fn bring_to(self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        match self {
            Self::Flipped => {
                if let Some(byte) = bytes.get_mut(0) {
                    *byte ^= 1;
                }
            }
            Self::Cut => bytes.truncate(bytes.len() / 2),
            Self::Emptied => bytes.clear(),
            Self::Zeroed => bytes.fill(0),
            Self::Removed => return std::fs::remove_file(path).unwrap(),
        }
        std::fs::write(path, bytes).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in listing.map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Everything of one sort at once: contents (packages, trees, compressed segments), results, notes, records.
#[test]
fn whole_shelves_of_damage_are_made_good() {
    let Some(project) = Project::new() else {
        return;
    };
    let first = project.build();
    project.manifest("two");
    let second = project.build();
    for folder in ["blobs", "actions", "notes", "builds"] {
        for damage in ALL {
            let damaged = files(&project.store.join(folder));
            assert!(!damaged.is_empty(), "{folder}");
            for path in &damaged {
                damage.bring_to(path);
            }
            let when = format!("{folder}, {damage:?}");
            // One build needs everything that the other does not have, and both have to write their output.
            project.write("motd", "other\n");
            project.build();
            project.write("motd", "welcome\n");
            assert_eq!(project.build(), second, "{when}");
            project.manifest("one");
            assert_eq!(project.build(), first, "{when}");
            project.manifest("two");
            // What no build has looked at may still be damaged; after this, nothing is.
            project.run(&["store", "verify"]);
            project.assert_sound(&when);
        }
    }
}

/// One content after the other, each sort of damage in its turn; no build is told that anything is wrong.
#[test]
fn single_damage_is_made_good_without_a_word() {
    let Some(project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    let all = files(&project.store.join("blobs"));
    for (number, path) in all.iter().enumerate().step_by(4) {
        if !path.is_file() {
            continue;
        }
        let damage = ALL[number / 4 % ALL.len()];
        damage.bring_to(path);
        std::fs::remove_dir_all(&project.outputs).unwrap();
        // Everything is read again: results lead there, and none is believed.
        std::fs::remove_dir_all(project.store.join("actions")).unwrap();
        assert_eq!(project.build(), wanted, "{damage:?} {}", path.display());
    }
    project.run(&["store", "verify"]);
    project.assert_sound("after single damage");
}

#[test]
fn verify_says_what_is_damaged_and_removes_it() {
    let Some(project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    let blob = files(&project.store.join("blobs")).remove(0);
    Damage::Flipped.bring_to(&blob);
    let root = files(&project.store.join("roots"))
        .into_iter()
        .find(|path| path.ends_with("bin/busybox"))
        .unwrap();
    std::fs::remove_file(root).unwrap();
    let said = project.refuse(&["store", "verify", "--dry-run"]);
    assert!(
        blob.is_file() && said.contains("zosc::upkeep::damaged"),
        "{said}"
    );
    let said = project.refuse(&["store", "verify"]);
    let name = blob.strip_prefix(&project.store).unwrap().to_str().unwrap();
    assert!(
        said.contains(name) && said.contains("arootfilesystemthatsomebodyhaschanged"),
        "{said}"
    );
    assert!(!blob.exists());
    assert_eq!(project.build(), wanted);
    project.assert_sound("after verify");
}
