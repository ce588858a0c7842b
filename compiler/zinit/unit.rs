//! The unit that both generations of zinit share the sense of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// What a unit runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// A program and its arguments; every character arrives as it is written.
    #[serde(rename = "exec", serialize_with = "as_line")]
    Argv(Vec<String>),
    /// Text for `/bin/sh`.
    Shell(String),
}

/// What kind of life a unit leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A process that keeps running.
    Daemon,
    /// A process that ends; its dependents start after it has ended well.
    Oneshot,
    /// No process: a name for a point in the boot.
    Target,
    /// Not of this image: something brings it while the machine runs.
    External,
}

impl Kind {
    /// The name used in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Oneshot => "oneshot",
            Self::Target => "target",
            Self::External => "external",
        }
    }
}

/// How a daemon is found to be ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A command that ends with 0 once the daemon is ready.
    #[serde(rename = "command")]
    Exec(Command),
    /// An address, `host:port`, that accepts connections once the daemon is ready.
    Tcp(String),
}

/// When an ended daemon is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// After every end.
    #[default]
    Always,
    /// After an end that was not a success.
    OnFailure,
    /// Never.
    Never,
}

/// Where a unit's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Log {
    /// Nowhere.
    None,
    /// Into zinit's memory.
    #[default]
    Ring,
    /// To the console.
    Stdout,
}

/// The name of a Unix signal in full, such as `SIGTERM`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Signal(&'static str);

/// The signals that both generations can parse.
const SIGNALS: &[&str] = &[
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGCONT", "SIGSTOP",
];

impl Signal {
    /// `SIGTERM`, what zinit sends where nothing is said.
    pub const TERMINATE: Self = Self("SIGTERM");

    /// The full name in capitals.
    pub fn name(&self) -> &'static str {
        self.0
    }

    /// Every name that is understood.
    pub fn names() -> &'static [&'static str] {
        SIGNALS
    }
}

impl FromStr for Signal {
    type Err = ();

    /// Reads a name in any case, with or without `SIG`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let upper = text.to_ascii_uppercase();
        let full = if upper.starts_with("SIG") {
            upper
        } else {
            format!("SIG{upper}")
        };
        SIGNALS
            .iter()
            .find(|name| **name == full)
            .map(|name| Self(name))
            .ok_or(())
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unit {
    /// The name, of letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// What kind of life it leads.
    pub kind: Kind,
    /// What it runs; `None` for a target.
    pub command: Option<Command>,
    /// Units that must be up, or have ended well, before this one starts.
    pub requires: Vec<String>,
    /// Units that must have been tried before this one starts, whatever became of them.
    pub after: Vec<String>,
    /// Units that are wanted beside this one and never hold it back.
    pub wants: Vec<String>,
    /// Units that must not run while this one does.
    pub conflicts: Vec<String>,
    /// How a daemon is found to be ready; without it a daemon is ready once it runs.
    #[serde(rename = "test")]
    pub probe: Option<Probe>,
    /// How long a oneshot may take to end, or a probed daemon to become ready.
    #[serde(rename = "within", serialize_with = "as_duration")]
    pub start_timeout: Option<Duration>,
    /// When a daemon is started again.
    pub restart: Restart,
    /// The signal that asks it to stop; `None` is zinit's own `SIGTERM`.
    pub stop_signal: Option<Signal>,
    /// How long it may take to stop before it is killed; `None` is zinit's own ten seconds.
    #[serde(serialize_with = "as_duration")]
    pub stop_timeout: Option<Duration>,
    /// Where its output goes.
    pub log: Log,
    /// Variables added to the environment that zinit itself was started with.
    #[serde(rename = "env")]
    pub environment: BTreeMap<String, String>,
    /// The folder it starts in; `None` is `/`.
    #[serde(rename = "dir")]
    pub directory: Option<String>,
    /// Whether it is part of the image; a unit that is off leaves no file behind.
    pub enabled: bool,
}

impl Unit {
    /// A unit of a kind with nothing else said.
    pub fn new(name: impl Into<String>, kind: Kind, command: Option<Command>) -> Self {
        Self {
            name: name.into(),
            kind,
            command,
            requires: Vec::new(),
            after: Vec::new(),
            wants: Vec::new(),
            conflicts: Vec::new(),
            probe: None,
            start_timeout: None,
            restart: Restart::default(),
            stop_signal: None,
            stop_timeout: None,
            log: Log::default(),
            environment: BTreeMap::new(),
            directory: None,
            enabled: true,
        }
    }

    /// A daemon.
    pub fn daemon(name: impl Into<String>, command: Command) -> Self {
        Self::new(name, Kind::Daemon, Some(command))
    }

    /// A oneshot.
    pub fn oneshot(name: impl Into<String>, command: Command) -> Self {
        Self::new(name, Kind::Oneshot, Some(command))
    }

    /// A unit that is brought from elsewhere.
    pub fn external(name: impl Into<String>) -> Self {
        Self::new(name, Kind::External, None)
    }

    /// A target.
    pub fn target(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Target, None)
    }
}

/// A command as a shell would be given it.
fn as_line<S: Serializer>(argv: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&super::quote_all(argv))
}

/// A time as manifests write it.
#[allow(clippy::ref_option)] // This is how serde hands it over.
fn as_duration<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(time) = time else {
        return serializer.serialize_none();
    };
    match time.as_millis() {
        seconds if seconds % 1000 == 0 => {
            serializer.collect_str(&format_args!("{}s", seconds / 1000))
        }
        milliseconds => serializer.collect_str(&format_args!("{milliseconds}ms")),
    }
}

/// Whether both generations take this as a unit's name: letters, digits, `.`, `_`, `-`, at most 200 of them.
///
/// zinit 0.2 takes more, but the name is a file's name there.
pub fn is_unit_name(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Whether a shell takes this as a variable's name.
pub fn is_environment_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
