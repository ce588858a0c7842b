//! Addresses of the stores that flists keep their contents in: where a build writes them, and where `rfs` reads them.
//!
//! What a build writes to is in zosc's own form, because rfs's form for a bucket has no place for a key but the address. What
//! `rfs` reads is in rfs's form, since it goes into the list as it stands; forms that rfs parses and cannot use are refused here.

use std::ops::RangeInclusive;

use crate::diagnostic::Diagnostic;
use crate::manifest::flist::Store;
use crate::source::{Span, Spanned};

use super::addresses::credentials;
use super::buckets::{Written, port, port_is_sound};
use super::{BlobStore, Ctx, quoted};

/// What to do about a route with a key in it.
pub(super) const READ_WITHOUT_KEYS: &str = "every machine that boots the image holds this address: let the store be read without credentials, best over https";

/// What to do about a range of hashes before an address.
const WITHOUT_RANGE: &str = "leave the range out: the store of an flist holds all hashes";

/// The first bytes of all hashes.
const ALL: RangeInclusive<u8> = 0..=0xff;

/// Why an address cannot be used, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    fact: String,
    help: String,
    /// What to put in its place.
    instead: Option<Instead>,
    /// Whether nothing else can be meant.
    is_plain: bool,
}

/// An address, and what goes beside it.
#[derive(Debug, PartialEq, Eq)]
struct Instead {
    address: String,
    beside: Vec<(&'static str, String)>,
}

impl Instead {
    fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            beside: Vec::new(),
        }
    }

    /// As a manifest has it: a value, and properties.
    fn written(&self) -> String {
        let mut text = quoted(&self.address);
        for (name, value) in &self.beside {
            text.push_str(&format!(" {name}={}", quoted(value)));
        }
        text
    }

    /// As a command line has it: a word, and options.
    fn typed(&self) -> String {
        let mut text = self.address.clone();
        for (name, value) in &self.beside {
            text.push_str(&format!(" --{name} {value}"));
        }
        text
    }
}

impl Fault {
    fn new(fact: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            fact: fact.into(),
            help: help.into(),
            instead: None,
            is_plain: false,
        }
    }

    /// Says what to do in the words of another place.
    pub(super) fn with_help(self, help: &str) -> Self {
        Self {
            help: help.to_owned(),
            ..self
        }
    }

    /// Offers another address.
    fn instead(self, address: impl Into<String>) -> Self {
        self.instead_of_all(Instead::new(address))
    }

    /// Offers another address, and what goes beside it.
    fn instead_of_all(self, instead: Instead) -> Self {
        Self {
            instead: Some(instead),
            ..self
        }
    }

    /// Says that nothing else can be meant.
    fn plain(self) -> Self {
        Self {
            is_plain: true,
            ..self
        }
    }
}

