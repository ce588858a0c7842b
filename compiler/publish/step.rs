//! What is done to one object, as it is told before and afterwards.

use serde::Serialize;

use crate::tree::Digest;

/// What is done to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The place, for people.
    pub place: String,
    /// The object.
    pub key: String,
    /// What is done.
    pub act: Act,
    /// Its bytes, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its digest, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

/// An act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It is there already.
    Keep,
    /// It is sent.
    Send,
    /// It is sent, and takes the place of another content.
    Replace,
    /// It is copied from an object that is there.
    Copy,
    /// It is written anew from what is there: an index, a description.
    Write,
    /// It is removed.
    Remove,
}

impl Act {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Send => "send",
            Self::Replace => "replace",
            Self::Copy => "copy",
            Self::Write => "write",
            Self::Remove => "remove",
        }
    }
}

/// What hears of publishing while it goes on; called from several threads.
pub trait Observer: Sync {
    /// Bytes of an object have arrived.
    fn progress(&self, step: &Step, done: u64);

    /// Something was done.
    fn done(&self, step: &Step);
}
