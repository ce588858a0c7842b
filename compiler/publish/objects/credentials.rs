//! Keys to buckets: read at the moment of use, shown to nobody.
//!
//! The manifest's `(env)` variables come first, then AWS's own variables, then AWS's files. Nothing else is tried: no metadata service of a
//! cloud is asked, since a build machine without one would wait for it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::check::AccessKey;
use crate::diagnostic::Diagnostic;
use crate::io::{self, Files as _};
use crate::publish::secret;

use super::aws_files;

/// The largest of AWS's files that is read.
const LARGEST: u64 = 1 << 20;

/// What variables are read for.
const PURPOSE: &str = "a key to the bucket";

/// A key to a bucket, or none.
#[derive(Clone, Default)]
pub struct Credentials(Option<Key>);

/// What a request is signed with.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// The variables and files of a machine, as far as keys are concerned.
pub(super) struct Surroundings<'a> {
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(super) read: &'a dyn Fn(&Path) -> std::io::Result<Vec<u8>>,
}

impl Credentials {
    /// The key that a manifest names, or else AWS's variables, or else AWS's files.
    ///
    /// # Errors
    /// `zosc::publish::missing-variable`, `zosc::publish::no-credentials` and `zosc::publish::bad-profile`.
    pub fn find(named: Option<&AccessKey>) -> Result<Self, Diagnostic> {
        let surroundings = Surroundings {
            variable: &io::environment,
            read: &|path| io::System.read(path, LARGEST),
        };
        Self::find_in(named, &surroundings)
    }

    /// A key: its id, its secret, and the token of a session where it needs one.
    pub fn new(id: String, secret: String, token: Option<String>) -> Self {
        Self(Some(Key { id, secret, token }))
    }

    /// No key: requests are not signed.
    pub fn anonymous() -> Self {
        Self(None)
    }

    pub(super) fn find_in(
        named: Option<&AccessKey>,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, Diagnostic> {
        if let Some(named) = named {
            let id = secret::read(&named.id, surroundings.variable, PURPOSE)?;
            let secret = secret::read(&named.secret, surroundings.variable, PURPOSE)?;
            return Ok(Self::new(id, secret, None));
        }
        let variable = surroundings.variable;
        match (
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
        ) {
            (Some(id), Some(secret)) => Ok(Self::new(id, secret, variable("AWS_SESSION_TOKEN"))),
            (Some(_), None) => Err(secret::missing("AWS_SECRET_ACCESS_KEY", PURPOSE)),
            (None, Some(_)) => Err(secret::missing("AWS_ACCESS_KEY_ID", PURPOSE)),
            (None, None) => aws_files::find(surroundings),
        }
    }

    pub(super) fn get(&self) -> Option<&Key> {
        self.0.as_ref()
    }

    /// A text of somebody else's with everything of the key taken out.
    pub(super) fn hide(&self, text: &str) -> String {
        let Some(key) = &self.0 else {
            return text.to_owned();
        };
        let parts = [&key.secret, &key.id].into_iter().chain(&key.token);
        parts
            .filter(|part| !part.is_empty())
            .fold(text.to_owned(), |text, part| text.replace(part, "…"))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

impl Surroundings<'_> {
    /// A file that a variable names, or else one below the home folder.
    pub(super) fn file(&self, variable: &str, usual: &str) -> Option<PathBuf> {
        let named = (self.variable)(variable).map(PathBuf::from);
        named.or_else(|| Some(Path::new(&(self.variable)("HOME")?).join(usual)))
    }
}

#[cfg(test)]
mod tests;