impl Ctx<'_> {
    /// Where the contents of an flist are written.
    pub(super) fn write_store(&mut self, store: &Store) -> Option<BlobStore> {
        let write = &store.write;
        let address = match without_range(write) {
            Ok(address) => address,
            Err(fault) => return self.bad_store(write, fault),
        };
        let Some((scheme, rest)) = address.split_once("://") else {
            self.only_for_buckets(store);
            let folder = self.future_folder(&Spanned::new(address.to_owned(), write.span));
            return folder.map(BlobStore::Folder);
        };
        let (user, rest) = user(rest);
        if let Some(user) = user {
            let clean = as_bucket(scheme, rest, store)
                .unwrap_or_else(|| Instead::new(format!("{scheme}://{rest}")));
            let help = if self.is_typed(write.span) {
                "put the key into the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or into AWS's own files"
            } else {
                "name the key inside `store`: `key-id (env)NAME` and `secret (env)NAME`"
            };
            self.store_credentials(write, user, help, &clean);
            return None;
        }
        match scheme {
            "dir" => {
                self.only_for_buckets(store);
                if let Some(fault) = dir_fault(rest) {
                    return self.bad_store(write, fault);
                }
                let folder = self.future_folder(&Spanned::new(rest.to_owned(), write.span));
                folder.map(BlobStore::Folder)
            }
            "s3" if port(server(rest)).is_none() && !rest.contains(['?', '#']) => {
                let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let prefix = Spanned::new(prefix.to_owned(), self.within(write.span, prefix));
                self.bucket(&Written {
                    name: &Spanned::new(name.to_owned(), self.within(write.span, name)),
                    prefix: Some(&prefix),
                    endpoint: store.endpoint.as_ref(),
                    region: store.region.as_ref(),
                    key_id: store.key_id.as_ref(),
                    secret: store.secret.as_ref(),
                })
                .map(BlobStore::S3)
            }
            _ => self.bad_store(write, write_fault(scheme, rest, store)),
        }
    }

    fn bad_store(&mut self, write: &Spanned<String>, fault: Fault) -> Option<BlobStore> {
        self.push_fault("zosc::check::bad-store", write, fault);
        None
    }

    pub(super) fn push_fault(
        &mut self,
        code: &'static str,
        address: &Spanned<String>,
        fault: Fault,
    ) {
        let message = format!("`{}` {}", address.value, fault.fact);
        let problem = Diagnostic::error(code, message)
            .at(address.span)
            .help(fault.help);
        self.push(match fault.instead {
            Some(instead) => problem
                .replace(
                    "write it so",
                    address.span,
                    self.offered(&instead, address.span),
                )
                .safe_if(fault.is_plain),
            None => problem,
        });
    }

    /// An address in the form of the place that it is for.
    fn offered(&self, instead: &Instead, span: Span) -> String {
        if self.is_typed(span) {
            instead.typed()
        } else {
            instead.written()
        }
    }

    /// Refuses what is about a server where contents go to a folder.
    pub(super) fn only_for_buckets(&mut self, store: &Store) {
        let given = [
            ("endpoint", store.endpoint.as_ref().map(|it| it.span)),
            ("region", store.region.as_ref().map(|it| it.span)),
            ("key-id", store.key_id.as_ref().map(|it| it.span)),
            ("secret", store.secret.as_ref().map(|it| it.span)),
        ];
        for (name, span) in given {
            if let Some(span) = span {
                self.needless(span, name, "a folder");
            }
        }
    }

    /// The address that `rfs` reads the contents of an flist from.
    pub(super) fn route(&mut self, read: &Spanned<String>) -> Option<Spanned<String>> {
        let address = match without_range(read) {
            Ok(address) => address,
            Err(fault) => {
                self.push_fault("zosc::check::bad-route", read, fault);
                return None;
            }
        };
        if let Some((scheme, rest)) = address.split_once("://")
            && let (Some(user), rest) = user(rest)
        {
            let clean = Instead::new(format!("{scheme}://{rest}"));
            self.store_credentials(read, user, READ_WITHOUT_KEYS, &clean);
            return None;
        }
        if let Some(fault) = fault_of_route(address) {
            self.push_fault("zosc::check::bad-route", read, fault);
            return None;
        }
        Some(Spanned::new(address.to_owned(), read.span))
    }

    fn store_credentials(
        &mut self,
        address: &Spanned<String>,
        user: &str,
        help: &str,
        clean: &Instead,
    ) {
        let clean = self.offered(clean, address.span);
        let mut problem = credentials(address, "a user name or password")
            .help(help)
            .replace("remove it", address.span, clean);
        if user.contains('%') {
            problem = problem.note("rfs does not decode `%` in the credentials of an address, so these would not even work");
        }
        self.push(problem);
    }
}

/// What stands before `@` in the host part, and all that stands behind it.
pub(super) fn user(rest: &str) -> (Option<&str>, &str) {
    let server = server(rest);
    // A secret may have a slash in it, which cuts the host part short behind what is no port.
    let is_whole = server.contains('@') || port_is_sound(server);
    match if is_whole { server } else { rest }.rsplit_once('@') {
        Some((user, _)) => (Some(user), rest.get(user.len() + 1..).unwrap_or("")),
        None => (None, rest),
    }
}

/// Host and port.
fn server(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

/// An address without the range of hashes that rfs lets stand before it: an flist has one store, which holds all hashes.
fn without_range(address: &str) -> Result<&str, Fault> {
    match ranged(address)? {
        (range, rest) if range == ALL => Ok(rest),
        (_, rest) => Err(Fault::new(
            "starts with a range that leaves hashes without a store",
            WITHOUT_RANGE,
        )
        .instead(rest)),
    }
}

/// The range of first bytes of hashes that may stand before an address, and the address.
pub(super) fn ranged(address: &str) -> Result<(RangeInclusive<u8>, &str), Fault> {
    let Some((range, rest)) = address.split_once('=') else {
        return Ok((ALL, address));
    };
    let Some((start, end)) = range.split_once('-') else {
        return Ok((ALL, address));
    };
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex(start) || !is_hex(end) {
        return Ok((ALL, address));
    }
    let fact = match (u8::from_str_radix(start, 16), u8::from_str_radix(end, 16)) {
        _ if start.len() != 2 || end.len() != 2 => {
            "starts with a range of hashes, of which each end has two digits"
        }
        _ if range.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            "starts with a range of hashes in capitals, which rfs does not read"
        }
        (Ok(start), Ok(end)) if start <= end => return Ok((start..=end, rest)),
        _ => "starts with a range of hashes that runs backwards",
    };
    Err(Fault::new(fact, WITHOUT_RANGE).instead(rest))
}

