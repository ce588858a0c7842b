//! Downloads: several addresses of one content, tried until one of them yields it whole.
//!
//! A connection that breaks is taken up again where it broke, a few times with growing pauses; an address that does
//! not have the content, or has another, gives way to the next one. Nothing is kept from an address that failed. What
//! the bytes mean is the caller's business: it hands out sinks and judges the full ones.

mod attempt;
mod failure;
mod pace;
mod refusal;

pub use failure::Failure;
pub use pace::Patience;

use std::io::{Read, Write};

use crate::diagnostic::Diagnostic;
use attempt::{Attempt, Broken};
use pace::PATIENCE;
use refusal::{refusal, without_credentials};

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

#[cfg(test)]
mod tests;
