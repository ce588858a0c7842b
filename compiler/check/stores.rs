//! Stores of flists outside manifests: as a command line names them, and as a list's routes do.
//!
//! In come words of a command line, which become a source text of their own, or the address of a route; out goes where blocks
//! lie, or why that cannot be, by the same rules that manifests are held to ([`routes`](super::routes)). What could be a
//! password is never shown.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::System;
use crate::manifest::{Manifest, flist};
use crate::source::{SourceMap, Span, Spanned};

use super::buckets::port;
use super::destinations::Destinations;
use super::merging::Declared;
use super::places::Places;
use super::routes::{Fault, READ_WITHOUT_KEYS, ranged, route_fault, user};
use super::{BlobStore, Bucket, Ctx, Folder, quoted};

/// The name of the text that a command line becomes.
const ARGUMENTS: &str = "<arguments>";

/// The words of a command line that name a store, which may start with a range of hashes as `00-7f=ADDRESS`.
#[derive(Debug, Clone, Copy)]
pub struct TypedStore<'a> {
    /// The option that the address follows, with its dashes; empty for a plain argument.
    pub option: &'a str,
    /// The address.
    pub address: &'a str,
    /// The value of `--endpoint`.
    pub endpoint: Option<&'a str>,
    /// The value of `--region`.
    pub region: Option<&'a str>,
}

/// A store or a route, and the first bytes of the hashes that it is for.
pub type Ranged<T> = (RangeInclusive<u8>, T);

/// Where blocks can be read.
#[derive(Debug, Clone)]
pub enum ReadStore {
    /// A store that zosc writes, too, read with the keys that write there.
    Own(BlobStore),
    /// What a route leads to, read without any key.
    Public(RoutePlace),
}

/// What a route leads to, as `rfs` understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutePlace {
    /// A folder: blocks below folders of their first two digits, or flat.
    Folder(PathBuf),
    /// Web pages below an address: likewise, where a page that is missing is answered with 404.
    Web(String),
    /// A bucket below an address that is read without signatures: its objects lie flat.
    Bucket(String),
}

/// The store that a command writes to.
///
/// # Errors
/// What `zosc check` says about such a store in a manifest.
pub fn written_store(
    typed: TypedStore<'_>,
    current_directory: &Path,
    sources: &mut SourceMap,
) -> Result<Ranged<BlobStore>, Diagnostics> {
    let line = Line::new(typed, sources);
    line.judge(current_directory, sources, |ctx, store| {
        ctx.write_store(store)
    })
}

/// The store that a command reads from: one that could be written to, or an address of HTTP.
///
/// # Errors
/// As [`written_store`].
pub fn read_store(
    typed: TypedStore<'_>,
    current_directory: &Path,
    sources: &mut SourceMap,
) -> Result<Ranged<ReadStore>, Diagnostics> {
    let line = Line::new(typed, sources);
    line.judge(current_directory, sources, |ctx, store| {
        let is_web = |scheme: &&str| store.write.starts_with(scheme);
        if !["http://", "https://"].iter().any(is_web) {
            return ctx.write_store(store).map(ReadStore::Own);
        }
        ctx.only_for_buckets(store);
        let route = ctx.route(&store.write)?;
        Some(ReadStore::Public(RoutePlace::Web(route.value)))
    })
}

/// The route that readers of a list take, as it was typed behind `--read`.
///
/// # Errors
/// As [`written_store`], where `rfs` cannot read the address.
pub fn typed_route(
    read: &str,
    current_directory: &Path,
    sources: &mut SourceMap,
) -> Result<Ranged<String>, Diagnostics> {
    let typed = TypedStore {
        option: "--read",
        address: read,
        endpoint: None,
        region: None,
    };
    let line = Line::new(typed, sources);
    line.judge(current_directory, sources, |ctx, store| {
        Some(ctx.route(&store.write)?.value)
    })
}

