//! What people are told of a content that did not come.

use super::{Failure, Request};
use crate::diagnostic::Diagnostic;
use crate::io::{default_store, disk_refusal};

/// The receiving side failed.
pub(super) fn unwritable(request: &Request<'_>, error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = disk_refusal(&default_store(), error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::store::unusable",
        format!("cannot store {}: {error}", request.subject),
    )
    .help("the store lies below the cache folder; `--store DIR` or ZOSC_STORE names another place")
}

/// The diagnostic for a content that no address yielded.
pub(super) fn refusal(request: &Request<'_>, failures: &[(&str, Failure)]) -> Diagnostic {
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
pub(super) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or(host);
    format!("{scheme}://{host}{path}")
}
