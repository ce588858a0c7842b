//! What flists are made of, and flists themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Context;
use super::archives::tell_lost;
use super::select::without;
use crate::archive::LostAttribute;
use crate::build::{Event, disk};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{
    self, BlockId, CHUNK, Device, Head, Kind, Packable, Progress, Route, Sink, Watch,
};
use crate::kmod::Kernel;
use crate::plan::{Action, Input};
use crate::tree::{self, Conflict, Digest, Entry, ImagePath, Node, Origin, Store, Tree};

/// What a thread that seals blocks holds: a chunk, what it became compressed and sealed, and the next one.
const MEMORY_OF_A_THREAD: u64 = 4 * CHUNK as u64;

/// Performs an action of flists that makes a tree in memory; `None` for any other.
pub(super) fn made(context: &Context<'_>, action: &Action) -> Option<Result<Tree, Diagnostic>> {
    Some(match action {
        Action::Folder { trees, at, flist } => folder(context, trees, at, flist.as_deref()),
        Action::Leave { tree, folder } => context.tree(tree).map(|tree| leave(&tree, folder)),
        Action::Flist {
            tree,
            name,
            route,
            tags,
            epoch,
        } => {
            let head = Head {
                routes: vec![Route::all(route)],
                tags: tags.clone(),
                epoch: *epoch,
            };
            pack(context, tree, name, &head)
        }
        _ => return None,
    })
}

/// What lies in a folder of some trees, with that folder as the root.
///
/// # Errors
/// `zosc::build::empty-flist`, `zosc::build::path-clash`
fn folder(
    context: &Context<'_>,
    trees: &[Input],
    at: &[ImagePath],
    flist: Option<&str>,
) -> Result<Tree, Diagnostic> {
    let mut parts = Vec::new();
    for tree in trees {
        let tree = context.shared_tree(tree)?;
        // One of the places may be a link to another.
        let places: BTreeSet<ImagePath> = at.iter().filter_map(|at| place(&tree, at)).collect();
        parts.extend(places.iter().map(|place| inside(&tree, place)));
    }
    let site = flist.and_then(|name| context.plan.sites.get(&format!("flist {name}")));
    let joined = tree::merge(&parts, Conflict::Refuse).map_err(|clash| {
        let clash = clash.at_maybe(site.copied());
        clash.help("name one of the two packages, or a set that has only one of them")
    })?;
    let is_empty = joined.iter().all(|(_, entry)| entry.is_directory());
    match flist.filter(|_| is_empty) {
        Some(name) => Err(empty(name, at).at_maybe(site.copied())),
        None => Ok(joined),
    }
}

/// Where a folder really lies; `None` where there is none.
fn place(tree: &Tree, folder: &ImagePath) -> Option<ImagePath> {
    let (place, entry) = tree.resolve(folder)?;
    entry.is_directory().then_some(place)
}

/// A folder's content. A hard link becomes a file of its own: what it leads to may lie outside.
fn inside(tree: &Tree, folder: &ImagePath) -> Tree {
    let below = tree.iter().filter(|(path, _)| path.starts_with(folder));
    let entries = below.filter_map(|(path, entry)| {
        let mut entry = entry.clone();
        if let Node::Hardlink { to } = &entry.node {
            entry.node = tree.get(to)?.node.clone();
        }
        let relative = path.as_str().get(folder.as_str().len()..)?;
        Some((ImagePath::new(relative).ok()?, entry))
    });
    entries.collect()
}

fn empty(flist: &str, at: &[ImagePath]) -> Diagnostic {
    let folder = at.first().map_or("", ImagePath::as_str);
    Diagnostic::error(
        "zosc::build::empty-flist",
        format!("the flist `{flist}` would be empty: there is no file in `{folder}`"),
    )
    .help("name a folder of the image with files in it, or a package with firmware; `zosc inspect` lists what an image has")
}

/// A tree whose folder has nothing in it any more.
fn leave(tree: &Tree, folder: &ImagePath) -> Tree {
    match place(tree, folder) {
        Some(place) => without(tree, &|path| *path != place && path.starts_with(&place)),
        None => tree.clone(),
    }
}

/// All modules of a kernel and what the image has beside them, with indexes of all of them.
pub(super) fn all_modules(
    context: &Context<'_>,
    kernel: &Input,
    image: &Input,
    epoch: u64,
) -> Result<Digest, Diagnostics> {
    let store = context.store;
    let tree = context.tree(kernel)?;
    let directory = Kernel::read(&tree, store)?.directory().clone();
    let own = beside_indexes(&context.tree(image)?, &directory);
    let pool = tree::merge([&tree, &own], Conflict::Replace)?;
    let kernel = Kernel::read(&pool, store)?;
    // The indexes need to know every module: they are read by whoever has time.
    let names: Vec<&str> = kernel.modules().collect();
    context.each(0, names, &|name| kernel.facts(name).map(|_| ()))?;
    let origin = Origin::new("modules index");
    let mut all = kernel.tree_of(&kernel.everything(), epoch, &origin)?;
    for (path, entry) in own.iter() {
        if !all.contains(path) {
            all.insert_with_parents(path.clone(), entry.clone());
        }
    }
    Ok(store.put_tree(&all)?)
}

