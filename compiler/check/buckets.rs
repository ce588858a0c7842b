//! Buckets of S3 servers: endpoint, name, prefix, key.

use crate::diagnostic::Diagnostic;
use crate::manifest::secret::Secret;
use crate::source::{Span, Spanned};

use super::{AccessKey, Bucket, Ctx, quoted};

/// What S3 clients take where no region is given.
const REGION: &str = "us-east-1";

/// Beginnings and endings of names that S3 keeps for itself.
const RESERVED: (&[&str], &[&str]) = (
    &["xn--", "sthree-", "amzn-s3-demo-"],
    &["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"],
);

/// Object names have at most 1024 bytes; a prefix leaves room for what follows.
const LONGEST_PREFIX: usize = 512;

/// A bucket as a section writes it.
pub(super) struct Written<'a> {
    pub(super) name: &'a Spanned<String>,
    pub(super) prefix: Option<&'a Spanned<String>>,
    pub(super) endpoint: Option<&'a Spanned<String>>,
    pub(super) region: Option<&'a Spanned<String>>,
    pub(super) key_id: Option<&'a Spanned<Secret>>,
    pub(super) secret: Option<&'a Spanned<Secret>>,
}

impl Ctx<'_> {
    /// A bucket whose parts are all sound.
    pub(super) fn bucket(&mut self, written: &Written<'_>) -> Option<Bucket> {
        let name = self.bucket_name(written.name);
        let prefix = match written.prefix {
            Some(prefix) => self.prefix("the prefix", prefix),
            None => Some(String::new()),
        };
        let endpoint = match written.endpoint {
            Some(endpoint) => self.endpoint(endpoint).map(Some),
            None => Some(None),
        };
        let region = written.region.map_or(Some(REGION.to_owned()), |region| {
            self.region(region).then(|| region.value.clone())
        });
        let key = self.access_key(written.key_id, written.secret);
        Some(Bucket {
            endpoint: endpoint?,
            name: name?,
            prefix: prefix?,
            region: region?,
            key,
        })
    }

    fn bucket_name(&mut self, name: &Spanned<String>) -> Option<String> {
        let Some(fault) = bucket_fault(name) else {
            return Some(name.value.clone());
        };
        let mut problem = Diagnostic::error(
            "zosc::check::bad-bucket",
            format!("`{}` is no name of a bucket: it {fault}", name.value),
        )
        .at(name.span)
        .help("a bucket has 3 to 63 lowercase letters, digits, `-` and `.`, and starts and ends with a letter or digit");
        let lower = name.to_ascii_lowercase();
        let is_whole = self.sources.slice(name.span).trim_matches('"') == name.value;
        if lower != name.value && bucket_fault(&lower).is_none() && is_whole {
            problem = problem.replace(format!("write `{lower}`"), name.span, super::word(&lower));
        }
        self.push(problem);
        None
    }

    /// What names of objects start with, without slashes at its ends; `what` it is called where something is wrong with it.
    pub(super) fn prefix(&mut self, what: &str, prefix: &Spanned<String>) -> Option<String> {
        let trimmed = prefix.trim_matches('/');
        let fault = match trimmed {
            _ if trimmed.len() != prefix.len() => "has a slash at its beginning or end",
            _ if trimmed.contains("//") => "has two slashes in a row",
            _ if trimmed.split('/').any(|part| matches!(part, "." | "..")) => {
                "holds `.` or `..`, which mean nothing in names of objects"
            }
            _ if trimmed.chars().any(char::is_control) => "holds a control character",
            _ if trimmed.len() > LONGEST_PREFIX => "is longer than 512 bytes",
            _ => return Some(prefix.value.clone()),
        };
        let mut problem = Diagnostic::error("zosc::check::bad-prefix", format!("{what} {fault}"))
            .at(prefix.span)
            .help("write folders with single slashes between them, such as \"images/kernel\"");
        if trimmed.len() != prefix.len() {
            // The prefix of an address is a part of a text.
            let is_whole = self.sources.slice(prefix.span).starts_with('"');
            let text = if is_whole {
                quoted(trimmed)
            } else {
                trimmed.to_owned()
            };
            problem = problem
                .replace("remove the slash", prefix.span, text)
                .safe();
        }
        self.push(problem);
        None
    }

    fn endpoint(&mut self, endpoint: &Spanned<String>) -> Option<String> {
        let address = self.address(endpoint)?;
        let rest = address.split_once("://").map_or("", |(_, rest)| rest);
        let server = rest.split(['/', '?', '#']).next().unwrap_or("");
        let behind = rest.get(server.len()..).unwrap_or("");
        let fault = match behind {
            _ if address.starts_with("file:") => "names a file",
            "" if port_is_sound(server) => return Some(address),
            "" => "has a port that is no number from 1 to 65535",
            "/" => "ends with a slash",
            _ => "goes on behind the server's name",
        };
        let mut problem = Diagnostic::error(
            "zosc::check::bad-endpoint",
            format!("the endpoint {fault}"),
        )
        .at(endpoint.span)
        .help("write the server alone, such as \"https://s3.example\" or \"http://10.0.0.5:3900\"; buckets and prefixes have places of their own");
        if behind == "/" {
            let text = self.value_at(endpoint.span, address.trim_end_matches('/'));
            problem = problem
                .replace("remove the slash", endpoint.span, text)
                .safe();
        }
        self.push(problem);
        None
    }

    fn region(&mut self, region: &Spanned<String>) -> bool {
        let is_region = !region.is_empty()
            && region
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if !is_region {
            self.push(
                Diagnostic::error(
                    "zosc::check::bad-region",
                    format!("`{}` is no region", region.value),
                )
                .at(region.span)
                .help("a region has letters, digits, `-`, `_` and `.`, such as `garage` or `eu-west-1`"),
            );
        }
        is_region
    }

    /// A key of two halves; says so where one is missing.
    pub(super) fn access_key(
        &mut self,
        id: Option<&Spanned<Secret>>,
        secret: Option<&Spanned<Secret>>,
    ) -> Option<AccessKey> {
        let (span, there, missing) = match (id, secret) {
            (None, None) => return None,
            (Some(id), Some(secret)) => {
                return Some(AccessKey {
                    id: id.clone(),
                    secret: secret.clone(),
                });
            }
            (Some(id), None) => (id.span, "key-id", "secret"),
            (None, Some(secret)) => (secret.span, "secret", "key-id"),
        };
        self.push(
            Diagnostic::error(
                "zosc::check::half-a-key",
                format!("there is a `{there}` and no `{missing}`"),
            )
            .at(span)
            .help(format!(
                "add `{missing} (env)NAME`, with the name of an environment variable"
            )),
        );
        None
    }

    /// Says that something about a server was given for a place that has none.
    pub(super) fn needless(&mut self, span: Span, what: &str, whose: &str) {
        self.push(
            Diagnostic::error(
                "zosc::check::needless-setting",
                format!("`{what}` has no meaning for {whose}"),
            )
            .at(span)
            .help("remove it"),
        );
    }
}

