//! Watching files and folders for changes.
//!
//! A file is watched through the folder that it lies in, since editors write a new file and rename it over the old one, and
//! since one that is not there yet may come. Whether a file has changed is told by how it looks, not by the events about it;
//! within folders, where nobody has listed what there is, by the events.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{Asked, Stamp};

/// A change is complete when nothing more has come for this long.
const QUIET: Duration = Duration::from_millis(60);

/// A change that goes on for longer than this is taken as it is.
const LONGEST: Duration = Duration::from_secs(2);

/// How the folders that are watched are to be watched, and which ones they are.
type Places = BTreeMap<PathBuf, (bool, Option<(u64, u64)>)>;

/// Watches what was asked for.
pub struct Watcher {
    watching: Option<RecommendedWatcher>,
    places: Places,
    asked: Asked,
    /// Folders whose changes are of no concern.
    besides: Vec<PathBuf>,
    /// Whether something else is watched since the last look.
    is_new: bool,
    sender: Sender<PathBuf>,
    events: Receiver<PathBuf>,
}

impl Default for Watcher {
    fn default() -> Self {
        let (sender, events) = channel();
        Self {
            watching: None,
            places: Places::new(),
            asked: Asked::default(),
            besides: Vec::new(),
            is_new: false,
            sender,
            events,
        }
    }
}

impl Watcher {
    /// From here on watches this, and nothing that lies in one of `besides`.
    ///
    /// # Errors
    /// The system watches no more folders.
    pub fn follow(&mut self, asked: Asked, besides: Vec<PathBuf>) -> io::Result<()> {
        let places = places(&asked);
        self.asked = asked;
        self.besides = besides;
        self.is_new = true;
        if self.watching.is_some() && self.places == places {
            return Ok(());
        }
        let sender = self.sender.clone();
        let mut watching = notify::recommended_watcher(move |event| {
            for path in changed(event) {
                let _ = sender.send(path);
            }
        })
        .map_err(into_io)?;
        for (place, (is_deep, _)) in &places {
            let mode = if *is_deep {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            };
            match watching.watch(place, mode) {
                Ok(()) => {}
                // It has gone since; the folder above it tells.
                Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
                Err(error) => return Err(into_io(error)),
            }
        }
        // The old one ends when the new one is there, so that nothing is missed between them.
        self.watching = Some(watching);
        self.places = places;
        Ok(())
    }

    /// What has changed since it was read, where something has: waits until that is complete, for as long as `timeout` for
    /// its beginning.
    pub fn changes(&mut self, timeout: Duration) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut is_news = std::mem::take(&mut self.is_new);
        if is_news {
            found = self.looks_different();
        }
        let mut quiet = if found.is_empty() { timeout } else { QUIET };
        let mut first: Option<Instant> = None;
        while let Ok(path) = self.events.recv_timeout(quiet) {
            is_news = true;
            if self.is_within(&path) {
                found.insert(path);
            }
            quiet = QUIET;
            let first = *first.get_or_insert_with(Instant::now);
            if first.elapsed() > LONGEST {
                break;
            }
        }
        if is_news {
            found.extend(self.looks_different());
        }
        found
    }

    /// Watches one more file, as it is now; the folder that it lies in is watched already.
    pub fn watch_from_now(&mut self, path: &Path) {
        self.asked.files.insert(path.to_owned(), Stamp::of(path));
    }

    fn looks_different(&self) -> BTreeSet<PathBuf> {
        let files = self.asked.files.iter();
        let different = files.filter(|(path, stamp)| Stamp::of(path) != **stamp);
        different.map(|(path, _)| path.clone()).collect()
    }

    /// Whether a path lies in a folder that was asked for.
    fn is_within(&self, path: &Path) -> bool {
        let mut folders = self.asked.folders.keys();
        folders.any(|folder| path.starts_with(folder))
            && !self.besides.iter().any(|besides| path.starts_with(besides))
    }
}

/// The folders to watch: those that files lie in, the files' own where links lead elsewhere, and whole folders.
fn places(asked: &Asked) -> Places {
    let mut places = Places::new();
    let mut add = |path: &Path, is_deep: bool| {
        let there = path.ancestors().find(|path| path.is_dir());
        let Some(there) = there else { return };
        let is_deep = is_deep && there == path;
        let place = places.entry(there.to_owned());
        let place = place.or_insert((is_deep, Stamp::of(there).identity()));
        place.0 |= is_deep;
    };
    for path in asked.files.keys().chain(asked.folders.keys()) {
        let own = std::fs::canonicalize(path).ok();
        for path in own.iter().chain([path]) {
            add(path.parent().unwrap_or(path), false);
        }
    }
    for folder in asked.folders.keys() {
        add(folder, true);
    }
    places
}

