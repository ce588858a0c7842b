//! A list that has been read, and found to hold together.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::tables::{self, Inode, Tables, damaged};
use super::{Block, CHUNK, Device, Entry, Head, Kind, Route, write::write_list};
use crate::diagnostic::Diagnostic;
use crate::tree::{ImagePath, is_file_name};

/// The number of the root in every list.
const ROOT: i64 = 1;
/// Bytes that Linux takes of a path, with the NUL at its end.
const LONGEST_PATH: usize = 4096;

/// A list: one tree below one root, every file with as many blocks as its size can have.
#[derive(Debug)]
pub struct List {
    /// In the order of their paths; the root comes first.
    nodes: Vec<Node>,
    /// Where the inode with a number is in `nodes`.
    places: BTreeMap<i64, usize>,
    /// Of one file after another.
    blocks: Vec<Block>,
    routes: Vec<Route>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Node {
    inode: Inode,
    kind: Kind,
    /// How many are above it.
    depth: usize,
    blocks: Range<usize>,
}

impl List {
    /// Reads a list, which may come from anywhere.
    ///
    /// # Errors
    /// The file is no list or too large, or it does not hold together: names that are none, entries that nothing leads to, two of one name,
    /// hashes of a wrong length, blocks that cannot make up a file.
    pub fn open(path: &Path) -> Result<Self, Diagnostic> {
        Self::from_tables(tables::read(path)?)
    }

    fn from_tables(tables: Tables) -> Result<Self, Diagnostic> {
        let Tables {
            inodes,
            extras,
            blocks,
            tags,
            routes,
        } = tables;
        let mut targets: BTreeMap<i64, Box<[u8]>> = extras.into_iter().collect();
        let order = order(&inodes)?;
        let mut inodes: Vec<Option<Inode>> = inodes.into_iter().map(Some).collect();
        let mut nodes = Vec::with_capacity(order.len());
        for (place, depth) in order {
            let Some(inode) = inodes[place].take() else {
                continue;
            };
            let kind = kind(&inode, targets.remove(&inode.ino))?;
            nodes.push(Node {
                inode,
                kind,
                depth,
                blocks: 0..0,
            });
        }
        let places = nodes
            .iter()
            .enumerate()
            .map(|(place, node)| (node.inode.ino, place))
            .collect();
        let mut list = Self {
            nodes,
            places,
            blocks: Vec::new(),
            routes: sound_routes(routes)?,
            tags: tags.into_iter().collect(),
        };
        list.take_blocks(blocks)?;
        Ok(list)
    }

    /// Gives every file its blocks; those of several files may stand between each other, as `rfs pack` leaves them.
    fn take_blocks(&mut self, rows: Vec<(i64, Block)>) -> Result<(), Diagnostic> {
        let mut placed = Vec::with_capacity(rows.len());
        for (ino, block) in rows {
            let Some(place) = self.places.get(&ino) else {
                return Err(damaged(format!(
                    "a block belongs to inode {ino}, which is not there"
                )));
            };
            placed.push((*place, block));
        }
        placed.sort_by_key(|(place, _)| *place);
        let mut start = 0;
        for (place, node) in self.nodes.iter_mut().enumerate() {
            let count = placed[start..]
                .iter()
                .take_while(|(of, _)| *of == place)
                .count();
            node.blocks = start..start + count;
            start += count;
            if !can_be(&node.kind, count) {
                let Inode {
                    ino, name, size, ..
                } = &node.inode;
                return Err(wrong_blocks(format!(
                    "`{}` (inode {ino}) has {size} bytes and {count} blocks, which cannot be",
                    name.escape_debug()
                )));
            }
        }
        self.blocks = placed.into_iter().map(|(_, block)| block).collect();
        Ok(())
    }

