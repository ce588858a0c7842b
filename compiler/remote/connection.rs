//! One server: how it is asked, how long it may take, and what is told of it when it fails.

use std::future::Future;

use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::metadata::{Ascii, BinaryMetadataValue, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;

use super::attempts::{Attempts, is_broken, is_passing};
use super::endpoint;
use super::{Failure, Kind, Secret, Settings};
use crate::diagnostic::Diagnostic;
use crate::io;

/// The header that says who asks.
const WHO: &str = "build.bazel.remote.execution.v2.requestmetadata-bin";

/// How many parcels are under way at a time, each of which is in memory.
const LANES: usize = 16;

/// The most of a server's words that is passed on.
const MOST_WORDS: usize = 2000;

/// A server with everything that goes with each question.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) channel: Channel,
    pub(super) settings: Settings,
    headers: MetadataMap,
    /// So many parcels may be under way, for all who share the connection.
    pub(super) lanes: Semaphore,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server, or what is between us and it, says so.
    Status(Status),
    /// Nothing came in time.
    Silent,
}

impl Trouble {
    /// Whether it may go better a moment later; a server that is silent has had its time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Status(status) => is_passing(status.code()) && !is_untrusted(status),
            Self::Silent => false,
        }
    }
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl Connection {
    pub(super) fn new(settings: &Settings) -> Result<Self, Diagnostic> {
        Ok(Self {
            channel: endpoint::channel(settings)?,
            settings: settings.clone(),
            headers: headers(&settings.headers)?,
            lanes: Semaphore::new(LANES),
        })
    }

    /// A question with what goes along.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.headers.clone();
        request
    }

    pub(super) fn instance(&self) -> String {
        self.settings.instance.clone()
    }

    pub(super) fn attempts(&self) -> Attempts {
        Attempts::of(&self.settings)
    }

    /// Asks, again where that may help, and returns what is answered.
    pub(super) async fn ask<T>(
        &self,
        doing: &str,
        question: impl AsyncFn() -> Result<Response<T>, Status>,
    ) -> Result<T, Failure> {
        let mut attempts = self.attempts();
        loop {
            let trouble = match self.in_time(question()).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(trouble) => trouble,
            };
            if !(trouble.is_passing() && attempts.again().await) {
                return Err(self.failure(doing, &trouble));
            }
        }
    }

    /// Waits for an answer as long as one may take.
    pub(super) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.settings.answer, answer).await {
            Ok(answer) => answer.map_err(Trouble::Status),
            Err(_) => Err(Trouble::Silent),
        }
    }

    /// What is told of a question that has no answer; `doing` is what it was for.
    pub(super) fn failure(&self, doing: &str, trouble: &Trouble) -> Failure {
        match trouble {
            Trouble::Silent => self.silence(doing),
            Trouble::Status(status) if is_untrusted(status) => self.untrusted(status),
            Trouble::Status(status) if is_broken(status) => self.unreachable(doing, status),
            Trouble::Status(status) => self.refusal(doing, status.code(), status.message()),
        }
    }

    /// What is told where the server says no.
    pub(super) fn refusal(&self, doing: &str, code: Code, words: &str) -> Failure {
        let endpoint = &self.settings.endpoint;
        let words = self.clean(words);
        let told = |name: &'static str, what: &str| {
            let problem =
                Diagnostic::error(name, format!("`{endpoint}` {what}, when zosc {doing}"));
            match words.as_str() {
                "" => problem,
                words => problem.note(format!("the server says: {words}")),
            }
        };
        let (kind, problem) = match code {
            Code::Unauthenticated | Code::PermissionDenied => (
                Kind::Final,
                told("zosc::remote::not-permitted", "does not permit it").help(
                    "`--remote-header 'authorization=Bearer (env)TOKEN'` says who you are, `--remote-cert` and `--remote-key` as well",
                ),
            ),
            Code::NotFound => (
                Kind::Lost,
                told("zosc::remote::lost", "does not have what is asked for")
                    .help("run the command again; a server that loses contents soon has too little room"),
            ),
            Code::FailedPrecondition => (
                Kind::Lost,
                told("zosc::remote::refused", "lacks something for it").help(BAD_REQUEST),
            ),
            Code::Unavailable | Code::ResourceExhausted => (
                Kind::Unreachable,
                told("zosc::remote::unreachable", "cannot do it at present").help(AWAY),
            ),
            // That is what a message is called that is longer than zosc takes, too.
            Code::OutOfRange => (
                Kind::Final,
                told("zosc::remote::odd-answer", "gives an answer that makes no sense")
                    .help("nothing of the answer was used; a server or a proxy in between is out of order"),
            ),
            _ => (
                Kind::Final,
                told("zosc::remote::refused", &format!("refuses it ({code:?})")).help(BAD_REQUEST),
            ),
        };
        Failure::new(kind, problem)
    }

    fn silence(&self, doing: &str) -> Failure {
        let Settings {
            endpoint, answer, ..
        } = &self.settings;
        let problem = Diagnostic::error(
            "zosc::remote::no-answer",
            format!("`{endpoint}` did not answer within {} s, when zosc {doing}", answer.as_secs_f64()),
        )
        .help("see whether it is overloaded, and whether the address is that of a server of remote execution");
        Failure::new(Kind::Unreachable, problem)
    }

    fn unreachable(&self, doing: &str, status: &Status) -> Failure {
        let endpoint = &self.settings.endpoint;
        let why = self.clean(&words(status));
        let problem = Diagnostic::error(
            "zosc::remote::unreachable",
            format!("`{endpoint}` cannot be reached, when zosc {doing}"),
        )
        .note(why)
        .help(AWAY);
        Failure::new(Kind::Unreachable, self.perhaps_unwelcome(problem))
    }

    /// A server that wants another certificate says so when its client believes to be in already: often all that is heard is the end.
    fn perhaps_unwelcome(&self, problem: Diagnostic) -> Diagnostic {
        let is_ended = problem.notes.iter().any(|why| {
            let signs = ["closed", "reset by peer", "roken pipe"];
            signs.iter().any(|sign| why.contains(sign))
        });
        if is_ended && self.settings.endpoint.starts_with("grpcs:") {
            return problem.note("a server that wants a certificate of yours, or another one, ends connections in this way: `--remote-cert` and `--remote-key`");
        }
        problem
    }

    fn untrusted(&self, status: &Status) -> Failure {
        let endpoint = &self.settings.endpoint;
        let why = self.clean(&words(status));
        let problem = Diagnostic::error(
            "zosc::remote::untrusted",
            format!("`{endpoint}` and zosc do not trust each other's certificates"),
        )
        .note(why)
        .help("`--remote-ca FILE` names the certificate that vouches for the server, `--remote-cert` and `--remote-key` say who you are");
        // Whoever cannot show who they are is no reason to go on elsewhere without a word.
        Failure::new(Kind::Final, problem)
    }

    /// A server's words, which may hold anything: on one line, not too long, and without what is secret.
    pub(super) fn clean(&self, words: &str) -> String {
        let mut words = words.to_owned();
        for (_, secret) in &self.settings.headers {
            let parts = secret.reveal().split_whitespace();
            for part in parts.filter(|part| part.len() > 3) {
                // The words of a scheme are no secret, but hiding them does no harm.
                words = words.replace(part, "***");
            }
        }
        // Cut last, so that no half of a secret is left at the end.
        let words = words.chars().take(MOST_WORDS);
        let words: String = words
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        words.trim().to_owned()
    }
}

