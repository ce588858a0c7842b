//! `zosc flist tree`.

use std::path::PathBuf;

use crate::cli::Outcome;
use crate::cli::page::{Cell, Page};
use crate::cli::session::Session;
use crate::diagnostic::bytes;
use crate::flist::{Entry, Kind};

use super::stores::open_list;

/// Shows the files of an flist as a tree, without asking a store.
///
/// `zosc flist tree modules.fl --depth 2` goes two folders deep. Behind each file stands its size, behind a link what it leads to.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The flist.
    #[arg(value_name = "FILE.fl")]
    list: PathBuf,
    /// How many folders deep the tree goes.
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let list = open_list(session, &arguments.list)?;
    let depth = arguments.depth.unwrap_or(usize::MAX);
    let mut page = Page::new(session.output_style());
    for (_, entry) in list.entries() {
        let level = entry.path.components().count();
        if level <= depth {
            page.row(2 * level, &cells(&entry));
        }
    }
    session.print(&page.finish())
}

fn cells(entry: &Entry) -> Vec<Cell> {
    let name = entry.path.file_name();
    match &entry.kind {
        Kind::Directory => vec![Cell::plain(format!("{name}/"))],
        Kind::File { size } => vec![Cell::plain(name), Cell::faint(bytes(*size))],
        Kind::Symlink { target } => {
            let target = String::from_utf8_lossy(target);
            vec![Cell::plain(name), Cell::faint(format!("-> {target}"))]
        }
        Kind::CharDevice(_) => vec![Cell::plain(name), Cell::faint("character device")],
        Kind::BlockDevice(_) => vec![Cell::plain(name), Cell::faint("block device")],
        Kind::Fifo => vec![Cell::plain(name), Cell::faint("pipe")],
        Kind::Socket => vec![Cell::plain(name), Cell::faint("socket")],
    }
}