/// Whether a host has no port, or one that exists.
pub(super) fn port_is_sound(server: &str) -> bool {
    port(server).is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// What stands behind the colon of a host; an address in brackets has colons of its own.
pub(super) fn port(server: &str) -> Option<&str> {
    let behind = server.rsplit_once(']').map_or(server, |(_, behind)| behind);
    behind.rsplit_once(':').map(|(_, port)| port)
}

/// Why S3 takes no bucket of this name.
fn bucket_fault(name: &str) -> Option<&'static str> {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let (beginnings, endings) = RESERVED;
    if !(3..=63).contains(&name.len()) {
        return Some("has fewer than 3 or more than 63 characters");
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("has capital letters");
    }
    if !name.bytes().all(is_sign) {
        return Some("holds a sign that no bucket has");
    }
    if name.starts_with(['-', '.']) || name.ends_with(['-', '.']) {
        return Some("starts or ends with `-` or `.`");
    }
    if name.contains("..") {
        return Some("has two dots in a row");
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("is the address of a machine");
    }
    let reserved = beginnings.iter().any(|start| name.starts_with(start))
        || endings.iter().any(|end| name.ends_with(end));
    reserved.then_some("is of a form that S3 keeps for itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_named_by_the_rules_of_s3() {
        for good in ["zos", "zos-flists", "a.b", "3buckets", &"a".repeat(63)] {
            assert_eq!(bucket_fault(good), None, "{good}");
        }
        for bad in [
            "zo",
            "Zos",
            "zos_flists",
            "-zos",
            "zos.",
            "a..b",
            "10.0.0.1",
            "xn--zos",
            "zos-s3alias",
            "host:9000",
            &"a".repeat(64),
        ] {
            assert!(bucket_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn ports_stand_behind_names_and_brackets() {
        assert_eq!(port("host:9000"), Some("9000"));
        assert_eq!(port("[::1]:9000"), Some("9000"));
        assert_eq!((port("host"), port("[::1]")), (None, None));
        assert!(port_is_sound("host") && !port_is_sound("host:0") && !port_is_sound("host:x"));
    }
}
