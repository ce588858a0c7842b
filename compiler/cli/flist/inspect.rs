//! `zosc flist inspect`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::page::{Cell, Page};
use crate::cli::render::Style;
use crate::cli::session::Session;
use crate::cli::{Format, Outcome};
use crate::diagnostic::bytes;
use crate::flist::{Kind, List, Route};
use crate::publish::lists::Distinct;

use super::stores::open_list;

/// Files that are named as the largest.
const LARGEST: usize = 10;

/// Shows what an flist says: routes, tags, how many files and blocks, the largest files. No store is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The flist.
    #[arg(value_name = "FILE.fl")]
    list: PathBuf,
    /// How the report is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// What an flist holds.
#[derive(Default)]
struct Counts {
    /// How many entries of each kind.
    kinds: BTreeMap<&'static str, u64>,
    bytes: u64,
    /// Sizes and paths, the largest first.
    largest: Vec<(u64, String)>,
    /// Blocks of all files, and different ones.
    blocks: usize,
    distinct: usize,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let list = open_list(session, &arguments.list)?;
    let counts = count(&list);
    session.print(&match arguments.format {
        Format::Human => human(arguments, &list, &counts, session.output_style()),
        Format::Json => format!("{:#}\n", document(&list, &counts)),
    })
}

fn count(list: &List) -> Counts {
    let mut counts = Counts {
        blocks: list.all_blocks().len(),
        distinct: Distinct::of(list).len(),
        ..Counts::default()
    };
    for (_, entry) in list.entries() {
        *counts.kinds.entry(kind(&entry.kind)).or_default() += 1;
        if let Kind::File { size } = entry.kind {
            counts.bytes += size;
            counts.largest.push((size, entry.path.to_string()));
        }
    }
    counts
        .largest
        .sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    counts.largest.truncate(LARGEST);
    counts
}

fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Directory => "directories",
        Kind::File { .. } => "files",
        Kind::Symlink { .. } => "links",
        Kind::CharDevice(_) | Kind::BlockDevice(_) => "devices",
        Kind::Fifo => "pipes",
        Kind::Socket => "sockets",
    }
}

/// A route in a document.
pub(super) fn route(route: &Route) -> Value {
    json!({
        "start": format!("{:02x}", route.start),
        "end": format!("{:02x}", route.end),
        "url": shown(&route.url),
    })
}

/// A route's address without what may be a password.
pub(super) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (server, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match server.rsplit_once('@') {
        Some((_, server)) => format!("{scheme}://***@{server}{path}"),
        None => url.to_owned(),
    }
}

fn document(list: &List, counts: &Counts) -> Value {
    json!({
        "routes": list.routes().iter().map(route).collect::<Vec<_>>(),
        "tags": list.tags(),
        "entries": counts.kinds,
        "bytes": counts.bytes,
        "blocks": counts.blocks,
        "distinct-blocks": counts.distinct,
        "largest": counts.largest.iter().map(|(size, path)| json!({ "path": path, "bytes": size })).collect::<Vec<_>>(),
    })
}

fn human(arguments: &Arguments, list: &List, counts: &Counts, style: Style) -> String {
    let mut page = Page::new(style);
    let entries = counts.kinds.iter().map(|(kind, count)| match count {
        1 => format!(
            "1 {}",
            kind.strip_suffix("ies").map_or_else(
                || kind.trim_end_matches('s').to_owned(),
                |stem| format!("{stem}y")
            )
        ),
        count => format!("{count} {kind}"),
    });
    page.head(
        &arguments.list.display().to_string(),
        &entries.collect::<Vec<_>>().join(", "),
    );
    let repeated = counts.blocks - counts.distinct;
    page.table(
        2,
        &[
            vec![Cell::faint("content"), Cell::plain(bytes(counts.bytes))],
            vec![
                Cell::faint("blocks"),
                Cell::plain(counts.distinct.to_string()),
                Cell::faint(format!("and {repeated} more that are the same as others")),
            ],
        ],
    );
    page.head("routes", "");
    let routes = list.routes().iter().map(|route| {
        let range = format!("{:02x}-{:02x}", route.start, route.end);
        vec![Cell::faint(range), Cell::plain(shown(&route.url))]
    });
    page.table(2, &routes.collect::<Vec<_>>());
    if !list.tags().is_empty() {
        page.head("tags", "");
        let tags = list.tags().iter();
        let tags = tags.map(|(key, value)| vec![Cell::faint(key), Cell::plain(value)]);
        page.table(2, &tags.collect::<Vec<_>>());
    }
    if !counts.largest.is_empty() {
        page.head("largest files", "");
        let largest = counts.largest.iter();
        let largest =
            largest.map(|(size, path)| vec![Cell::number(bytes(*size)), Cell::plain(path)]);
        page.table(2, &largest.collect::<Vec<_>>());
    }
    page.finish()
}
