//! Where a server is, who asks there, and how patient zosc is with it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that has to be known of a server before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `grpc://host:port`, or `grpcs://host:port` with TLS.
    pub endpoint: String,
    /// The instance of the server that is meant; often none.
    pub instance: String,
    /// What goes with every question, such as a token.
    pub headers: Vec<(String, Secret)>,
    /// What workers must have, in words that the server knows.
    pub properties: Vec<(String, String)>,
    /// Certificates.
    pub tls: Tls,
    /// How many commands may be with the server at a time.
    pub slots: usize,
    /// How long a command may wait for a worker.
    pub queue: Duration,
    /// How long an answer may take to begin or to go on.
    pub answer: Duration,
    /// How often a question is asked before its failure is one.
    pub attempts: u32,
    /// The pause before a question is asked for the second time; it doubles from then on.
    pub pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            instance: String::new(),
            headers: Vec::new(),
            properties: Vec::new(),
            tls: Tls::default(),
            slots: 32,
            queue: Duration::from_mins(10),
            answer: Duration::from_mins(1),
            attempts: 6,
            pause: Duration::from_millis(200),
        }
    }
}

/// Files with certificates, in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Those that vouch for the server, in place of the usual ones.
    pub ca: Option<PathBuf>,
    /// The one that says who we are.
    pub certificate: Option<PathBuf>,
    /// The key that belongs to it.
    pub key: Option<PathBuf>,
}

/// A text that is sent and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the server alone.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
