//! `zosc flist clone`.

use std::path::PathBuf;

use crate::cli::session::Session;
use crate::cli::{Failed, Outcome};
use crate::diagnostic::{Diagnostics, bytes};
use crate::flist::{Head, Route};
use crate::publish::blocks::{Blocks as _, Routes, prove};
use crate::publish::lists::{Copied, copy};

use super::bar::Bar;
use super::stores::{Reading, ToWrite};

/// Copies the blocks of an flist to another store, and writes an flist that is read there.
///
/// `zosc flist clone modules.fl --to /srv/blobs --read https://flists.example/blobs -o copy.fl`. Blocks that are there already are not fetched. The flist
/// itself stays as it is, with the routes that it has: machines go on reading at the old place until they get the one of `--output`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
    /// Where blocks go: a folder, or `s3://BUCKET/PREFIX`. May be repeated, each for some of the blocks as `00-7f=ADDRESS`, or for all.
    #[arg(long, value_name = "STORE", required = true)]
    to: Vec<String>,
    /// The address that machines read blocks at, for the new flist; without it, the store's own. May be repeated as `--to`.
    #[arg(long, value_name = "URL", requires = "output")]
    read: Vec<String>,
    /// Do not read a block again through `--read`, because this machine cannot reach it.
    #[arg(long, requires = "read")]
    no_proof: bool,
    /// The new flist: the same files and tags, with the new routes.
    #[arg(long, short, value_name = "NEW.fl")]
    output: Option<PathBuf>,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let list = arguments.reading.list(session)?;
    let network = session.network(false)?;
    let from = arguments.reading.blocks(session, &list, &*network)?;
    let stores = ToWrite::read(session, "--to", &arguments.to, &arguments.reading.server)?;
    let routes = match arguments.output {
        Some(_) => stores.routes(session, &arguments.read)?,
        None => Vec::new(),
    };
    let to = stores.open(session, &routes)?;
    let bar = Bar::of_blocks(session);
    let progress = |done, total| bar.set(done, total);
    let work = arguments.reading.work(&progress);
    let copied = copy(&list, &from, &to, work);
    bar.clear();
    let copied = session.settle(copied)?;
    if !arguments.read.is_empty() && !arguments.no_proof {
        let mut problems = Diagnostics::new();
        let public = Routes::of_list(&routes, &*network, &mut problems);
        if !problems.is_empty() {
            session.report(&problems);
        }
        let public = public.ok_or(Failed)?;
        session.settle(prove(&to.address(), &copied.ids, &public))?;
    }
    if let Some(output) = &arguments.output {
        let head = Head {
            routes: routes.clone(),
            tags: list.tags().clone(),
            epoch: u64::MAX,
        };
        session.settle(list.write(&head, output).map_err(Diagnostics::from))?;
    }
    let kept = if routes.is_empty() {
        list.routes()
    } else {
        &routes
    };
    conclude(session, arguments, &copied, kept)
}

fn conclude(
    session: &Session,
    arguments: &Arguments,
    copied: &Copied,
    routes: &[Route],
) -> Outcome {
    let list = arguments.output.as_ref().unwrap_or(&arguments.reading.list);
    if !session.for_people() {
        let line = serde_json::json!({ "cloned": {
            "path": list,
            "new-blocks": copied.new,
            "new-bytes": copied.new_bytes,
            "present-blocks": copied.present,
            "routes": routes.iter().map(super::inspect::route).collect::<Vec<_>>(),
        }});
        return session.print(&format!("{line}\n"));
    }
    let style = session.style();
    session.tell(&format!(
        "{} {} blocks, {}; {} were there",
        style.good("copied"),
        copied.new,
        bytes(copied.new_bytes),
        copied.present
    ));
    let is_kept = match arguments.output {
        Some(_) => "",
        None => ", as before: `-o NEW.fl` writes an flist that is read at the new place",
    };
    for route in routes {
        let url = super::inspect::shown(&route.url);
        session.tell(&format!(
            "{:>6} {} at {url}{is_kept}",
            style.verb("read"),
            list.display()
        ));
    }
    Ok(())
}
