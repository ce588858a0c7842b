//! Writing under conditions, and which of them a server keeps.
//!
//! A server that knows none writes all the same and says that all is well, so asking is not enough: an object of its own is written, under
//! conditions that do not hold, and removed again.

use object_store::{PutMode, UpdateVersion};

use super::bucket::Bucket;
use super::trouble::Trouble;
use super::{Condition, Facts, Put};
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
    pub(super) fn put(
        &self,
        key: &str,
        bytes: &[u8],
        condition: &Condition,
        facts: &Facts,
    ) -> Result<Put, Diagnostic> {
        let mode = match condition {
            Condition::Always => return self.write(key, bytes, facts).map(|()| Put::Done),
            Condition::Absent if self.conditions()?.absent => PutMode::Create,
            Condition::Matches(version) if self.conditions()?.matches && !version.0.is_empty() => {
                PutMode::Update(UpdateVersion {
                    e_tag: Some(version.0.clone()),
                    version: None,
                })
            }
            Condition::Absent | Condition::Matches(_) => {
                return self.put_unconditionally(key, bytes, condition, facts);
            }
        };
        let before = self.unclear();
        let answer = self.try_put(key, bytes, mode, facts)?;
        // The answer to a request may be lost when it was obeyed, and the next one then meets what it wrote itself.
        let is_clear = self.unclear() == before;
        match answer {
            Ok(()) => Ok(Put::Done),
            Err(_) if !is_clear && self.has(key, bytes)? => Ok(Put::Done),
            // What must have a state and is gone has another one.
            Err(trouble) if trouble.is_condition() || trouble.is_no_object() => Ok(Put::Refused),
            Err(trouble) => Err(self.unwritten(key, &trouble)),
        }
    }

    /// Looks first and writes then, which is all that can be done where a server knows no conditions.
    fn put_unconditionally(
        &self,
        key: &str,
        bytes: &[u8],
        condition: &Condition,
        facts: &Facts,
    ) -> Result<Put, Diagnostic> {
        let there = self.head(key)?;
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => there.is_none(),
            Condition::Matches(version) => there.is_some_and(|there| match there.version {
                Some(now) => now == *version,
                None => version.0.is_empty(),
            }),
        };
        if !holds {
            return Ok(Put::Refused);
        }
        self.write(key, bytes, facts)?;
        Ok(Put::Unconditional)
    }

    /// Whether an object has exactly this content.
    fn has(&self, key: &str, bytes: &[u8]) -> Result<bool, Diagnostic> {
        let Some(answer) = self.opened(key)? else {
            return Ok(false);
        };
        let size = bytes.len() as u64;
        if answer.meta.size != size {
            return Ok(false);
        }
        let mut there = Vec::new();
        self.read_on(key, answer, size, &mut |piece| {
            there.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(there == bytes)
    }

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
