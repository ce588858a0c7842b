//! Downloads: several addresses of one content, tried until one of them yields it whole.
//!
//! A connection that breaks is taken up again where it broke, a few times with growing pauses; an address that does
//! not have the content, or has another, gives way to the next one. Nothing is kept from an address that failed. What
//! the bytes mean is the caller's business: it hands out sinks and judges the full ones.

mod pace;

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::Duration;

pub use pace::Patience;

use super::Stopwatch;
use crate::diagnostic::Diagnostic;
use pace::{PATIENCE, Pace};

/// Pauses before an address is asked again after a passing failure; one more attempt than pauses is made.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// Most attempts at one address, however much each of them yields.
const MOST_ATTEMPTS: usize = 50;

/// Why an address yielded nothing, or not everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answers, the connection breaks, the server is overloaded: may pass.
    Passing(String),
    /// The content ended early: may pass.
    Truncated {
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced.
        announced: u64,
    },
    /// The address has no such content.
    NotFound,
    /// The server refuses for good, with this status.
    Status(u16),
    /// The address is none that can be asked.
    BadAddress(String),
    /// An address of `https://` leads to one without protection.
    Downgraded,
    /// The server sends so little that the content would never be there.
    TooSlow(Patience),
    /// Only the network could answer, and it is not to be used.
    Offline,
    /// The content is larger than it may be.
    TooLarge {
        /// Bytes that are allowed.
        limit: u64,
    },
    /// The address still has the version that is here, and sends nothing.
    Unchanged,
}

impl Failure {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Passing(_) | Self::Truncated { .. })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passing(what) => formatter.write_str(what),
            Self::Truncated {
                received,
                announced,
            } => {
                write!(formatter, "ended after {received} of {announced} bytes")
            }
            Self::NotFound => formatter.write_str("not found"),
            Self::Status(status) => write!(formatter, "refused with status {status}"),
            Self::BadAddress(why) => write!(formatter, "no usable address: {why}"),
            Self::Downgraded => {
                formatter.write_str("redirected from `https://` to an address without protection")
            }
            Self::TooSlow(Patience { window, least }) => write!(
                formatter,
                "sent less than {least} bytes in {} seconds",
                window.as_secs_f32()
            ),
            Self::Offline => formatter.write_str("not asked: the network is not to be used"),
            Self::TooLarge { limit } => {
                write!(formatter, "larger than the {limit} bytes that are allowed")
            }
            Self::Unchanged => formatter.write_str("unchanged"),
        }
    }
}

/// From where on a content is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume<'a> {
    /// Bytes that are there already.
    pub offset: u64,
    /// What the server called the version of the content that they are from.
    pub version: Option<&'a str>,
    /// What it called a version that is here whole: that one need not be sent again.
    pub had: Option<&'a str>,
}

/// The content of an address, being read.
pub struct Answer {
    /// Bytes of the whole content, where the server says so.
    pub total: Option<u64>,
    /// The offset that the body starts at: the one asked for, or 0 where the server begins anew.
    pub offset: u64,
    /// What the server calls this version of the content.
    pub version: Option<String>,
    /// The bytes.
    pub body: Box<dyn Read + Send>,
}

/// Something that contents can be had from, by address.
pub trait Network: Sync {
    /// Asks an address once.
    fn open(&self, url: &str, resume: Resume<'_>) -> Result<Answer, Failure>;
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What it is, for people: `package busybox-1.36.1-r15`.
    pub subject: &'a str,
    /// Its addresses, tried in order.
    pub urls: &'a [String],
    /// Most bytes that it may have.
    pub limit: u64,
}

/// How far a download has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being fetched.
    pub subject: &'a str,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

/// A version of a content that is here whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The address that it came from.
    pub url: String,
    /// What the server calls it.
    pub name: String,
}

/// What came of asking for a content that may be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed<T> {
    /// The version that is here is the current one.
    Unchanged,
    /// Another one came.
    New(T),
}

