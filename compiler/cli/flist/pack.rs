//! `zosc flist pack`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::check;
use crate::cli::session::{CANCELLED, Session};
use crate::cli::{Failed, Outcome};
use crate::diagnostic::{Diagnostic, Diagnostics, bytes};
use crate::flist::{Head, Route};
use crate::io;
use crate::publish::blocks::Routes;
use crate::publish::lists::{Owners, Packing, Work, Written, left_out, pack, scan};

use super::bar::Bar;
use super::stores::{Connections, Server, ToWrite, words};

/// Packs a folder: its contents go to a store as blocks, and the flist says which file has which.
///
/// `zosc flist pack firmware -o firmware.fl --store /srv/blobs --read https://flists.example/blobs` writes below /srv/blobs, and reads a block again
/// through the address that machines will read at. Blocks that are there already are not written again. The same folder gives the
/// same flist and the same blocks. Without `--read` machines read where the store is: `dir:///srv/blobs`, or the bucket itself.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder; what is in it comes to lie at the root of the flist.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The flist.
    #[arg(long, short, value_name = "FILE.fl")]
    output: PathBuf,
    /// Where blocks go: a folder, or `s3://BUCKET/PREFIX`. May be repeated, each for some of the blocks as `00-7f=ADDRESS`, or for all.
    #[arg(long, value_name = "STORE", required = true)]
    store: Vec<PathBuf>,
    /// The address that machines read blocks at, in a form of rfs and without a key: `https://HOST/PATH`. May be repeated as `--store`.
    #[arg(long, value_name = "URL")]
    read: Vec<String>,
    /// Do not read a block again through `--read`, because this machine cannot reach it.
    #[arg(long, requires = "read")]
    no_proof: bool,
    /// Something that the flist says of itself: `--tag version=20250908`. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    tag: Vec<(String, String)>,
    /// The latest time that files have, in whole seconds since 1970. Default: $SOURCE_DATE_EPOCH, else files keep their times.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    epoch: Option<u64>,
    /// Whose the files are.
    #[arg(long, value_name = "WHO", default_value = "keep")]
    owner: Owner,
    /// How many threads compress and encrypt; it does not change what comes out. Default: as many as there are processors.
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    connections: Connections,
    #[command(flatten)]
    server: Server,
}

/// Whose packed files are.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Owner {
    /// Whose they are in the folder.
    Keep,
    /// Root's, all of them.
    Root,
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as version=20250908".to_owned()),
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    let seconds = check::whole_seconds(text);
    seconds.ok_or_else(|| "write whole seconds since 1970, before 2106".to_owned())
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let epoch = session.settle(epoch(arguments.epoch).map_err(Diagnostics::from))?;
    let stores = ToWrite::read(
        session,
        "--store",
        &words(&arguments.store),
        &arguments.server,
    )?;
    let routes = stores.routes(session, &arguments.read)?;
    let network = session.network(false)?;
    let public = public(session, arguments, &routes, &*network)?;
    let scanned = session.settle(scan(&arguments.folder))?;
    if let Some(warning) = left_out(&scanned.left_out) {
        session.report(&warning.into());
    }
    let head = Head {
        routes,
        tags: arguments.tag.iter().cloned().collect::<BTreeMap<_, _>>(),
        epoch,
    };
    let opened = stores.open(session, &head.routes)?;
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let packing = Packing {
        folder: &arguments.folder,
        owners: match arguments.owner {
            Owner::Keep => Owners::Kept,
            Owner::Root => Owners::Root,
        },
        head: &head,
        stores: &opened,
        public: public.as_ref(),
        threads: arguments.jobs.map_or(processors, NonZeroUsize::get),
        list: &arguments.output,
    };
    let bar = Bar::of_bytes(session);
    let work = Work {
        connections: arguments.connections.number(),
        cancel: &CANCELLED,
        progress: &|done, total| bar.set(done, total),
    };
    let written = pack(&packing, scanned.bytes, work);
    bar.clear();
    let written = session.settle(written)?;
    conclude(session, arguments, &head, &written)
}

/// The latest time that files have.
fn epoch(typed: Option<u64>) -> Result<u64, Diagnostic> {
    if let Some(typed) = typed {
        return Ok(typed);
    }
    let Some(text) = io::environment("SOURCE_DATE_EPOCH") else {
        return Ok(u64::MAX);
    };
    check::whole_seconds(&text).ok_or_else(|| {
        Diagnostic::error(
            "zosc::check::bad-epoch",
            format!("SOURCE_DATE_EPOCH is `{text}`, which is no time stamp for an flist"),
        )
        .help("set it to whole seconds since 1970, such as 1793491200, or unset it")
    })
}

/// The routes that are to be proven.
fn public<'n>(
    session: &Session,
    arguments: &Arguments,
    routes: &[Route],
    network: &'n dyn io::Network,
) -> Result<Option<Routes<'n>>, Failed> {
    if arguments.read.is_empty() || arguments.no_proof {
        return Ok(None);
    }
    let mut problems = Diagnostics::new();
    let public = Routes::of_list(routes, network, &mut problems);
    if !problems.is_empty() {
        session.report(&problems);
    }
    public.map(Some).ok_or(Failed)
}

fn conclude(session: &Session, arguments: &Arguments, head: &Head, written: &Written) -> Outcome {
    let packed = &written.packed;
    if !session.for_people() {
        let line = serde_json::json!({ "packed": {
            "path": arguments.output,
            "files": packed.files,
            "bytes": packed.bytes,
            "blocks": packed.blocks,
            "stored-bytes": packed.stored_bytes,
            "new-blocks": written.new,
            "new-bytes": written.new_bytes,
            "routes": head.routes.iter().map(super::inspect::route).collect::<Vec<_>>(),
        }});
        return session.print(&format!("{line}\n"));
    }
    session.tell(&format!(
        "{} {}  {} files of {} in {} blocks of {}",
        session.style().good("packed"),
        arguments.output.display(),
        packed.files,
        bytes(packed.bytes),
        packed.blocks,
        bytes(packed.stored_bytes),
    ));
    session.tell(&format!(
        "{:>6} {} blocks, {}; the others were there",
        session.style().verb("new"),
        written.new,
        bytes(written.new_bytes)
    ));
    for route in &head.routes {
        session.tell(&format!(
            "{:>6} {}",
            session.style().verb("read"),
            route.url
        ));
    }
    Ok(())
}
