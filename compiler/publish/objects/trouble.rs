//! What went wrong with a bucket, told so that one knows what to do next.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

use super::answers::{Handshake, Refusal};
use crate::diagnostic::Diagnostic;
use crate::io;

/// Why a bucket did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server refuses.
    Refused(Refusal),
    /// Nobody is there.
    Unreachable(String),
    /// Somebody is there whose certificate is not trusted.
    Untrusted(String),
    /// Somebody is there who speaks no TLS, or none that can be understood.
    NoTls(String),
    /// The connection broke, again and again.
    Broken(String),
    /// The answer makes no sense.
    Odd(String),
}

impl Trouble {
    /// There is no such object.
    pub(super) fn gone() -> Self {
        Self::Refused(Refusal {
            status: 404,
            code: "NoSuchKey".to_owned(),
            message: String::new(),
            region: None,
        })
    }

    /// Whether there is no such object; buckets that are missing say so in the same status.
    pub(super) fn is_no_object(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404) && !self.is_no_bucket()
    }

    /// Whether there is no such bucket.
    pub(super) fn is_no_bucket(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == "NoSuchBucket")
    }

    /// Whether a condition does not hold. AWS answers 409 where two writers meet.
    pub(super) fn is_condition(&self) -> bool {
        matches!(self, Self::Refused(refusal) if [304, 409, 412].contains(&refusal.status))
    }

    /// Whether the server has no such feature.
    pub(super) fn is_unknown_feature(&self) -> bool {
        let Self::Refused(refusal) = self else {
            return false;
        };
        [405, 501].contains(&refusal.status) || refusal.code == "NotImplemented"
    }

    /// Whether the server takes no checksum with what is sent.
    pub(super) fn is_checksum_unknown(&self) -> bool {
        let Self::Refused(refusal) = self else {
            return false;
        };
        let is_mismatch = refusal.code.contains("Digest") || refusal.code.contains("Mismatch");
        let names_it = refusal.message.to_lowercase().contains("checksum");
        !is_mismatch && (self.is_unknown_feature() || (refusal.status == 400 && names_it))
    }

    /// Whether it may be an upload, or a part of one, that the server does not know any more. Some say of one that it is nobody's to use.
    pub(super) fn is_lost_upload(&self) -> bool {
        const LOST: [&str; 6] = [
            "AccessDenied",
            "EntityTooSmall",
            "InvalidArgument",
            "InvalidPart",
            "InvalidPartOrder",
            "InvalidRequest",
        ];
        let is_named = |refusal: &Refusal| LOST.contains(&refusal.code.as_str());
        self.is_no_object() || matches!(self, Self::Refused(refusal) if is_named(refusal))
    }

    /// Whether it may have passed when one asks once more.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.may_pass(),
            Self::Broken(_) | Self::Unreachable(_) => true,
            Self::Untrusted(_) | Self::NoTls(_) | Self::Odd(_) => false,
        }
    }
}

impl From<object_store::Error> for Trouble {
    fn from(error: object_store::Error) -> Self {
        let mut behind: Option<&(dyn Error + 'static)> = Some(&error);
        let mut kind = None;
        while let Some(current) = behind {
            if let Some(refusal) = current.downcast_ref::<Refusal>() {
                return Self::Refused(refusal.clone());
            }
            if let Some(Handshake { why, is_trust }) = current.downcast_ref::<Handshake>() {
                return match is_trust {
                    true => Self::Untrusted(why.clone()),
                    false => Self::NoTls(why.clone()),
                };
            }
            if let Some(failed) = current.downcast_ref::<HttpError>() {
                kind = kind.or(Some((failed.kind(), deepest(failed))));
            }
            behind = current.source();
        }
        match kind {
            Some((HttpErrorKind::Connect, why)) => Self::Unreachable(why),
            Some((_, why)) => Self::Broken(why),
            None => Self::Odd(io::error_chain(&error)),
        }
    }
}

/// The innermost reason, which is the one that says something.
fn deepest(error: &HttpError) -> String {
    let mut told = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        told = error.to_string();
        behind = error.source();
    }
    told
}

/// A bucket and who has it, as messages name them.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) endpoint: String,
    pub(super) bucket: String,
    pub(super) region: String,
}

impl Named {
    /// The bucket, for people.
    pub(super) fn place(&self) -> String {
        format!("bucket `{}` at {}", self.bucket, self.endpoint)
    }

    /// An object in it, for people.
    pub(super) fn object(&self, key: &str) -> String {
        format!("`{key}` in {}", self.place())
    }