/// Fetches a content.
///
/// `begin` hands out an empty sink whenever the download starts from the first byte; `finish` judges a full one, and an error
/// of its makes the next address be tried.
///
/// # Errors
/// `zosc::io::unreachable`, `zosc::io::not-found`, `zosc::io::truncated`, `zosc::io::refused`, `zosc::io::too-large`,
/// `zosc::io::bad-address` and `zosc::io::offline`, with what each address said; errors of `begin`; those of `finish` when
/// it liked none.
pub fn download<S: Write, T>(
    network: &dyn Network,
    request: Request<'_>,
    progress: &dyn Fn(Progress<'_>),
    begin: impl FnMut() -> Result<S, Diagnostic>,
    mut finish: impl FnMut(&str, S) -> Result<T, Diagnostic>,
) -> Result<T, Diagnostic> {
    let finish = |url: &str, _: Option<Version>, sink| finish(url, sink);
    match refresh(network, request, None, progress, begin, finish)? {
        Refreshed::New(result) => Ok(result),
        // Without a version that is here, no address may say so.
        Refreshed::Unchanged => Err(refusal(&request, &[])),
    }
}

/// Fetches a content, unless the address that `had` came from says that it is still the same.
///
/// As [`download`]; `finish` is also told which version came, where the server names it.
///
/// # Errors
/// As [`download`].
pub fn refresh<S: Write, T>(
    network: &dyn Network,
    request: Request<'_>,
    had: Option<&Version>,
    progress: &dyn Fn(Progress<'_>),
    begin: impl FnMut() -> Result<S, Diagnostic>,
    finish: impl FnMut(&str, Option<Version>, S) -> Result<T, Diagnostic>,
) -> Result<Refreshed<T>, Diagnostic> {
    refresh_within(PATIENCE, network, request, had, progress, begin, finish)
}

fn refresh_within<S: Write, T>(
    patience: Patience,
    network: &dyn Network,
    request: Request<'_>,
    had: Option<&Version>,
    progress: &dyn Fn(Progress<'_>),
    mut begin: impl FnMut() -> Result<S, Diagnostic>,
    mut finish: impl FnMut(&str, Option<Version>, S) -> Result<T, Diagnostic>,
) -> Result<Refreshed<T>, Diagnostic> {
    let mut failures: Vec<(&str, Failure)> = Vec::new();
    let mut disliked: Option<Diagnostic> = None;
    for url in request.urls {
        let mut attempt = Attempt {
            patience,
            network,
            request,
            url,
            had: had.filter(|had| had.url == *url),
            progress,
            begin: &mut begin,
        };
        match attempt.fetch() {
            Ok(whole) => {
                let url = url.clone();
                let version = whole.version.map(|name| Version { url, name });
                match finish(attempt.url, version, whole.sink) {
                    Ok(result) => return Ok(Refreshed::New(result)),
                    Err(diagnostic) => {
                        disliked.get_or_insert(diagnostic);
                    }
                }
            }
            Err(Broken::Failure(Failure::Unchanged)) if attempt.had.is_some() => {
                return Ok(Refreshed::Unchanged);
            }
            Err(Broken::Failure(failure)) => failures.push((url, failure)),
            Err(Broken::Sink(diagnostic)) => return Err(diagnostic),
        }
    }
    let told = failures
        .iter()
        .map(|(url, failure)| format!("{}: {failure}", without_credentials(url)));
    if let Some(diagnostic) = disliked {
        return Err(told.fold(diagnostic, Diagnostic::note));
    }
    Err(told.fold(refusal(&request, &failures), Diagnostic::note))
}

/// Fetches a small content from one address into memory.
///
/// # Errors
/// What the address said, after what may pass has been waited for.
pub fn fetch(network: &dyn Network, url: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut attempt = Attempt {
        patience: PATIENCE,
        network,
        request: Request {
            subject: url,
            urls: &[],
            limit,
        },
        url,
        had: None,
        progress: &|_| {},
        begin: &mut || Ok(Vec::new()),
    };
    match attempt.fetch() {
        Ok(whole) => Ok(whole.sink),
        Err(Broken::Failure(failure)) => Err(failure),
        Err(Broken::Sink(problem)) => Err(Failure::Passing(problem.message)),
    }
}

/// Why an attempt ended without a full sink.
enum Broken {
    Failure(Failure),
    /// The receiving side failed; no other address helps.
    Sink(Diagnostic),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// One address, asked until it yields everything or is given up.
struct Attempt<'r, B> {
    patience: Patience,
    network: &'r dyn Network,
    request: Request<'r>,
    url: &'r str,
    had: Option<&'r Version>,
    progress: &'r dyn Fn(Progress<'_>),
    begin: &'r mut B,
}

/// What has come so far.
struct Partial<S> {
    sink: S,
    received: u64,
    version: Option<String>,
}

impl<S: Write, B: FnMut() -> Result<S, Diagnostic>> Attempt<'_, B> {
    fn fetch(&mut self) -> Result<Partial<S>, Broken> {
        let mut partial = None;
        let mut pauses = PAUSES.iter();
        for _ in 0..MOST_ATTEMPTS {
            let before = received(partial.as_ref());
            let failure = match self.once(&mut partial) {
                Ok(whole) => return Ok(whole),
                Err(Broken::Failure(failure)) if failure.may_pass() => failure,
                Err(other) => return Err(other),
            };
            if received(partial.as_ref()) > before {
                pauses = PAUSES.iter();
            }
            let Some(pause) = pauses.next() else {
                return Err(failure.into());
            };
            sleep(*pause);
        }
        Err(Failure::Passing("the connection broke too often".to_owned()).into())
    }

    /// Asks once, and reads until the end or a failure.
    fn once(&mut self, partial: &mut Option<Partial<S>>) -> Result<Partial<S>, Broken> {
        let resume = Resume {
            offset: received(partial.as_ref()),
            version: partial
                .as_ref()
                .and_then(|partial| partial.version.as_deref()),
            had: self.had.map(|had| had.name.as_str()),
        };
        let answer = self.network.open(self.url, resume)?;
        let limit = self.request.limit;
        if answer.total.is_some_and(|total| total > limit) {
            return Err(Failure::TooLarge { limit }.into());
        }
        let continues = answer.offset > 0 && answer.offset == resume.offset;
        if answer.offset > 0 && !continues {
            *partial = None;
            return Err(Failure::Passing("the server went on at another place".to_owned()).into());
        }
        let mut current = match partial.take().filter(|_| continues) {
            Some(current) => current,
            None => Partial {
                sink: (self.begin)().map_err(Broken::Sink)?,
                received: 0,
                version: answer.version,
            },
        };
        match self.read(answer.body, answer.total, &mut current) {
            Ok(()) => Ok(current),
            Err(broken) => {
                *partial = Some(current);
                Err(broken)
            }
        }
    }

    fn read(
        &self,
        mut body: Box<dyn Read + Send>,
        total: Option<u64>,
        partial: &mut Partial<S>,
    ) -> Result<(), Broken> {
        let mut buffer = vec![0; 1 << 16];
        let clock = Stopwatch::start();
        let mut pace = Pace::new(self.patience, partial.received);
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken_off(&error, total, partial.received).into()),
            };
            partial.received += count as u64;
            if partial.received > self.request.limit {
                return Err(Failure::TooLarge {
                    limit: self.request.limit,
                }
                .into());
            }
            if pace.is_too_slow(clock.elapsed(), partial.received) {
                return Err(Failure::TooSlow(self.patience).into());
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            partial
                .sink
                .write_all(bytes)
                .map_err(|error| Broken::Sink(unwritable(&self.request, &error)))?;
            let (subject, received) = (self.request.subject, partial.received);
            (self.progress)(Progress {
                subject,
                received,
                total,
            });
        }
        match total {
            Some(announced) if announced != partial.received => Err(Failure::Truncated {
                received: partial.received,
                announced,
            }
            .into()),
            _ => Ok(()),
        }
    }
}