/// Rfs's form of a bucket, `s3://HOST:PORT/BUCKET/PREFIX?region=R`, as zosc has it.
fn as_bucket(scheme: &str, rest: &str, store: &Store) -> Option<Instead> {
    let server = server(rest);
    let path = rest.get(server.len()..)?.strip_prefix('/')?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let protocol = match scheme {
        "s3" | "s3+tls" => "http",
        "s3s" | "s3s+tls" => "https",
        _ => return None,
    };
    port(server)?;
    let mut bucket = Instead::new(format!("s3://{}", path.trim_end_matches('/')));
    if store.endpoint.is_none() {
        let endpoint = format!("{protocol}://{server}");
        bucket.beside.push(("endpoint", endpoint));
    }
    if let Some(region) = query.strip_prefix("region=")
        && store.region.is_none()
    {
        bucket.beside.push(("region", region.to_owned()));
    }
    Some(bucket)
}

/// Why a build cannot write to an address.
fn write_fault(scheme: &str, rest: &str, store: &Store) -> Fault {
    let bucket = "write `s3://BUCKET/PREFIX`, and the server as `endpoint=\"https://HOST\"`";
    match scheme {
        "s3" | "s3s" | "s3+tls" | "s3s+tls" => {
            let fault = Fault::new(
                "is rfs's form of a bucket, which leaves a key no place",
                bucket,
            );
            match as_bucket(scheme, rest, store) {
                Some(bucket) => fault.instead_of_all(bucket),
                None => fault,
            }
        }
        "file" => Fault::new("is no form of a store", "write `dir:///FOLDER`")
            .instead(format!("dir://{rest}")),
        "http" | "https" => Fault::new("can only be read", bucket),
        _ => Fault::new(
            "is no store that zosc writes",
            "write `s3://BUCKET/PREFIX`, `dir:///FOLDER`, or a folder relative to the manifest",
        ),
    }
}

/// Why `rfs` cannot read from an address, in words that go on from it.
pub(super) fn route_fault(address: &str) -> Option<String> {
    fault_of_route(address).map(|fault| fault.fact)
}

/// Why `rfs` cannot read from an address.
fn fault_of_route(address: &str) -> Option<Fault> {
    let forms = "write `https://HOST/PATH`, `s3://HOST:PORT/BUCKET` or `dir:///FOLDER`";
    let Some((scheme, rest)) = address.split_once("://") else {
        return Some(Fault::new("is no address: it has no `://`", forms));
    };
    if address
        .chars()
        .any(|sign| sign.is_whitespace() || sign.is_control())
    {
        return Some(Fault::new("is no address: it holds white space", forms));
    }
    let server = server(rest);
    match scheme {
        "dir" => return dir_fault(rest).or_else(|| encoded_fault(rest)),
        "file" => {
            let fault = Fault::new("is no form that rfs reads", "write `dir:///FOLDER`");
            return Some(fault.instead(format!("dir://{rest}")));
        }
        "s3+tls" | "s3s+tls" => {
            let fault = Fault::new(
                "is in a form that rfs writes and cannot read",
                "write `s3s://HOST:PORT/BUCKET`",
            );
            return Some(fault.instead(format!("s3s://{rest}")));
        }
        "http" | "https" | "s3" | "s3s" | "zdb" | "server" => {}
        _ => return Some(Fault::new("is no form that rfs reads", forms)),
    }
    if server.is_empty() || server.starts_with(':') {
        return Some(Fault::new("names no host", forms));
    }
    if !port_is_sound(server) {
        let help = "a port is a number from 1 to 65535";
        return Some(Fault::new("has a port that does not exist", help));
    }
    let path = rest.get(server.len()..).unwrap_or("");
    match scheme {
        "s3" | "s3s" => bucket_fault(scheme, server, path),
        "http" | "https" => base_fault(address, path),
        _ => None,
    }
}

