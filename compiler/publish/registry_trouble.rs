//! What a registry refuses, in words for people. Addresses of uploads may hold tokens, so none is repeated.

use oci_client::Reference;
use oci_client::errors::{OciDistributionError as Trouble, OciErrorCode as Code};

use crate::diagnostic::Diagnostic;
use crate::io;

/// The longest text of a registry's that is shown.
const LONGEST: usize = 300;

/// Why something could not be done at a repository.
pub(super) fn problem(what: &str, reference: &Reference, trouble: &Trouble) -> Diagnostic {
    let host = reference.registry();
    let place = reference.whole();
    match trouble {
        trouble if is_refusal(trouble) => Diagnostic::error(
            "zosc::publish::registry-refused",
            format!("`{host}` refuses to {what} for `{place}`"),
        )
        .note(said(trouble))
        .help("log in: `key-id (env)NAME` and `secret (env)NAME` inside the section, or `docker login`; the account must be allowed to push there"),
        Trouble::RequestError(error) => Diagnostic::error(
            "zosc::publish::registry-unreachable",
            format!("`{host}` cannot be reached to {what} for `{place}`"),
        )
        .note(shown(&io::error_chain(error)))
        .help("see whether the name of the registry is right and the network is there; the next run goes on with what is missing"),
        trouble => Diagnostic::error(
            "zosc::publish::registry-failed",
            format!("`{host}` could not {what} for `{place}`"),
        )
        .note(said(trouble))
        .help("run the command again; the tag stands for what it stood for before"),
    }
}

/// A reference that cannot be used, or no client for it.
pub(super) fn unusable(reference: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::bad-reference",
        format!("`{reference}` cannot be published to: {why}"),
    )
    .help("write the registry's host, the repository in lowercase and a tag, such as \"ghcr.io/example/zos:1.0\"")
}

fn is_refusal(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::AuthenticationFailure(_) | Trouble::UnauthorizedError { .. } => true,
        Trouble::ServerError { code, .. } => matches!(code, 401 | 403),
        Trouble::RegistryError { envelope, .. } => envelope
            .errors
            .iter()
            .any(|error| matches!(error.code, Code::Unauthorized | Code::Denied)),
        Trouble::RequestError(error) => error
            .status()
            .is_some_and(|status| matches!(status.as_u16(), 401 | 403)),
        _ => false,
    }
}

/// What the registry says, without addresses.
fn said(trouble: &Trouble) -> String {
    let text = match trouble {
        Trouble::RegistryError { envelope, .. } => {
            let errors = envelope.errors.iter().map(|error| error.message.as_str());
            errors.collect::<Vec<_>>().join("; ")
        }
        Trouble::ServerError { code, message, .. } => format!("status {code}: {message}"),
        Trouble::UnauthorizedError { .. } => "it asks for a login".to_owned(),
        Trouble::RequestError(error) => io::error_chain(error),
        other => other.to_string(),
    };
    shown(&text)
}

/// A text of others on one line, with everything out of it that is an address.
fn shown(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        if word.contains("://") {
            "(address)"
        } else {
            word
        }
    });
    let line: String = words.collect::<Vec<_>>().join(" ");
    let printable = line.chars().filter(|sign| !sign.is_control());
    printable.take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_failures_are_told_apart_and_addresses_are_left_out() {
        let reference = Reference::try_from("ghcr.io/example/zos:1").expect("sound");
        let url = "https://ghcr.io/v2/upload?_state=token".to_owned();
        let refused = problem(
            "send a file",
            &reference,
            &Trouble::UnauthorizedError { url: url.clone() },
        );
        assert_eq!(refused.code, "zosc::publish::registry-refused");
        let failed = Trouble::ServerError {
            code: 500,
            url,
            message: format!("see https://x/?_state=token{}", " y".repeat(1000)),
        };
        let failed = problem("send a file", &reference, &failed);
        assert_eq!(failed.code, "zosc::publish::registry-failed");
        assert!(!failed.notes[0].contains("token") && failed.notes[0].len() <= LONGEST);
    }
}
