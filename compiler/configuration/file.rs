//! The user's file, `config.kdl`.
//!
//! What is shown of it is its veiled text, and what is told of it comes from that: no message repeats a value of a header.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::check::duration_of;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Files;
use crate::manifest::configuration::{Configuration, Executor, Fallback, Remote};
use crate::manifest::{self, secret::Secret};
use crate::source::{SourceMap, Spanned};
use crate::syntax;

use super::faults::{self, secret_in_file};
use super::header::Header;
use super::said::Said;
use super::veil::veiled;
use super::{UserFile, fault};

/// What the file says.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) executor: Option<Executor>,
    pub(super) servers: Vec<Said>,
}

/// Reads the file; one that nobody has named need not be there.
pub(super) fn read(
    place: &UserFile,
    home: Option<&Path>,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> File {
    let path = &place.path;
    let bytes = match files.read(path, syntax::MAXIMUM_SIZE as u64) {
        Ok(bytes) => bytes,
        Err(error) if !place.is_named && is_nowhere(&error) => return File::default(),
        Err(error) => {
            sink.push(faults::unreadable(path, &error));
            return File::default();
        }
    };
    let text = match syntax::read_text(bytes) {
        Ok(text) => text,
        Err(problem) => {
            sink.push(faults::unreadable(path, &problem.message));
            return File::default();
        }
    };
    let written = decoded(path, &text, sources, sink);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let reader = Reader { folder, home };
    let servers = written.remote.iter();
    File {
        executor: written.executor.as_ref().map(|executor| executor.value),
        servers: servers.map(|server| reader.server(server, sink)).collect(),
    }
}

fn is_nowhere(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The file's values. What is wrong is told in terms of the text that may be shown.
fn decoded(
    path: &Path,
    text: &str,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Configuration {
    let veiled = veiled(text);
    let source = sources.add_file(path.display().to_string(), path, veiled.as_str());
    let before = sink.len();
    let document = syntax::parse(source, &veiled, sink);
    manifest::decode_configuration(&document, sink);
    let mut unseen = Diagnostics::new();
    let document = syntax::parse(source, text, &mut unseen);
    let configuration = manifest::decode_configuration(&document, &mut unseen);
    if sink.len() == before {
        // A star is a word, and what it stands for need not be one.
        let places = unseen.iter().filter_map(|problem| problem.labels.first());
        let told = places.map(|label| faults::unquoted(label.span));
        sink.extend(told.collect());
    }
    configuration
}

struct Reader<'a> {
    folder: &'a Path,
    home: Option<&'a Path>,
}

impl Reader<'_> {
    fn server(&self, written: &Remote, sink: &mut Diagnostics) -> Said {
        let tls = written.tls.as_ref().map(|tls| &tls.value);
        let path = |path: &Spanned<String>| Spanned::new(self.path(path), path.span);
        let properties = written.property.iter();
        Said {
            first: Some(written.address.span),
            address: Some(written.address.clone()),
            cache: written
                .cache
                .then(|| Spanned::new(true, written.address.span)),
            instance: written.instance.clone(),
            headers: headers(written, sink),
            properties: properties
                .map(|(name, value)| {
                    let name = Spanned::new(name.clone(), value.span);
                    (name, value.value.clone())
                })
                .collect(),
            authority: tls.and_then(|tls| tls.ca.as_ref()).map(path),
            certificate: tls.and_then(|tls| tls.certificate.as_ref()).map(path),
            key: tls.and_then(|tls| tls.key.as_ref()).map(path),
            jobs: written
                .jobs
                .as_ref()
                .map(|jobs| Spanned::new(jobs.value as usize, jobs.span)),
            timeout: written
                .timeout
                .as_ref()
                .and_then(|time| timeout(time, sink)),
            falls_back: written
                .fallback
                .map(|fallback| Spanned::new(fallback.value == Fallback::Local, fallback.span)),
        }
    }

    /// Where a path leads: from the folder of the file, or from the user's home.
    fn path(&self, written: &str) -> PathBuf {
        match (written.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.folder.join(written),
        }
    }
}

fn timeout(
    written: &Spanned<String>,
    sink: &mut Diagnostics,
) -> Option<Spanned<std::time::Duration>> {
    let time = duration_of(written);
    if time.is_none() {
        let fact = format!("`{}` is out of range", written.value);
        sink.push(
            fault("zosc::configuration::bad-value", fact)
                .at(written.span)
                .help("a time limit is at least \"1ms\" and at most a day (\"1440m\")"),
        );
    }
    Some(Spanned::new(time?, written.span))
}

/// The headers of a server; `token` is one of them.
fn headers(written: &Remote, sink: &mut Diagnostics) -> Vec<Header> {
    let mut headers = Vec::new();
    if let Some(token) = &written.token
        && let Secret::Environment(variable) = &token.value
    {
        headers.push(Header::bearer(variable, token.span));
    }
    for (name, value) in &written.header {
        let read: Result<Header, Diagnostic> =
            Header::read(&Spanned::new(name.clone(), value.span), value);
        match read {
            Ok(header) if header.is_secret() && header.is_literal() => {
                sink.push(secret_in_file(&header.name, value.span));
            }
            Ok(header) => headers.push(header),
            Err(problem) => sink.push(problem),
        }
    }
    headers
}