/// Rfs puts `/HH/HASH` behind an address of HTTP as it stands.
fn base_fault(address: &str, path: &str) -> Option<Fault> {
    if path.contains(['?', '#']) {
        return Some(Fault::new(
            "goes on behind its path, and rfs puts `/HH/HASH` there",
            "write the address without `?` and `#`",
        ));
    }
    path.ends_with('/').then(|| {
        Fault::new(
            "ends with a slash, to which rfs adds another one",
            "write it without",
        )
        .instead(address.trim_end_matches('/'))
        .plain()
    })
}

fn bucket_fault(scheme: &str, server: &str, path: &str) -> Option<Fault> {
    let (bucket, query) = path.split_once('?').unwrap_or((path, ""));
    let whole = |server: &str, bucket: &str| {
        let query = if query.is_empty() { "" } else { "?" };
        let tail = path.split_once('?').map_or("", |(_, query)| query);
        format!("{scheme}://{server}{bucket}{query}{tail}")
    };
    if port(server).is_none() {
        let number = if scheme == "s3s" { 443 } else { 80 };
        let fault = Fault::new(
            "has no port, without which rfs takes no bucket",
            "write `HOST:PORT`",
        );
        return Some(fault.instead(whole(&format!("{server}:{number}"), bucket)));
    }
    if bucket.trim_matches('/').is_empty() {
        let form = format!("write `{scheme}://HOST:PORT/BUCKET`");
        return Some(Fault::new("names no bucket", form));
    }
    if bucket.ends_with('/') {
        let fault = Fault::new("ends with a slash", "write it without");
        let fault = fault.instead(whole(server, bucket.trim_end_matches('/')));
        return Some(fault.plain());
    }
    let is_region = query.is_empty() || query.starts_with("region=") && !query.contains('&');
    (!is_region).then(|| {
        Fault::new(
            "has a parameter that rfs does not know",
            "the only one is `?region=NAME`",
        )
    })
}

/// Rfs reads a folder's address as a URL, and takes what that makes of the path.
fn encoded_fault(path: &str) -> Option<Fault> {
    let is_encoded = |sign: &char| !sign.is_ascii() || "\"#<>?^`{}".contains(*sign);
    let sign = path.chars().find(is_encoded)?;
    Some(Fault::new(
        format!("holds `{sign}`, in whose place rfs looks for its code in a URL"),
        "name a folder whose path has plain letters alone, or serve it over HTTP",
    ))
}

fn dir_fault(rest: &str) -> Option<Fault> {
    (!rest.starts_with('/')).then(|| {
        Fault::new(
            "has no absolute path",
            "write `dir:///FOLDER`, with three slashes",
        )
        .instead(format!("dir:///{rest}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instead(address: &str) -> Option<Instead> {
        let fault = without_range(address)
            .err()
            .or_else(|| fault_of_route(address));
        fault.expect("a fault").instead
    }

    #[test]
    fn what_rfs_reads_passes() {
        for good in [
            "https://flists.example/blobs",
            "http://10.0.0.5:8080",
            "s3://garage:3900/blobs?region=garage",
            "s3s://s3.example:443/blobs/zos",
            "dir:///srv/blobs",
            "zdb://zdb.example:9900/zos",
        ] {
            assert_eq!(fault_of_route(good), None, "{good}");
        }
    }

    #[test]
    fn what_rfs_cannot_read_has_a_form_that_it_can() {
        for (bad, good) in [
            ("https://h/blobs/", "https://h/blobs"),
            ("s3://h/blobs", "s3://h:80/blobs"),
            ("s3s://h/b?region=x", "s3s://h:443/b?region=x"),
            ("s3+tls://h:443/b", "s3s://h:443/b"),
            ("s3://h:9000/b/", "s3://h:9000/b"),
            ("dir://srv", "dir:///srv"),
            ("file:///srv", "dir:///srv"),
            ("00-FF=https://h", "https://h"),
            ("80-ff=https://h", "https://h"),
            ("ff-00=https://h", "https://h"),
            ("0-f=https://h", "https://h"),
        ] {
            assert_eq!(instead(bad), Some(Instead::new(good)), "{bad}");
        }
        for bad in [
            "h/blobs",
            "https:///blobs",
            "https://h/b?x=1",
            "s3://h:9000",
            "s3://h:9000/b?x=1",
            "s3://h:x/b",
            "ftp://h/b",
            "https://h/a b",
            "dir:///srv/blöcke",
            "dir:///srv/{kernel}",
        ] {
            assert_eq!(instead(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_whole_range_of_hashes_says_nothing() {
        assert_eq!(without_range("00-ff=https://h"), Ok("https://h"));
        assert_eq!(without_range("https://h/a-b=c"), Ok("https://h/a-b=c"));
    }
}