    /// The entries with their numbers, in the order of their paths; the root comes first.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry)> {
        let mut above: Vec<ImagePath> = Vec::new();
        self.nodes.iter().map(move |node| {
            above.truncate(node.depth);
            let path = match above.last() {
                Some(parent) => parent
                    .join(&node.inode.name)
                    .expect("names were checked when the list was read"),
                None => ImagePath::root(),
            };
            above.push(path.clone());
            let entry = Entry {
                path,
                kind: node.kind.clone(),
                mode: node.inode.mode & 0o7777,
                uid: node.inode.uid,
                gid: node.inode.gid,
                mtime: node.inode.mtime,
            };
            (node.inode.ino.cast_unsigned(), entry)
        })
    }

    /// How many entries there are, the root among them.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The blocks of the entry with this number, in the order of its content.
    pub fn blocks(&self, ino: u64) -> &[Block] {
        let place = self.places.get(&ino.cast_signed());
        place.map_or(&[], |place| &self.blocks[self.nodes[*place].blocks.clone()])
    }

    /// The blocks of all files, one file after another; the same block may come often.
    pub fn all_blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Where blocks are read from, in the order of the list.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// What the list says of itself.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// Writes the same files as a list with other routes and tags: sorted, and with no time behind the epoch.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, head: &Head, path: &Path) -> Result<(), Diagnostic> {
        write_list(path, head, |rows| {
            for (number, entry) in self.entries() {
                let ino = rows.entry(&entry)?;
                self.blocks(number)
                    .iter()
                    .try_for_each(|block| rows.block(ino, block))?;
            }
            Ok(())
        })
    }
}

impl Entry {
    /// Whether the content that the blocks of a file have together is as long as the list says.
    ///
    /// # Errors
    /// It is not.
    pub fn check_length(&self, length: u64) -> Result<(), Diagnostic> {
        let size = self.kind.size();
        if length == size {
            return Ok(());
        }
        Err(wrong_blocks(format!(
            "the blocks of `{}` hold {length} bytes, and the list says {size}",
            self.path
        )))
    }
}

/// The inodes in the order of their paths, each with how many are above it.
fn order(inodes: &[Inode]) -> Result<Vec<(usize, usize)>, Diagnostic> {
    let counts_up = inodes.is_sorted_by(|one, next| one.ino < next.ino);
    if !counts_up || inodes.first().is_some_and(|first| first.ino < ROOT) {
        return Err(bad_tree(
            "the numbers of inodes are not from 1 on, each once".to_owned(),
        ));
    }
    let place = |ino: i64| inodes.binary_search_by_key(&ino, |inode| inode.ino).ok();
    let root = place(ROOT).ok_or_else(|| {
        bad_tree("there is no inode 1, which is the root of every flist".to_owned())
    })?;
    if inodes[root].parent != 0 || !is_directory(&inodes[root]) {
        return Err(bad_tree("inode 1 is no root directory".to_owned()));
    }
    let mut children = Vec::with_capacity(inodes.len());
    for (at, inode) in inodes.iter().enumerate().filter(|(at, _)| *at != root) {
        check_name(inode)?;
        let Some(parent) = place(inode.parent).filter(|parent| is_directory(&inodes[*parent]))
        else {
            return Err(bad_tree(format!(
                "{} lies in inode {}, which is no directory of the list",
                shown(inode),
                inode.parent
            )));
        };
        children.push((parent, &*inode.name, at));
    }
    children.sort_unstable();
    if let Some(twice) = children
        .windows(2)
        .find(|pair| pair[0].0 == pair[1].0 && pair[0].1 == pair[1].1)
    {
        return Err(bad_tree(format!(
            "{} is there twice in one directory",
            shown(&inodes[twice[0].2])
        )));
    }
    let order = walk(&children, root)?;
    if order.len() < inodes.len() {
        return Err(bad_tree(
            "directories lie in each other, and nothing leads there from the root".to_owned(),
        ));
    }
    Ok(order)
}