/// The paths that an event says have changed; reading changes nothing.
fn changed(event: notify::Result<notify::Event>) -> Vec<PathBuf> {
    match event {
        Ok(event) => match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => event.paths,
            EventKind::Access(_) => Vec::new(),
            _ => event.paths,
        },
        Err(error) => error.paths,
    }
}

fn into_io(error: notify::Error) -> io::Error {
    match error.kind {
        notify::ErrorKind::Io(error) => error,
        notify::ErrorKind::MaxFilesWatch => io::ErrorKind::StorageFull.into(),
        _ => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::io::{Files as _, Noted, System};

    /// A watcher of the file `a`, the missing file `b` and the folder `f` without `f/out`.
    fn watched(folder: &Path) -> Watcher {
        fs::write(folder.join("a"), "1").unwrap();
        fs::create_dir_all(folder.join("f/deep")).unwrap();
        fs::create_dir_all(folder.join("f/out")).unwrap();
        let mut watcher = Watcher::default();
        again(&mut watcher, folder);
        watcher
    }

    fn again(watcher: &mut Watcher, folder: &Path) {
        let noted = Noted::new(&System);
        for name in ["a", "b", "f"] {
            noted.kind(&folder.join(name));
        }
        let besides = vec![folder.join("f/out")];
        watcher.follow(noted.asked(), besides).unwrap();
    }

    fn seen(watcher: &mut Watcher, folder: &Path) -> Vec<String> {
        let seen = watcher.changes(Duration::from_millis(500)).into_iter();
        seen.map(|path| path.strip_prefix(folder).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn writes_renames_and_new_files_are_seen_and_reading_is_not() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let mut watcher = watched(folder);
        fs::read(folder.join("a")).unwrap();
        fs::write(folder.join("other"), "x").unwrap();
        fs::write(folder.join("f/out/x"), "x").unwrap();
        assert!(seen(&mut watcher, folder).is_empty());
        fs::write(folder.join("a"), "2").unwrap();
        assert_eq!(seen(&mut watcher, folder), ["a"]);
        again(&mut watcher, folder);
        fs::write(folder.join(".a.swp"), "3").unwrap();
        fs::rename(folder.join(".a.swp"), folder.join("a")).unwrap();
        fs::write(folder.join("b"), "new").unwrap();
        assert_eq!(seen(&mut watcher, folder), ["a", "b"]);
        again(&mut watcher, folder);
        fs::write(folder.join("f/deep/x"), "x").unwrap();
        assert_eq!(seen(&mut watcher, folder), ["f/deep/x"]);
    }

    #[test]
    fn what_changed_before_it_was_watched_is_seen() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let mut watcher = watched(folder);
        let noted = Noted::new(&System);
        noted.read(&folder.join("a"), 9).unwrap();
        fs::write(folder.join("a"), "later").unwrap();
        watcher.follow(noted.asked(), Vec::new()).unwrap();
        assert_eq!(seen(&mut watcher, folder), ["a"]);
    }

    #[test]
    fn a_folder_that_was_replaced_is_watched_on() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let mut watcher = watched(folder);
        fs::rename(folder.join("f"), folder.join("old")).unwrap();
        fs::create_dir(folder.join("f")).unwrap();
        assert!(!seen(&mut watcher, folder).is_empty());
        again(&mut watcher, folder);
        fs::write(folder.join("f/x"), "x").unwrap();
        assert_eq!(seen(&mut watcher, folder), ["f/x"]);
    }

    #[test]
    fn a_link_is_watched_where_it_leads() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        fs::create_dir(folder.join("far")).unwrap();
        fs::write(folder.join("far/real"), "1").unwrap();
        std::os::unix::fs::symlink("far/real", folder.join("link")).unwrap();
        let noted = Noted::new(&System);
        noted.kind(&folder.join("link"));
        let mut watcher = Watcher::default();
        watcher.follow(noted.asked(), Vec::new()).unwrap();
        fs::write(folder.join("far/real"), "22").unwrap();
        assert_eq!(seen(&mut watcher, folder), ["link"]);
    }
}
