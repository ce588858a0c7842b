//! Why an address yielded nothing, or not everything.

use super::pace::Patience;

/// Why an address yielded nothing, or not everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answers, the connection breaks, the server is overloaded: may pass.
    Passing(String),
    /// The content ended early: may pass.
    Truncated {
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced.
        announced: u64,
    },
    /// The address has no such content.
    NotFound,
    /// The server refuses for good, with this status.
    Status(u16),
    /// The address is none that can be asked.
    BadAddress(String),
    /// An address of `https://` leads to one without protection.
    Downgraded,
    /// The server sends so little that the content would never be there.
    TooSlow(Patience),
    /// Only the network could answer, and it is not to be used.
    Offline,
    /// The content is larger than it may be.
    TooLarge {
        /// Bytes that are allowed.
        limit: u64,
    },
    /// The address still has the version that is here, and sends nothing.
    Unchanged,
}

impl Failure {
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Passing(_) | Self::Truncated { .. })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passing(what) => formatter.write_str(what),
            Self::Truncated {
                received,
                announced,
            } => {
                write!(formatter, "ended after {received} of {announced} bytes")
            }
            Self::NotFound => formatter.write_str("not found"),
            Self::Status(status) => write!(formatter, "refused with status {status}"),
            Self::BadAddress(why) => write!(formatter, "no usable address: {why}"),
            Self::Downgraded => {
                formatter.write_str("redirected from `https://` to an address without protection")
            }
            Self::TooSlow(Patience { window, least }) => write!(
                formatter,
                "sent less than {least} bytes in {} seconds",
                window.as_secs_f32()
            ),
            Self::Offline => formatter.write_str("not asked: the network is not to be used"),
            Self::TooLarge { limit } => {
                write!(formatter, "larger than the {limit} bytes that are allowed")
            }
            Self::Unchanged => formatter.write_str("unchanged"),
        }
    }
}