const AWAY: &str =
    "see that the server runs and the address is right: `grpcs://` is for TLS, `grpc://` for none";

const BAD_REQUEST: &str = "`--remote-instance` names the part of the server that is meant";

/// What a status says: of a connection, what is behind it.
fn words(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(behind) => io::error_chain(behind),
        None => status.message().to_owned(),
    }
}

/// Whether one side does not believe the other's certificate, which no attempt will change.
fn is_untrusted(status: &Status) -> bool {
    // Words of the server or of a proxy prove nothing: only those of the connection itself count.
    std::error::Error::source(status).is_some_and(|behind| {
        let told = io::error_chain(behind);
        is_broken(status)
            && ["certificate", "UnknownIssuer", "received fatal alert"]
                .iter()
                .any(|sign| told.contains(sign))
    })
}

/// What goes with every question: the user's headers, and who asks.
fn headers(named: &[(String, Secret)]) -> Result<MetadataMap, Diagnostic> {
    let mut headers = MetadataMap::new();
    for (name, secret) in named {
        let (key, mut value) = header(name, secret).ok_or_else(|| bad_header(name))?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    let who = api::RequestMetadata {
        tool_details: Some(api::ToolDetails {
            tool_name: "zosc".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        }),
        tool_invocation_id: unique(),
        ..Default::default()
    };
    let who = BinaryMetadataValue::from_bytes(&who.encode_to_vec());
    headers.insert_bin(WHO, who);
    Ok(headers)
}

fn header(name: &str, secret: &Secret) -> Option<(MetadataKey<Ascii>, MetadataValue<Ascii>)> {
    let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes()).ok()?;
    let value = MetadataValue::try_from(secret.reveal()).ok()?;
    Some((key, value))
}

fn bad_header(name: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::bad-header",
        format!("the header `{name}` cannot be sent"),
    )
    .help("a name has letters, digits, `-`, `_` and `.`, and does not end in `-bin`; a value is of visible characters, without the line break that files end with")
}

/// A name that nobody else has, in the form that servers expect of one.
pub(super) fn unique() -> String {
    let mut bytes = [0; 16];
    if io::random(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&io::process_number().to_be_bytes());
        bytes[8..].copy_from_slice(&io::unix_milliseconds().to_be_bytes());
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}