fn received<S>(partial: Option<&Partial<S>>) -> u64 {
    partial.map_or(0, |partial| partial.received)
}

fn broken_off(error: &std::io::Error, total: Option<u64>, received: u64) -> Failure {
    match total {
        Some(announced) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Failure::Truncated {
                received,
                announced,
            }
        }
        _ => Failure::Passing(format!(
            "the connection broke after {received} bytes: {error}"
        )),
    }
}

fn unwritable(request: &Request<'_>, error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = super::disk_refusal(&super::default_store(), error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::store::unusable",
        format!("cannot store {}: {error}", request.subject),
    )
    .help("the store lies below the cache folder; `--store DIR` or ZOSC_STORE names another place")
}

/// The diagnostic for a content that no address yielded.
fn refusal(request: &Request<'_>, failures: &[(&str, Failure)]) -> Diagnostic {
    let first = |which: fn(&Failure) -> bool| {
        failures
            .iter()
            .map(|(_, failure)| failure)
            .find(|failure| which(failure))
    };
    // What can be mended by waiting or by another setting says more than an address that lacks the content.
    let telling = first(|failure| *failure == Failure::Offline)
        .or_else(|| {
            first(|failure| matches!(failure, Failure::TooLarge { .. } | Failure::BadAddress(_)))
        })
        .or_else(|| first(|failure| matches!(failure, Failure::Truncated { .. })))
        .or_else(|| first(|failure| *failure == Failure::Downgraded))
        .or_else(|| first(|failure| failure.may_pass() || matches!(failure, Failure::TooSlow(_))))
        .or_else(|| first(|failure| matches!(failure, Failure::Status(_))));
    let subject = request.subject;
    match telling {
        Some(Failure::Offline) => {
            Diagnostic::error("zosc::io::offline", format!("{subject} would have to be fetched, and `--offline` forbids it"))
                .help("run `zosc lock` once with the network; what it fetches stays in the store")
        }
        Some(Failure::TooLarge { .. }) => {
            Diagnostic::error("zosc::io::too-large", format!("{subject} is larger than it may be"))
                .help("the address serves something else: check it")
        }
        Some(Failure::BadAddress(_)) => {
            Diagnostic::error("zosc::io::bad-address", format!("{subject} has an address that cannot be asked"))
                .help("addresses begin with `https://`, `http://` or `file:///`")
        }
        Some(Failure::Truncated { .. }) => {
            Diagnostic::error("zosc::io::truncated", format!("{subject} ends too early at every address"))
                .help("try again later, or add a mirror: `mirror` takes several, tried in order")
        }
        Some(Failure::Downgraded) => {
            Diagnostic::error("zosc::io::refused", format!("{subject} is redirected to an address without protection"))
                .help("name an address that answers by itself, or one of `http://` where the digest is known beforehand")
        }
        Some(Failure::Passing(_) | Failure::TooSlow(_)) => {
            Diagnostic::error("zosc::io::unreachable", format!("{subject} cannot be fetched"))
                .help("check the connection (HTTPS_PROXY and HTTP_PROXY are honoured), or add a mirror: `mirror` takes several")
        }
        Some(Failure::Status(_)) => {
            Diagnostic::error("zosc::io::refused", format!("the server refuses to hand out {subject}"))
                .help("check the address, and whether it needs an account: credentials do not belong into addresses")
        }
        Some(Failure::NotFound | Failure::Unchanged) | None => {
            Diagnostic::error("zosc::io::not-found", format!("{subject} is at none of its addresses"))
                .help("check the release and the repository's name; mirrors drop old versions: `zosc update` takes the current ones")
        }
    }
}

/// An address as it may be shown: without `user:password@`.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or(host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests;
