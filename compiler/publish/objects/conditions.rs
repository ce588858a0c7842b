//! Which conditions of writing a server keeps.
//!
//! A server that knows none writes all the same and says that all is well, so asking is not enough: an object of its own is written, under
//! conditions that do not hold, and removed again.

use object_store::{PutMode, UpdateVersion};

use super::Facts;
use super::bucket::Bucket;
use super::trouble::Trouble;
use crate::diagnostic::Diagnostic;
use crate::io;

/// What a server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conditions {
    /// `If-None-Match: *`.
    pub(super) absent: bool,
    /// `If-Match`.
    pub(super) matches: bool,
}

impl Bucket<'_> {
    /// What the server keeps, found out once.
    pub(super) fn conditions(&self) -> Result<Conditions, Diagnostic> {
        if let Some(known) = self.conditions.get() {
            return Ok(*known);
        }
        let found = self.try_conditions()?;
        Ok(*self.conditions.get_or_init(|| found))
    }

    fn try_conditions(&self) -> Result<Conditions, Diagnostic> {
        let mut number = [0; 8];
        // Without randomness another one may meet the same name, and both then believe the server less than they could.
        let _ = io::random(&mut number);
        let key = format!(".zosc-{:016x}", u64::from_le_bytes(number));
        let asked = self.ask(&key);
        let removed = self.delete(&[key]);
        let found = asked?;
        removed.map(|()| found)
    }

    fn ask(&self, key: &str) -> Result<Conditions, Diagnostic> {
        let other = UpdateVersion {
            e_tag: Some("\"00000000000000000000000000000000\"".to_owned()),
            version: None,
        };
        self.write(key, b"one", &Facts::bytes())?;
        Ok(Conditions {
            absent: self.is_kept(key, PutMode::Create)?,
            matches: self.is_kept(key, PutMode::Update(other))?,
        })
    }

    /// Whether the server refuses what is written under a condition that does not hold.
    fn is_kept(&self, key: &str, mode: PutMode) -> Result<bool, Diagnostic> {
        match self.try_put(key, b"two", mode, &Facts::bytes())? {
            Ok(()) => Ok(false),
            Err(trouble) if trouble.is_condition() => Ok(true),
            // Servers that know of no conditions refuse them as anything else that they do not know.
            Err(trouble @ Trouble::Refused(_)) if !trouble.may_pass() => Ok(false),
            Err(trouble) => Err(self.unwritten(key, &trouble)),
        }
    }
}
