//! How a package relates to others, and what may stand in which list.

use crate::apk::dependency::{Constraint, Dependency};

/// In which list a relation to other packages stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// It asks for others.
    Dependency,
    /// It offers a name.
    Provision,
}

impl Relation {
    pub(super) fn fault(self, dependency: &Dependency<'_>) -> Option<&'static str> {
        let exact = match dependency.constraint {
            Constraint::Any => true,
            Constraint::Version(comparison, _) => comparison.to_string() == "=",
            Constraint::Identity(_) => false,
        };
        match self {
            _ if dependency.tag.is_some() => Some("tags belong into manifests"),
            _ if matches!(dependency.constraint, Constraint::Identity(_)) => {
                Some("`><` belongs into apk's own database")
            }
            Self::Provision if dependency.conflict => {
                Some("a package does not offer what it refuses")
            }
            Self::Provision if !exact => Some("what is offered has one version"),
            _ => None,
        }
    }

    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Dependency => "write a name, or a name with a version such as \"openssl>=3\"",
            Self::Provision => {
                "write a name, or a name with its version such as \"cmd:agent=1.4.0-r0\""
            }
        }
    }
}
