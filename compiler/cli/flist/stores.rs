//! Stores and routes as the commands of `zosc flist` take them.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::check::{self, BlobStore, Ranged, TypedStore};
use crate::cli::Failed;
use crate::cli::session::{CANCELLED, Session};
use crate::diagnostic::Diagnostics;
use crate::flist::{List, Route};
use crate::io::Network;
use crate::publish::blocks::{self, Blocks, Layout, Routes};
use crate::publish::lists::Work;

/// How many blocks are under way at a time where nothing says otherwise.
const CONNECTIONS: usize = 8;

/// The server that stores in buckets are on.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// The S3 server of `s3://BUCKET/PREFIX`, such as https://s3.example. Without it: Amazon's. The key is read from AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY, or from AWS's own files.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The S3 region. Without it: us-east-1.
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

/// A list whose blocks are read, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Reading {
    /// The flist.
    #[arg(value_name = "FILE.fl")]
    pub(super) list: PathBuf,
    /// Where blocks are read instead of through the flist's routes: a folder, `https://HOST/PATH` or `s3://BUCKET/PREFIX`. May be repeated.
    // Of the type of every command's `--store`, in whose place this one stands.
    #[arg(long, value_name = "STORE")]
    store: Vec<PathBuf>,
    #[command(flatten)]
    connections: Connections,
    #[command(flatten)]
    pub(super) server: Server,
}

impl Reading {
    /// Reads the list.
    pub(super) fn list(&self, session: &Session) -> Result<List, Failed> {
        open_list(session, &self.list)
    }

    /// Where its blocks are read: the stores that were typed, else its own routes.
    pub(super) fn blocks<'n>(
        &self,
        session: &mut Session,
        list: &List,
        network: &'n dyn Network,
    ) -> Result<Routes<'n>, Failed> {
        let stores = words(&self.store);
        to_read(session, list, &stores, &self.server, network)
    }

    /// How its blocks are fetched, and who is told how far that is.
    pub(super) fn work<'a>(&self, progress: &'a (dyn Fn(u64, u64) + Sync)) -> Work<'a> {
        Work {
            connections: self.connections.number(),
            cancel: &CANCELLED,
            progress,
        }
    }
}

/// How much is done at a time.
#[derive(Debug, clap::Args)]
pub(super) struct Connections {
    /// How many blocks are under way at a time. Default: 8.
    #[arg(long, value_name = "N")]
    connections: Option<NonZeroUsize>,
}

impl Connections {
    pub(super) fn number(&self) -> usize {
        self.connections.map_or(CONNECTIONS, NonZeroUsize::get)
    }
}

/// Addresses as they were typed. Their type is that of every command's `--store`, in whose place this one stands.
pub(super) fn words(typed: &[PathBuf]) -> Vec<String> {
    let words = typed.iter().map(|word| word.to_string_lossy());
    words.map(Cow::into_owned).collect()
}

/// Stores that a command writes to.
pub(super) struct ToWrite(Vec<Ranged<BlobStore>>);

impl ToWrite {
    /// Reads addresses behind an option.
    pub(super) fn read(
        session: &mut Session,
        option: &str,
        addresses: &[String],
        server: &Server,
    ) -> Result<Self, Failed> {
        let here = session.current_directory()?;
        let mut problems = Diagnostics::new();
        let mut stores = Vec::new();
        for address in addresses {
            let typed = server.typed(option, address, addresses);
            match check::written_store(typed, &here, &mut session.sources) {
                Ok(store) => stores.push(store),
                Err(found) => problems.extend(found),
            }
        }
        session.settle(problems.into_result())?;
        Ok(Self(stores))
    }

    /// The routes of a list: those that were typed, else the stores' own addresses.
    pub(super) fn routes(
        &self,
        session: &mut Session,
        reads: &[String],
    ) -> Result<Vec<Route>, Failed> {
        let here = session.current_directory()?;
        let mut problems = Diagnostics::new();
        let mut routes = Vec::new();
        let own = self.0.iter().map(|(range, store)| {
            let own = check::own_route(store).map_err(Diagnostics::from);
            own.map(|url| (range.clone(), url))
        });
        let own: Vec<_> = match reads {
            [] => own.collect(),
            reads => {
                let typed = reads
                    .iter()
                    .map(|read| check::typed_route(read, &here, &mut session.sources));
                typed.collect()
            }
        };
        for route in own {
            match route {
                Ok((range, url)) => routes.push(Route {
                    start: *range.start(),
                    end: *range.end(),
                    url,
                }),
                Err(found) => problems.extend(found),
            }
        }
        session.settle(problems.into_result())?;
        Ok(routes)
    }

    /// Opens them, so that blocks come to lie where the routes of the list look for them.
    pub(super) fn open(&self, session: &Session, routes: &[Route]) -> Result<Routes<'_>, Failed> {
        let opened = self.0.iter().map(|(range, store)| {
            let reads = routes
                .iter()
                .filter(|route| route.start <= *range.end() && route.end >= *range.start());
            let layouts: Vec<Layout> = reads.map(|route| Layout::of_route(&route.url)).collect();
            // Over HTTP, flat blocks are found as well.
            let layout = if layouts.contains(&Layout::Flat) {
                Layout::Flat
            } else {
                Layout::Sharded
            };
            let opened = blocks::open(store, layout, session.store_path(), &CANCELLED);
            opened.map(|opened| (range.clone(), opened))
        });
        let opened: Result<Vec<_>, _> = opened.collect();
        session.settle(opened.and_then(Routes::new).map_err(Diagnostics::from))
    }
}

impl Server {
    /// One of some addresses; where buckets are among them, the server is meant for those.
    fn typed<'a>(&'a self, option: &'a str, address: &'a str, all: &[String]) -> TypedStore<'a> {
        let is_bucket = |address: &str| address.contains("s3://");
        let is_meant = is_bucket(address) || !all.iter().any(|other| is_bucket(other));
        TypedStore {
            option,
            address,
            endpoint: self.endpoint.as_deref().filter(|_| is_meant),
            region: self.region.as_deref().filter(|_| is_meant),
        }
    }
}

fn to_read<'n>(
    session: &mut Session,
    list: &List,
    stores: &[String],
    server: &Server,
    network: &'n dyn Network,
) -> Result<Routes<'n>, Failed> {
    if stores.is_empty() {
        let mut problems = Diagnostics::new();
        let routes = Routes::of_list(list.routes(), network, &mut problems);
        if !problems.is_empty() {
            session.report(&problems);
        }
        return routes.ok_or(Failed);
    }
    let here = session.current_directory()?;
    let mut problems = Diagnostics::new();
    let mut opened: Vec<Ranged<Box<dyn Blocks + 'n>>> = Vec::new();
    for address in stores {
        let typed = server.typed("--store", address, stores);
        let store = check::read_store(typed, &here, &mut session.sources);
        let store = store.and_then(|(range, store)| {
            let store = blocks::open_to_read(&store, network, session.store_path(), &CANCELLED);
            Ok((range, store?))
        });
        match store {
            Ok(store) => opened.push(store),
            Err(found) => problems.extend(found),
        }
    }
    session.settle(problems.into_result())?;
    session.settle(Routes::new(opened).map_err(Diagnostics::from))
}

/// Reads a list.
pub(super) fn open_list(session: &Session, path: &Path) -> Result<List, Failed> {
    session.settle(List::open(path).map_err(Diagnostics::from))
}
