//! Where a loader looks for libraries.

use super::{Image, Wishes};
use crate::tree::{ImagePath, Node};

/// Folders that musl looks in when nothing in `/etc` says otherwise.
const MUSL: &str = "/lib:/usr/local/lib:/usr/lib";
/// Names that musl's loader is itself, whatever follows their dot.
const PARTS_OF_MUSL: [&str; 7] = ["c", "dl", "m", "pthread", "rt", "util", "xnet"];

/// The folders that a loader looks in for one file's libraries, in order.
pub(super) struct Search {
    pub(super) folders: Vec<String>,
    /// Whether the loader is musl's.
    pub(super) musl: bool,
}

/// Whether a library is musl's loader itself under one of its names: `libc.musl-x86_64.so.1`, and `libpthread.so.0` for
/// programs that were linked elsewhere.
pub(super) fn is_part_of_musl(name: &str) -> bool {
    let part = name
        .strip_prefix("lib")
        .and_then(|rest| rest.split_once('.'));
    part.is_some_and(|(part, _)| PARTS_OF_MUSL.contains(&part))
}

impl Search {
    /// The search of a program's loader; a library names none, so it is searched for as its own libraries tell.
    pub(super) fn of(image: &Image<'_>, path: &ImagePath, wishes: &Wishes) -> Self {
        let glibc = wishes.needed.iter().any(|name| name == "libc.so.6");
        let named = wishes.interpreter.as_deref();
        let musl = match named {
            // `gcompat` takes the place of glibc's loader, and starts musl's.
            Some(loader) => {
                let from = image
                    .file(loader)
                    .map(|(_, entry, _)| entry.origin.name().to_owned());
                loader.contains("/ld-musl") || from.is_some_and(|from| from.starts_with("gcompat"))
            }
            None => !glibc,
        };
        let origin = path.parent().unwrap_or_else(ImagePath::root);
        let mut folders = run_paths(&origin, &wishes.run_paths);
        if named.is_none() {
            folders.push(origin.to_string());
        }
        if musl {
            folders.extend(of_musl(image));
        }
        if !musl || named.is_none() {
            folders.extend(of_glibc(image, wishes));
        }
        let mut once = Vec::new();
        for folder in folders {
            if !once.contains(&folder) {
                once.push(folder);
            }
        }
        Self {
            folders: once,
            musl,
        }
    }
}

/// The folders that a file itself names; `$ORIGIN` is the one that it lies in.
fn run_paths(origin: &ImagePath, texts: &[String]) -> Vec<String> {
    let folders = texts.iter().flat_map(|text| text.split(':'));
    let folders = folders.map(|folder| {
        let folder = folder.replace("${ORIGIN}", origin.as_str());
        folder.replace("$ORIGIN", origin.as_str())
    });
    let absolute = folders.filter(|folder| folder.starts_with('/'));
    absolute.map(|folder| plain(&folder)).collect()
}

/// A folder's path without `.` and `..`.
fn plain(folder: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn of_musl(image: &Image<'_>) -> Vec<String> {
    let is_list = |path: &ImagePath| {
        let rest = path.as_str().strip_prefix("/etc/ld-musl-");
        let machine = rest.and_then(|rest| rest.strip_suffix(".path"));
        machine.is_some_and(|machine| !machine.contains('/'))
    };
    let list = image.tree.iter().find(|(path, _)| is_list(path));
    let list = list.and_then(|(path, _)| image.text(path.as_str()));
    let list = list.unwrap_or_else(|| MUSL.to_owned());
    let folders = list
        .split([':', '\n'])
        .filter(|folder| folder.starts_with('/'));
    folders.map(str::to_owned).collect()
}

/// Folders of the loader's cache, where there is one, and those that distributions build their glibc for.
fn of_glibc(image: &Image<'_>, wishes: &Wishes) -> Vec<String> {
    let mut folders = Vec::new();
    if image.file("/etc/ld.so.cache").is_some() {
        let parts = image.tree.iter().filter(|(path, entry)| {
            path.as_str().starts_with("/etc/ld.so.conf.d/")
                && matches!(entry.node, Node::File { .. })
        });
        let parts = parts.map(|(path, _)| path.as_str());
        for list in ["/etc/ld.so.conf"].into_iter().chain(parts) {
            let text = image.text(list).unwrap_or_default();
            let lines = text.lines().map(str::trim);
            folders.extend(
                lines
                    .filter(|line| line.starts_with('/'))
                    .map(str::to_owned),
            );
        }
    }
    let machine = wishes.machine.as_deref().unwrap_or("");
    let machine = machine.split(' ').next().unwrap_or("");
    for folder in ["/lib", "/usr/lib"] {
        folders.push(format!("{folder}/{machine}-linux-gnu"));
        folders.push(format!("{folder}64"));
        folders.push(folder.to_owned());
    }
    folders
}

impl Image<'_> {
    /// A small text file of the image.
    fn text(&self, path: &str) -> Option<String> {
        let (_, _, digest) = self.file(path)?;
        let bytes = self.context.store.get(&digest).ok()?;
        String::from_utf8(bytes).ok()
    }
}