/// A store's own address in rfs's form and without any key, for a list that is read where it is written.
///
/// # Errors
/// `zosc::check::bad-route`, where `rfs` cannot read there.
pub fn own_route(store: &BlobStore) -> Result<String, Diagnostic> {
    let route = match store {
        BlobStore::Folder(folder) => format!("dir://{}", folder.display()),
        BlobStore::S3(bucket) => bucket_route(bucket),
    };
    match route_fault(&route) {
        None => Ok(route),
        Some(fact) => Err(Diagnostic::error(
            "zosc::check::bad-route",
            format!("the store's own address `{route}` {fact}"),
        )
        .help("name the address that machines read the blocks at: `--read https://HOST/PATH`")),
    }
}

fn bucket_route(bucket: &Bucket) -> String {
    let Bucket { name, region, .. } = bucket;
    let amazon = format!("https://s3.{region}.amazonaws.com");
    let endpoint = bucket.endpoint.as_deref().unwrap_or(&amazon);
    let server = as_server(endpoint);
    let prefix = match bucket.prefix.as_str() {
        "" => String::new(),
        prefix => format!("/{prefix}"),
    };
    format!("{server}/{name}{prefix}?region={region}")
}

/// An endpoint in rfs's form, `s3://HOST:PORT` or `s3s://HOST:PORT`.
fn as_server(endpoint: &str) -> String {
    let (scheme, server) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    let (scheme, usual) = match scheme {
        "http" => ("s3", 80),
        _ => ("s3s", 443),
    };
    match port(server) {
        Some(_) => format!("{scheme}://{server}"),
        None => format!("{scheme}://{server}:{usual}"),
    }
}

