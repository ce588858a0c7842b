//! What can be wrong with a configuration, as diagnostics.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

use super::address::Wrong;
use super::{UserFile, fault};

/// Something needs a server, and none is named.
pub fn no_server(what: &str, file: Option<&UserFile>) -> Diagnostic {
    let file = file.map_or_else(
        || "the configuration".to_owned(),
        |file| format!("`{}`", file.path.display()),
    );
    fault(
        "zosc::configuration::no-server",
        format!("{what} needs a server, and none is named"),
    )
    .help(format!(
        "add `--remote grpcs://HOST:PORT`, set ZOSC_REMOTE, or write `remote \"grpcs://HOST:PORT\"` into {file}"
    ))
}

/// A server is named on the command line, and nothing would use it.
pub fn unused_server(address: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::configuration::unused-server",
        format!("commands run on this machine, so nothing uses `{address}`"),
    )
    .help("add `--executor remote` to run them there, or `--remote-cache` to share results alone")
}

/// The file cannot be read.
pub(super) fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Diagnostic {
    fault(
        "zosc::configuration::unreadable",
        format!("`{}` cannot be read: {why}", path.display()),
    )
    .help("see that it exists and that you may read it")
}

/// An address that nothing can be asked at.
pub(super) fn bad_address(address: &Spanned<String>, wrong: &Wrong) -> Diagnostic {
    // What is wrong may be a password.
    let shown = super::veil::without_user(address);
    let problem = fault(
        "zosc::configuration::bad-address",
        format!("`{shown}` is no server: {}", wrong.why),
    )
    .at(address.span);
    match &wrong.instead {
        Some(instead) => problem.help(format!("write `{instead}`")).replace(
            format!("write `{instead}`"),
            address.span,
            crate::syntax::quote(instead),
        ),
        None if wrong.why.contains("password") => problem.help(
            "remove it; a token goes into a header: `token (env)BUILD_TOKEN`, or ZOSC_REMOTE_TOKEN",
        ),
        None if wrong.why.contains("instance") => problem
            .help("write the name of an instance as `instance NAME`, or `--remote-instance NAME`"),
        None => {
            problem.help("write `grpcs://HOST:PORT`, or `grpc://HOST:PORT` where there is no TLS")
        }
    }
}

/// The same thing is said twice by one source.
pub(super) fn twice(what: &str, later: Span, earlier: Span) -> Diagnostic {
    fault(
        "zosc::configuration::said-twice",
        format!("{what} is there twice"),
    )
    .label(later, "again here")
    .label(earlier, "first here")
    .help("remove one of them")
}

/// A secret is written out in the file.
pub(super) fn secret_in_file(name: &str, span: Span) -> Diagnostic {
    let value = match name {
        "authorization" | "proxy-authorization" => "Bearer (env)BUILD_TOKEN",
        _ => "(env)BUILD_TOKEN",
    };
    fault(
        "zosc::configuration::secret-in-file",
        format!("the header `{name}` is a secret, and a configuration is no place for one"),
    )
    .at(span)
    .help(format!(
        "write `{name}=\"{value}\"`: it is read from that environment variable when it is needed"
    ))
}

/// A header's value is something else than a text.
pub(super) fn unquoted(span: Span) -> Diagnostic {
    fault(
        "zosc::configuration::bad-header",
        "the value of a header is a text",
    )
    .at(span)
    .help("put it in quotes")
}

/// A secret goes over a connection that everybody on the way can read.
pub(super) fn in_clear(host: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::warning(
        "zosc::configuration::secret-in-clear",
        format!("the header `{name}` goes to `{host}` without encryption"),
    )
    .at(span)
    .help("use `grpcs://` if the server can: on the way, anyone could read it and use it")
}

/// Certificates for a connection that has none.
pub(super) fn without_encryption(span: Span) -> Diagnostic {
    fault(
        "zosc::configuration::no-encryption",
        "a certificate means nothing to a server without TLS",
    )
    .at(span)
    .help("write the address with `grpcs://`, or leave the certificate out")
}

/// A certificate without its key, or a key without its certificate.
pub(super) fn half(present: &'static str, missing: &'static str, span: Span) -> Diagnostic {
    fault(
        "zosc::configuration::half-a-certificate",
        format!("{present} is named without {missing}"),
    )
    .at(span)
    .help(format!(
        "name {missing} as well: both are PEM files, and may be the same one"
    ))
}
