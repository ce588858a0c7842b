//! Container engines of the machine: their programs, and what they say of themselves.

use super::environment;

/// What docker says where its daemon does not let this user in.
pub const NOT_PERMITTED: [&str; 2] = [
    "permission denied while trying to connect",
    "connect: permission denied",
];
/// What docker says where no daemon answers.
pub const NOT_RUNNING: [&str; 3] = [
    "Cannot connect to the Docker daemon",
    "error during connect",
    "Is the docker daemon running",
];

/// A container engine, driven through its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// podman: no daemon; an ordinary user's containers are that user's.
    Podman,
    /// docker: a daemon, root's as a rule.
    Docker,
}

impl Engine {
    /// The one that `$ZOSC_EXECUTOR` names, where it names one.
    pub fn of_environment() -> Option<Self> {
        match environment("ZOSC_EXECUTOR")?.as_str() {
            "podman" => Some(Self::Podman),
            "docker" => Some(Self::Docker),
            _ => None,
        }
    }

    /// Its program, which is also its name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }

    /// Ends and removes a container of this name, whatever it is doing; it may be gone already.
    pub fn removal(self, name: &str) -> Vec<&str> {
        match self {
            Self::Podman => vec!["rm", "--force", "--time=0", "--ignore", name],
            Self::Docker => vec!["rm", "--force", name],
        }
    }
}