/// What the route of a list leads to.
///
/// # Errors
/// `zosc::check::credentials-in-url` and `zosc::check::bad-route`, as for a manifest; the latter also for stores that only `rfs` reads.
pub fn route_place(route: &str) -> Result<RoutePlace, Diagnostic> {
    let (scheme, rest) = route.split_once("://").unwrap_or(("", route));
    let (credentials, rest) = user(rest);
    let shown = format!("{scheme}://{rest}");
    if credentials.is_some() {
        let message = format!("the list's route to `{shown}` carries credentials");
        return Err(
            Diagnostic::error("zosc::check::credentials-in-url", message)
                .help("zosc does not use them: name the store with `--store`, and its key by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
                .note(READ_WITHOUT_KEYS),
        );
    }
    let bad = |fact: &str| {
        Diagnostic::error(
            "zosc::check::bad-route",
            format!("the list's route `{shown}` {fact}"),
        )
        .help("name the store with `--store`; `zosc flist clone` writes a list with another route")
    };
    if let Some(fact) = route_fault(route) {
        return Err(bad(&fact));
    }
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    match scheme {
        "dir" => Ok(RoutePlace::Folder(PathBuf::from(rest))),
        "http" | "https" => Ok(RoutePlace::Web(route.to_owned())),
        "s3" => Ok(RoutePlace::Bucket(format!("http://{path}"))),
        "s3s" => Ok(RoutePlace::Bucket(format!("https://{path}"))),
        _ => Err(bad("leads to a store that zosc does not read")),
    }
}

/// Words of a command line, as the `store` of an flist's section.
struct Line {
    store: flist::Store,
    /// Hashes that the store is for, or what is wrong with those.
    range: Result<RangeInclusive<u8>, Fault>,
}

impl Line {
    fn new(typed: TypedStore<'_>, sources: &mut SourceMap) -> Self {
        let address = masked(typed.address);
        let words = [
            (typed.option, Some(address.as_str())),
            ("--endpoint", typed.endpoint),
            ("--region", typed.region),
        ];
        let mut text = String::new();
        let places = words.map(|(option, value)| {
            let value = value?;
            if !text.is_empty() {
                text.push(' ');
            }
            if !option.is_empty() {
                text.push_str(&format!("{option} "));
            }
            let start = text.len();
            text.push_str(value);
            Some((value.to_owned(), start, text.len()))
        });
        let id = sources.add(ARGUMENTS, text);
        let [write, endpoint, region] = places.map(|place| {
            place.map(|(value, start, end)| Spanned::new(value, Span::new(id, start, end)))
        });
        let range = ranged(&address).map(|(range, _)| range);
        let write = write.map(|write| without(&address, write));
        let nowhere = || Spanned::new(String::new(), Span::new(id, 0, 0));
        Self {
            store: flist::Store {
                write: write.unwrap_or_else(nowhere),
                read: nowhere(),
                endpoint,
                region,
                key_id: None,
                secret: None,
            },
            range,
        }
    }

    fn judge<T>(
        self,
        current_directory: &Path,
        sources: &mut SourceMap,
        judge: impl FnOnce(&mut Ctx<'_>, &flist::Store) -> Option<T>,
    ) -> Result<Ranged<T>, Diagnostics> {
        let mut places = Places::default();
        let folder = Folder::Disk(current_directory.to_owned());
        places.insert(self.store.write.span.source, folder);
        let (manifest, declared) = (Manifest::default(), Declared::default());
        let mut sink = Diagnostics::new();
        let mut ctx = Ctx {
            manifest: &manifest,
            declared: &declared,
            places: &places,
            files: &System,
            sources,
            sink: &mut sink,
            destinations: Destinations::default(),
            directory: current_directory,
            current_directory,
        };
        let judged = match self.range {
            Ok(range) => judge(&mut ctx, &self.store).map(|value| (range, value)),
            Err(fault) => {
                let fault = fault.with_help("write it as `00-7f=ADDRESS`");
                ctx.push_fault("zosc::check::bad-store", &self.store.write, fault);
                None
            }
        };
        judged.filter(|_| !sink.has_errors()).ok_or(sink)
    }
}

/// The address behind its range, at its place.
fn without(address: &str, write: Spanned<String>) -> Spanned<String> {
    let Ok((_, rest)) = ranged(address) else {
        return write;
    };
    let end = write.span.end as usize;
    let span = Span::new(write.span.source, end - rest.len(), end);
    Spanned::new(rest.to_owned(), span)
}

impl Ctx<'_> {
    /// Whether a place is on a command line that names a store.
    pub(super) fn is_typed(&self, span: Span) -> bool {
        let source = self.sources.get(span.source);
        source.is_some_and(|source| source.name == ARGUMENTS)
    }

    /// A value as it is written at a place: in quotes in a manifest, as it is on a command line.
    pub(super) fn value_at(&self, span: Span, value: &str) -> String {
        if self.is_typed(span) {
            value.to_owned()
        } else {
            quoted(value)
        }
    }
}

/// An address in which nobody can read a password; `%` stays, since it says why one does not work.
fn masked(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let (Some(user), rest) = user(rest) else {
        return address.to_owned();
    };
    let hide = |sign: char| if matches!(sign, ':' | '%') { sign } else { '*' };
    let user: String = user.chars().map(hide).collect();
    format!("{scheme}://{user}@{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(address: &str) -> TypedStore<'_> {
        TypedStore {
            option: "--store",
            address,
            endpoint: None,
            region: None,
        }
    }

    fn here() -> &'static Path {
        Path::new("/work")
    }

    fn refused(address: &str) -> Diagnostic {
        let problems = written_store(typed(address), here(), &mut SourceMap::new());
        let problems = problems.expect_err("refused");
        problems.into_iter().next().expect("a reason")
    }

    #[test]
    fn folders_start_where_one_is_and_routes_are_whole() {
        let mut sources = SourceMap::new();
        let (range, store) = written_store(typed("blobs"), here(), &mut sources).expect("a folder");
        assert_eq!(range, 0..=255);
        let route = own_route(&store).expect("a route");
        assert_eq!(route, "dir:///work/blobs");
        assert_eq!(
            route_place(&route).expect("a place"),
            RoutePlace::Folder("/work/blobs".into())
        );
        let public = typed_route("80-ff=https://h/b", here(), &mut sources);
        assert_eq!(
            public.expect("a route"),
            (0x80..=0xff, "https://h/b".to_owned())
        );
        let store = written_store(typed("my blobs"), here(), &mut sources).expect("a folder");
        let told = own_route(&store.1).expect_err("rfs would look for `my%20blobs`");
        assert!(told.help.is_some_and(|help| help.contains("--read")));
    }

    #[test]
    fn a_bucket_has_a_route_without_its_key() {
        for (endpoint, address) in [
            (
                Some("http://10.0.0.5:3900"),
                "s3://10.0.0.5:3900/zos/blobs?region=garage",
            ),
            (
                Some("https://s3.example"),
                "s3s://s3.example:443/zos/blobs?region=garage",
            ),
            (
                None,
                "s3s://s3.garage.amazonaws.com:443/zos/blobs?region=garage",
            ),
        ] {
            let typed = TypedStore {
                endpoint,
                region: Some("garage"),
                ..typed("s3://zos/blobs")
            };
            let store = written_store(typed, here(), &mut SourceMap::new()).expect("a bucket");
            assert_eq!(own_route(&store.1).expect("a route"), address);
        }
        assert_eq!(
            route_place("s3s://s3.example:443/zos/blobs?region=garage").expect("a place"),
            RoutePlace::Bucket("https://s3.example:443/zos/blobs".to_owned())
        );
    }

    #[test]
    fn a_key_in_an_address_is_refused_and_not_shown() {
        let mut sources = SourceMap::new();
        let address = "s3://KEYID:hunter2@10.0.0.5:3900/zos?region=garage";
        let problems = written_store(typed(address), here(), &mut sources).expect_err("refused");
        let problem = problems.iter().next().expect("a reason");
        assert_eq!(problem.code, "zosc::check::credentials-in-url");
        assert_eq!(
            problem.fixes[0].edits[0].text,
            "s3://zos --endpoint http://10.0.0.5:3900 --region garage"
        );
        let shown = sources.iter().map(|(_, source)| &*source.text);
        assert_eq!(
            shown.collect::<Vec<_>>(),
            ["--store s3://*****:*******@10.0.0.5:3900/zos?region=garage"]
        );
        let told = route_place(address).expect_err("refused");
        assert_eq!(told.code, "zosc::check::credentials-in-url");
        // Secrets have slashes in them, too.
        assert_eq!(
            masked("s3://KEYID:hun/ter2@10.0.0.5:3900/zos"),
            "s3://*****:********@10.0.0.5:3900/zos"
        );
        assert_eq!(masked("s3://zos/a@b"), "s3://zos/a@b");
        assert!(!format!("{told:?}{problems:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_written_or_read_is_told() {
        assert_eq!(refused("https://h/b").code, "zosc::check::bad-store");
        assert_eq!(refused("ff-00=/srv/b").code, "zosc::check::bad-store");
        assert_eq!(
            refused("00-7f=s3://h:9000/b").fixes[0].edits[0].text,
            "s3://b --endpoint http://h:9000"
        );
        assert_eq!(refused("s3://b_d/x").code, "zosc::check::bad-bucket");
        let mut sources = SourceMap::new();
        let read = read_store(typed("https://h/b"), here(), &mut sources).expect("an address");
        assert!(
            matches!(read.1, ReadStore::Public(RoutePlace::Web(base)) if base == "https://h/b")
        );
        assert!(read_store(typed("https://h/b/"), here(), &mut sources).is_err());
        for route in ["zdb://h:9900/x", "https://h/b/", "nothing", "s3://h/b"] {
            let told = route_place(route).expect_err("refused");
            assert_eq!(told.code, "zosc::check::bad-route", "{route}");
        }
    }
}
