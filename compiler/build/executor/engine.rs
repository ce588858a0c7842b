//! The engines, and in what they differ.

/// A container engine, driven through its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// podman: no daemon; an ordinary user's containers are that user's.
    Podman,
    /// docker: a daemon, root's as a rule.
    Docker,
}

/// docker starts containers from images only: this one is empty, made on the spot, and stays.
pub(super) const EMPTY_IMAGE: &str = "zosc-empty:1";

impl Engine {
    /// Its program, which is also its name.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }

    /// Options that only this engine has or needs.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Podman => &[
                "--security-opt=unmask=ALL",
                "--systemd=false",
                "--http-proxy=false",
                "--no-hosts",
            ],
            Self::Docker => &["--security-opt=systempaths=unconfined"],
        }
    }

    /// Ends and removes a container of this name, whatever it is doing; it may be gone already.
    pub(super) fn removal(self, name: &str) -> Vec<&str> {
        match self {
            Self::Podman => vec!["rm", "--force", "--time=0", "--ignore", name],
            Self::Docker => vec!["rm", "--force", name],
        }
    }
}
