//! One server out of what three sources say.
//!
//! What a source says of a server counts for that server: where one names a server and another is used, the rest of what it says is left
//! out. So no token goes to a server that it is not for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

use super::address::Address;
use super::header::Header;
use super::said::Said;
use super::{UserFile, faults};

/// A server, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its address: `grpc://HOST:PORT` or `grpcs://HOST[:PORT]`.
    pub address: String,
    /// The instance; the one without a name is the empty text.
    pub instance: String,
    /// Headers of every request, each name once.
    pub headers: Vec<Header>,
    /// Platform properties, each name once.
    pub properties: Vec<(String, String)>,
    /// The authorities that its certificate is checked against.
    pub authority: Option<PathBuf>,
    /// The certificate that is shown to it.
    pub certificate: Option<PathBuf>,
    /// That certificate's key.
    pub key: Option<PathBuf>,
    /// How many commands may be on their way at once.
    pub jobs: Option<usize>,
    /// How long a command may wait for a worker.
    pub timeout: Option<Duration>,
    /// Whether a command runs here where the server cannot be reached.
    pub falls_back: bool,
    /// Whether its results are used, and added to; where nobody says so, they are where it runs commands.
    pub cache: Option<bool>,
    /// Whether the command line names it.
    pub is_typed: bool,
    parts: Address,
}

impl Server {
    /// A warning where a secret goes to another machine without encryption.
    pub fn caution(&self) -> Option<Diagnostic> {
        if self.parts.is_encrypted || self.parts.is_here() {
            return None;
        }
        let secret = self.headers.iter().find(|header| header.is_secret())?;
        Some(faults::in_clear(
            self.parts.host(),
            &secret.name,
            secret.span(),
        ))
    }
}

/// The server that is meant. Sections of the file about others are checked as well.
pub(super) fn settle(
    typed: Said,
    set: Said,
    file: Vec<Said>,
    place: Option<&UserFile>,
    sink: &mut Diagnostics,
) -> Option<Server> {
    let is_typed = typed.address.is_some();
    told_twice(&file, sink);
    let first = file.first().and_then(|said| said.address.clone());
    let address = typed.address.clone().or(set.address.clone()).or(first);
    let Some(address) = address else {
        if let Some(span) = typed.first {
            sink.push(faults::no_server("this", place).at(span));
        }
        return None;
    };
    let mut merged = Said {
        address: Some(address.clone()),
        ..Said::default()
    };
    let (mine, others): (Vec<Said>, Vec<Said>) =
        file.into_iter().partition(|said| is_about(said, &address));
    for other in others {
        once(&other, sink);
        checked(other, false, sink);
    }
    for said in [typed, set].into_iter().chain(mine) {
        if is_about(&said, &address) {
            merged.complete(said, sink);
        }
    }
    checked(merged, is_typed, sink)
}

/// Whether a source that names a server names this one.
fn is_about(said: &Said, address: &str) -> bool {
    let Some(own) = &said.address else {
        return true;
    };
    own.value == address
        || matches!((Address::read(own), Address::read(address)), (Ok(one), Ok(other)) if one == other)
}

fn told_twice(file: &[Said], sink: &mut Diagnostics) {
    let mut seen: Vec<&Spanned<String>> = Vec::new();
    for address in file.iter().filter_map(|said| said.address.as_ref()) {
        let about = |earlier: &&&Spanned<String>| {
            let said = Said {
                address: Some((**earlier).clone()),
                ..Said::default()
            };
            is_about(&said, address)
        };
        match seen.iter().find(about) {
            Some(earlier) => {
                let what = format!("`{}`", super::veil::without_user(address));
                sink.push(faults::twice(&what, address.span, earlier.span));
            }
            None => seen.push(address),
        }
    }
}

impl Said {
    /// Adds what a source with less weight says.
    fn complete(&mut self, other: Said, sink: &mut Diagnostics) {
        once(&other, sink);
        self.cache = self.cache.or(other.cache);
        self.instance = self.instance.take().or(other.instance);
        self.authority = self.authority.take().or(other.authority);
        self.certificate = self.certificate.take().or(other.certificate);
        self.key = self.key.take().or(other.key);
        self.jobs = self.jobs.or(other.jobs);
        self.timeout = self.timeout.or(other.timeout);
        self.falls_back = self.falls_back.or(other.falls_back);
        for header in other.headers {
            if self.headers.iter().all(|own| own.name != header.name) {
                self.headers.push(header);
            }
        }
        for (name, value) in other.properties {
            if self.properties.iter().all(|(own, _)| *own != name) {
                self.properties.push((name, value));
            }
        }
    }
}

/// Complains about names that one source has twice.
fn once(said: &Said, sink: &mut Diagnostics) {
    for (index, header) in said.headers.iter().enumerate() {
        let mut before = said.headers.iter().take(index);
        if let Some(earlier) = before.find(|earlier| earlier.name == header.name) {
            let what = format!("the header `{}`", header.name);
            sink.push(faults::twice(&what, header.span(), earlier.span()));
        }
    }
    let mut seen = BTreeSet::new();
    for (name, _) in &said.properties {
        if let Some(earlier) = seen.get(name) {
            let earlier: &&Spanned<String> = earlier;
            let what = format!("the property `{}`", name.value);
            sink.push(faults::twice(&what, name.span, earlier.span));
        }
        seen.insert(name);
    }
}

/// A server whose settings fit together.
fn checked(said: Said, is_typed: bool, sink: &mut Diagnostics) -> Option<Server> {
    let address = said.address?;
    let parts = match Address::read(&address) {
        Ok(parts) => parts,
        Err(wrong) => {
            sink.push(faults::bad_address(&address, &wrong));
            return None;
        }
    };
    let spans = [&said.authority, &said.certificate, &said.key];
    let named = spans.into_iter().flatten().map(|path| path.span).next();
    match (&said.certificate, &said.key) {
        _ if !parts.is_encrypted && named.is_some() => {
            sink.extend(named.map(faults::without_encryption).into_iter().collect());
        }
        (Some(certificate), None) => {
            sink.push(faults::half("a certificate", "its key", certificate.span));
        }
        (None, Some(key)) => sink.push(faults::half("a key", "its certificate", key.span)),
        _ => {}
    }
    let path = |path: Option<Spanned<PathBuf>>| path.map(|path| path.value);
    let is_set = |flag: Option<Spanned<bool>>| flag.is_some_and(|flag| flag.value);
    let properties = said.properties.into_iter();
    Some(Server {
        address: address.value,
        instance: said.instance.map_or_else(String::new, |name| name.value),
        headers: said.headers,
        properties: properties
            .map(|(name, value)| (name.value, value))
            .collect(),
        authority: path(said.authority),
        certificate: path(said.certificate),
        key: path(said.key),
        jobs: said.jobs.map(|jobs| jobs.value),
        timeout: said.timeout.map(|time| time.value),
        falls_back: is_set(said.falls_back),
        cache: said.cache.map(|flag| flag.value),
        is_typed,
        parts,
    })
}
