//! What was found, as data.

use schemars::JsonSchema;
use serde::Serialize;

/// What this machine can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// What was found, section by section.
    pub findings: Vec<Finding>,
    /// The one command that installs everything that is missing, where a package has it.
    pub install: Option<String>,
    /// Whether nothing that is needed is missing; without a manifest, whether anything can run foreign code.
    pub ready: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Where it belongs.
    pub section: Section,
    /// What it is called.
    pub name: String,
    /// How it is.
    pub state: State,
    /// The fact.
    pub fact: String,
    /// What to type or do, where something is missing.
    pub remedy: Option<String>,
    /// The packages that would bring it, on this machine's distribution.
    pub packages: Vec<String>,
    /// What of the manifest needs it.
    pub needed_by: Vec<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is there and works.
    Works,
    /// It is missing or does not work.
    Missing,
    /// It does not count here, or was not looked at.
    Aside,
}

/// What findings are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// The embedded sandbox.
    Sandbox,
    /// Container engines.
    Engines,
    /// Compilers of this machine, and what kernels are made with.
    Toolchains,
    /// What fetches sources.
    Sources,
    /// Keys and what signs with them.
    Signing,
    /// Virtual machines, and what images start from.
    Boot,
    /// Editors that know the language.
    Editors,
    /// Where contents and results are kept.
    Store,
    /// A server of remote execution.
    Remote,
    /// Where packages come from.
    Network,
}

impl Section {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Engines => "container engines",
            Self::Toolchains => "toolchains of this machine",
            Self::Sources => "sources",
            Self::Signing => "signing",
            Self::Boot => "trying images out",
            Self::Editors => "editors",
            Self::Store => "store",
            Self::Remote => "remote execution",
            Self::Network => "network",
        }
    }
}

impl Finding {
    /// Something that is there and works.
    pub fn works(section: Section, name: impl Into<String>, fact: impl Into<String>) -> Self {
        Self {
            section,
            name: name.into(),
            state: State::Works,
            fact: fact.into(),
            remedy: None,
            packages: Vec::new(),
            needed_by: Vec::new(),
        }
    }

    /// Something that is missing or does not work.
    pub fn missing(section: Section, name: impl Into<String>, fact: impl Into<String>) -> Self {
        Self {
            state: State::Missing,
            ..Self::works(section, name, fact)
        }
    }

    /// Something that does not count here, or was not looked at.
    pub fn aside(section: Section, name: impl Into<String>, fact: impl Into<String>) -> Self {
        Self {
            state: State::Aside,
            ..Self::works(section, name, fact)
        }
    }

    /// Says what to type or do.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