/// What can be reached from the root: children sorted by parent and name, each `(parent, name, place)`.
fn walk(children: &[(usize, &str, usize)], root: usize) -> Result<Vec<(usize, usize)>, Diagnostic> {
    let mut order = Vec::with_capacity(children.len() + 1);
    // Place, how many are above, and bytes of the path.
    let mut waiting = vec![(root, 0, 0)];
    while let Some((at, depth, length)) = waiting.pop() {
        order.push((at, depth));
        let start = children.partition_point(|(parent, ..)| *parent < at);
        let end = children.partition_point(|(parent, ..)| *parent <= at);
        for (_, name, child) in children[start..end].iter().rev() {
            let length = length + 1 + name.len();
            if length >= LONGEST_PATH {
                return Err(bad_name("a path is longer than Linux allows".to_owned()));
            }
            waiting.push((*child, depth + 1, length));
        }
    }
    Ok(order)
}

fn is_directory(inode: &Inode) -> bool {
    inode.mode & 0o170_000 == Kind::Directory.bits()
}

/// Whether a name is one: a single component, of signs that can be shown.
fn check_name(inode: &Inode) -> Result<(), Diagnostic> {
    if is_file_name(&inode.name) {
        return Ok(());
    }
    Err(bad_name(format!(
        "{} has a name that no file can have",
        shown(inode)
    )))
}

fn kind(inode: &Inode, target: Option<Box<[u8]>>) -> Result<Kind, Diagnostic> {
    let device = Device::of(inode.rdev);
    let kind = match inode.mode & 0o170_000 {
        0o010_000 => Kind::Fifo,
        0o020_000 => Kind::CharDevice(device),
        0o040_000 => Kind::Directory,
        0o060_000 => Kind::BlockDevice(device),
        0o100_000 => Kind::File { size: inode.size },
        0o120_000 => {
            let target = target.unwrap_or_default();
            if target.is_empty() || target.len() >= LONGEST_PATH || target.contains(&0) {
                return Err(damaged(format!(
                    "{} is a symbolic link to what is no path",
                    shown(inode)
                )));
            }
            Kind::Symlink {
                target: target.into(),
            }
        }
        0o140_000 => Kind::Socket,
        _ => return Err(unknown_kind(inode)),
    };
    if inode.mode > 0o177_777 {
        return Err(unknown_kind(inode));
    }
    Ok(kind)
}

/// Whether a file of this size can have so many blocks: none is longer than a chunk, and none is empty.
fn can_be(kind: &Kind, blocks: usize) -> bool {
    let Kind::File { size } = *kind else {
        return blocks == 0;
    };
    let blocks = blocks as u64;
    (size.div_ceil(CHUNK as u64)..=size).contains(&blocks)
}

fn sound_routes(routes: Vec<Route>) -> Result<Vec<Route>, Diagnostic> {
    for Route { start, end, url } in &routes {
        if start > end || url.contains(char::is_control) {
            let url = url.escape_debug();
            return Err(damaged(format!(
                "the route `{url}` for {start:02x} to {end:02x} leads nowhere"
            )));
        }
    }
    Ok(routes)
}

/// An inode in words: names come from outside.
fn shown(inode: &Inode) -> String {
    let short: String = inode.name.chars().take(64).collect();
    format!("`{}` (inode {})", short.escape_debug(), inode.ino)
}

fn unknown_kind(inode: &Inode) -> Diagnostic {
    damaged(format!(
        "{} is of no kind that files are of: its mode is 0{:o}",
        shown(inode),
        inode.mode
    ))
}

fn bad_tree(message: String) -> Diagnostic {
    Diagnostic::error("zosc::flist::bad-tree", message)
        .help("do not use the flist; if it is your own, pack its files again")
}

fn bad_name(message: String) -> Diagnostic {
    Diagnostic::error("zosc::flist::bad-name", message)
        .help("do not use the flist; if it is your own, rename the file and pack again")
}

fn wrong_blocks(message: String) -> Diagnostic {
    Diagnostic::error("zosc::flist::wrong-blocks", message)
        .help("pack the files again: the flist was made while a file changed, or is damaged")
}
