//! What comes back from a bucket's server, read before the client of buckets sees it.
//!
//! A refusal's code is in its body, which is bounded here and freed of anything of the key. Refusals that may pass are
//! told from those that stay, so that the client tries again when that makes sense.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use serde::Deserialize;

use super::credentials::Credentials;

/// How long an answer may take to begin, beside the time that the request's own bytes take.
const SILENCE: Duration = Duration::from_mins(1);

/// Bytes a second that a connection must carry.
const SLOWEST: u64 = 32 << 10;

/// Most bytes of a refusal that are read.
const LONGEST_REFUSAL: usize = 64 << 10;

/// Most letters of a server's words that are shown.
const LONGEST_MESSAGE: usize = 300;

/// Statuses that may pass by themselves.
const PASSING: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// The same in S3's words, which come with other statuses as well.
const PASSING_CODES: [&str; 4] = [
    "RequestTimeout",
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
];

/// A server's refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server answered with status {status}{}", Words(code, message))]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// What S3 calls it; empty where the answer has no body.
    pub(super) code: String,
    /// What the server says to people.
    pub(super) message: String,
    /// The region that the server names instead.
    pub(super) region: Option<String>,
}

struct Words<'a>(&'a String, &'a String);

impl fmt::Display for Words<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [self.0, self.1].into_iter();
        let words: Vec<&str> = words
            .filter(|word| !word.is_empty())
            .map(String::as_str)
            .collect();
        if words.is_empty() {
            Ok(())
        } else {
            write!(formatter, ": {}", words.join(": "))
        }
    }
}

impl Refusal {
    /// Whether it may pass by itself.
    pub(super) fn may_pass(&self) -> bool {
        PASSING.contains(&self.status) || PASSING_CODES.contains(&self.code.as_str())
    }
}

/// A connection that could not be encrypted.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Handshake {
    pub(super) why: String,
    /// Whether it is the certificate that is not trusted.
    pub(super) is_trust: bool,
}

/// A server that says nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("no answer in time")]
struct Silent;

/// The connection to one server.
#[derive(Debug, Clone)]
pub(super) struct Answers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: HttpClient,
    credentials: Credentials,
    reached: AtomicBool,
    unclear: AtomicU64,
}

impl Answers {
    pub(super) fn new(client: HttpClient, credentials: Credentials) -> Self {
        Self(Arc::new(Shared {
            client,
            credentials,
            reached: AtomicBool::new(false),
            unclear: AtomicU64::new(0),
        }))
    }

    /// Whether anything was ever answered.
    pub(super) fn were_there(&self) -> bool {
        self.0.reached.load(Ordering::Relaxed)
    }

    /// How many requests ended without telling whether they were obeyed.
    pub(super) fn unclear(&self) -> u64 {
        self.0.unclear.load(Ordering::Relaxed)
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.ask_once(request).await;
        if answer.as_ref().is_err_and(is_unclear) {
            self.0.unclear.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    async fn ask_once(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let sent = request.body().content_length() as u64;
        let patience = SILENCE + Duration::from_secs(sent / SLOWEST);
        let answered = tokio::time::timeout(patience, self.0.client.execute(request)).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(sorted(error)),
            Err(_) => return Err(HttpError::new(HttpErrorKind::Timeout, Silent)),
        };
        self.0.reached.store(true, Ordering::Relaxed);
        if response.status().is_success() {
            return Ok(response);
        }
        let refusal = self.refusal(response).await;
        // "Request" is what the client tries again in any case.
        let kind = if refusal.may_pass() {
            HttpErrorKind::Request
        } else {
            HttpErrorKind::Unknown
        };
        Err(HttpError::new(kind, refusal))
    }

    async fn refusal(&self, response: HttpResponse) -> Refusal {
        let status = response.status().as_u16();
        let header = response.headers().get("x-amz-bucket-region");
        let named = header
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = tokio::time::timeout(SILENCE, beginning(response.into_body())).await;
        let body: Body = quick_xml::de::from_str(&body.unwrap_or_default()).unwrap_or_default();
        let shown = |text: Option<String>| {
            let text = self.0.credentials.hide(&text.unwrap_or_default());
            let words: Vec<&str> = text
                .split(|c: char| c.is_control() || c.is_whitespace())
                .collect();
            words.join(" ").chars().take(LONGEST_MESSAGE).collect()
        };
        let region: String = shown(body.region.or(named));
        Refusal {
            status,
            code: shown(body.code),
            message: shown(body.message),
            region: (!region.is_empty()).then_some(region),
        }
    }
}

/// What a refusal of S3 has in it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    code: Option<String>,
    message: Option<String>,
    region: Option<String>,
}

/// The first bytes of a body, as far as they come.
async fn beginning(body: HttpResponseBody) -> String {
    let mut read = Vec::new();
    let mut stream = body.bytes_stream();
    while let Some(Ok(bytes)) = stream.next().await {
        read.extend(bytes.iter().take(LONGEST_REFUSAL - read.len()));
        if read.len() >= LONGEST_REFUSAL {
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Whether a request may have been obeyed all the same.
fn is_unclear(error: &HttpError) -> bool {
    let refusal = error
        .source()
        .and_then(|behind| behind.downcast_ref::<Refusal>());
    refusal.is_none_or(Refusal::may_pass)
}

/// A failed connection as the client should see it: TLS does not become better by asking again, and everything else may.
fn sorted(error: HttpError) -> HttpError {
    let mut behind: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = behind {
        if let Some(failed) = tls(current) {
            let is_trust = matches!(failed, rustls::Error::InvalidCertificate(_));
            let why = failed.to_string();
            return HttpError::new(HttpErrorKind::Unknown, Handshake { why, is_trust });
        }
        behind = current.source();
    }
    match error.kind() {
        HttpErrorKind::Unknown | HttpErrorKind::Decode => {
            HttpError::new(HttpErrorKind::Interrupted, error)
        }
        _ => error,
    }
}

/// What TLS says, where an error is that or was made of it: an `io::Error` hides it from `source`.
fn tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(failed) = error.downcast_ref::<rustls::Error>() {
        return Some(failed);
    }
    let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    tls(inner)
}

impl HttpService for Answers {
    fn call<'service, 'call>(
        &'service self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'service: 'call,
        Self: 'call,
    {
        Box::pin(self.ask(request))
    }
}

impl HttpConnector for Answers {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Body {
        quick_xml::de::from_str(text).unwrap_or_default()
    }

    #[test]
    fn a_refusal_has_a_code() {
        let body = read(
            "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>a &amp; b</Message><X><Code>no</Code></X></Error>",
        );
        let texts = (body.code.as_deref(), body.message.as_deref());
        assert_eq!(texts, (Some("NoSuchKey"), Some("a & b")));
    }

    proptest! {
        #[test]
        fn any_refusal_is_read_as_far_as_it_makes_sense(parts in prop::collection::vec(0_usize..14, 0..40), other in ".{0,8}") {
            let words = [
                "<Error>", "</Error>", "<Code>", "</Code>", "<Message>", "</Message>", "<Region/>", "&amp;", "&x", "<![CDATA[", "]]>",
                "<!DOCTYPE a [<!ENTITY b \"c\">]>", "<?xml ", &other,
            ];
            let text: String = parts.iter().map(|part| words[*part]).collect();
            let body = read(&text);
            let texts = [body.code, body.message, body.region];
            prop_assert!(texts.iter().flatten().all(|found| found.len() <= text.len()));
        }
    }
}