/// What the image has in the folder of its modules, at its place, without the indexes: those are of its own modules alone.
fn beside_indexes(image: &Tree, directory: &ImagePath) -> Tree {
    let is_index = |path: &ImagePath| {
        path.components().count() == 1 && path.file_name().starts_with("modules.")
    };
    let files = image.iter().filter(|(path, _)| !is_index(path));
    let files = files.filter_map(|(path, entry)| {
        let path = directory.join(path.relative()).ok()?;
        Some((path, entry.clone()))
    });
    files.collect()
}

/// Packs a tree: a tree with the list at `/list.fl` and every blob at `/blobs/HH/HEX`.
fn pack(context: &Context<'_>, tree: &Input, name: &str, head: &Head) -> Result<Tree, Diagnostic> {
    let (store, tree) = (context.store, context.tree(tree)?);
    tell_lost(context, "an flist", &lost(&tree));
    let folder = store.temporary();
    let folder = tempfile::tempdir_in(&folder).map_err(|error| disk(&folder, &error))?;
    let list = folder.path().join("list.fl");
    let blobs: Mutex<BTreeMap<BlockId, (Digest, u64)>> = Mutex::default();
    let keep = |id: &BlockId, bytes: &[u8]| {
        let digest = store.put(bytes)?;
        let mut blobs = blobs.lock().unwrap_or_else(PoisonError::into_inner);
        blobs.insert(*id, (digest, bytes.len() as u64));
        Ok(())
    };
    write_list(context, &tree, head, &keep, &list)?;
    let mut file = File::open(&list).map_err(|error| disk(&list, &error))?;
    let list = store.put_reader(&mut file)?;
    let blobs = blobs.into_inner().unwrap_or_else(PoisonError::into_inner);
    let blobs = blobs.into_iter().map(|(id, blob)| {
        let id = id.to_string();
        (
            format!("/blobs/{}/{id}", id.get(..2).unwrap_or_default()),
            blob,
        )
    });
    let mut packed = Tree::new();
    for (path, (digest, size)) in blobs.chain([("/list.fl".to_owned(), list)]) {
        let origin = Origin::new(format!("flist {name}"));
        let entry = Entry::file(digest, size, 0o644, head.epoch, origin);
        packed.insert_with_parents(fixed(&path), entry);
    }
    Ok(packed)
}

/// Writes the list with as many processors as the build can spare; none of them changes a byte.
fn write_list(
    context: &Context<'_>,
    tree: &Tree,
    head: &Head,
    blobs: &dyn Sink,
    list: &Path,
) -> Result<(), Diagnostic> {
    let total = tree.content_size();
    let entries = tree
        .iter()
        .map(|(path, entry)| packable(context.store, path, entry));
    let tell = |progress: Progress| {
        let done = progress.bytes;
        context
            .observer
            .event(context.planned, Event::Progress { done, total });
    };
    let watch = Watch {
        cancel: context.options.cancel,
        progress: &tell,
    };
    let mut loans = Vec::new();
    while (loans.len() as u64) < total / CHUNK as u64
        && let Some(loan) = context.budget.borrow(MEMORY_OF_A_THREAD)
    {
        loans.push(loan);
    }
    let packed = flist::pack(entries, head, loans.len() + 1, blobs, list, &watch);
    for loan in loans {
        context.budget.give_back(loan);
    }
    packed.map(|_| ())
}

/// An entry with a reader of its content, which is opened when its turn comes.
fn packable<'a>(
    store: &Store,
    path: &ImagePath,
    entry: &Entry,
) -> Result<Packable<'a>, Diagnostic> {
    let listed = |kind: Kind| flist::Entry {
        path: path.clone(),
        kind,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
    };
    let kind = match &entry.node {
        Node::File { digest, size } => {
            let content = store.reader(digest)?;
            return Ok(Packable::file(listed(Kind::File { size: *size }), content));
        }
        Node::Directory => Kind::Directory,
        Node::Symlink { target } => Kind::Symlink {
            target: target.clone().into_bytes(),
        },
        Node::CharDevice { major, minor } => Kind::CharDevice(Device {
            major: *major,
            minor: *minor,
        }),
        Node::BlockDevice { major, minor } => Kind::BlockDevice(Device {
            major: *major,
            minor: *minor,
        }),
        Node::Fifo => Kind::Fifo,
        Node::Hardlink { .. } => unreachable!("a folder's hard links have become files"),
    };
    Ok(Packable::bare(listed(kind)))
}

/// Attributes that a list has no place for.
fn lost(tree: &Tree) -> Vec<LostAttribute> {
    let entries = tree.iter().flat_map(|(path, entry)| {
        entry.xattrs.keys().map(|name| LostAttribute {
            path: path.clone(),
            name: name.clone(),
            origin: entry.origin.clone(),
        })
    });
    entries.collect()
}

/// A path of which every part is a fixed word or hexadecimal digits.
fn fixed(path: &str) -> ImagePath {
    ImagePath::new(path).expect("such a path is a sound one")
}