    /// The problem that something could not be done: `cannot write`, and the bucket or an object in it.
    pub(super) fn problem(&self, doing: &str, key: Option<&str>, trouble: &Trouble) -> Diagnostic {
        let what = key.map_or_else(|| self.place(), |key| self.object(key));
        let (code, why, help) = self.told(trouble);
        let problem = Diagnostic::error(code, format!("cannot {doing} {what}: {why}")).help(help);
        match trouble {
            Trouble::Refused(refusal) => problem.note(refusal.to_string()),
            Trouble::Unreachable(why)
            | Trouble::Untrusted(why)
            | Trouble::NoTls(why)
            | Trouble::Broken(why) => problem.note(why.clone()),
            Trouble::Odd(_) => problem,
        }
    }

    fn told(&self, trouble: &Trouble) -> (&'static str, String, String) {
        let Self {
            endpoint, bucket, ..
        } = self;
        match trouble {
            Trouble::Refused(refusal) => self.refused(refusal),
            Trouble::Unreachable(_) => (
                "zosc::publish::unreachable",
                "nobody answers there".to_owned(),
                format!(
                    "check that {endpoint} is the server's address and that it runs; HTTPS_PROXY and NO_PROXY say what goes through a proxy"
                ),
            ),
            Trouble::Untrusted(_) => (
                "zosc::publish::untrusted",
                "the server's certificate is not trusted".to_owned(),
                "let SSL_CERT_FILE name a file with the certificate of who signed it, in PEM"
                    .to_owned(),
            ),
            Trouble::NoTls(_) => (
                "zosc::publish::no-tls",
                "no encrypted connection can be made".to_owned(),
                "a server without TLS has an endpoint that begins with `http://`".to_owned(),
            ),
            Trouble::Broken(_) => (
                "zosc::publish::broken",
                "the connection breaks, however often it is tried".to_owned(),
                "run the command again: it goes on with what is not there yet".to_owned(),
            ),
            Trouble::Odd(why) => (
                "zosc::publish::odd-answer",
                format!("the answer cannot be read: {why}"),
                format!("check that {endpoint} speaks S3, and that `{bucket}` is a bucket there"),
            ),
        }
    }

    fn refused(&self, refusal: &Refusal) -> (&'static str, String, String) {
        let Self {
            endpoint,
            bucket,
            region,
        } = self;
        match (refusal.status, refusal.code.as_str()) {
            (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken" | "NotSignedUp" | "InvalidSecurity")
            | (401, _) => (
                "zosc::publish::wrong-credentials",
                "the key is not accepted".to_owned(),
                "check the variables that the key is read from, AWS_SESSION_TOKEN among them; a key that has expired is to be had anew".to_owned(),
            ),
            (
                _,
                "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" | "IncorrectEndpoint"
                | "IllegalLocationConstraintException" | "InvalidRegion",
            )
            | (301 | 302 | 307 | 308, _) => (
                "zosc::publish::wrong-region",
                match &refusal.region {
                    Some(there) if there != region => format!("it is in region `{there}`, not in `{region}`"),
                    _ => format!("it is not in region `{region}`, or at another endpoint"),
                },
                match &refusal.region {
                    Some(there) => format!("write `region=\"{there}\"` where the bucket is named"),
                    None => "write the bucket's region and endpoint where it is named: `region=\"…\"`".to_owned(),
                },
            ),
            (_, "RequestTimeTooSkewed" | "RequestExpired") => (
                "zosc::publish::wrong-clock",
                "this machine's clock and the server's are too far apart".to_owned(),
                "set the clock: `timedatectl` says whether it is kept by a time server".to_owned(),
            ),
            (_, "NoSuchBucket" | "InvalidBucketName") => (
                "zosc::publish::no-bucket",
                "there is no such bucket".to_owned(),
                format!("make it first (`aws s3 mb s3://{bucket} --endpoint-url {endpoint}`), or mend its name"),
            ),
            (_, "QuotaExceeded" | "XMinioStorageFull" | "XMinioStorageQuotaExceeded" | "InsufficientStorage" | "ServiceQuotaExceeded")
            | (507, _) => (
                "zosc::publish::server-full",
                "the server takes nothing more".to_owned(),
                "make room there: `zosc publish --prune KEEP` removes older images".to_owned(),
            ),
            (403, _) => (
                "zosc::publish::not-permitted",
                "the key may not do that".to_owned(),
                format!("let the key list, read, write and delete objects of `{bucket}`"),
            ),
            (404, _) => (
                "zosc::publish::no-object",
                "there is no such object".to_owned(),
                "publish it first".to_owned(),
            ),
            _ if refusal.may_pass() => (
                "zosc::publish::server-failed",
                "the server fails, however often it is asked".to_owned(),
                "wait, then run the command again: it goes on with what is not there yet".to_owned(),
            ),
            _ => (
                "zosc::publish::refused",
                "the server refuses".to_owned(),
                format!("check that {endpoint} speaks S3, and that `{bucket}` is a bucket there"),
            ),
        }
    }
}
