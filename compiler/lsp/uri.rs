//! Addresses of files as the protocol has them, and the paths that they mean.

use std::path::{Path, PathBuf};

use super::protocol::Uri;
use crate::io;

/// The address of a file.
pub fn of_path(path: &Path) -> Uri {
    Uri(io::file_address(path))
}

/// The absolute path of a file's address; `None` for other kinds, other machines, and what is no path.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.0.strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = rest.split(['?', '#']).next()?;
    let path = io::unescape(path)?;
    let is_path = path.starts_with('/') && !path.contains('\0');
    is_path.then(|| crate::check::normal(Path::new(&path)))
}

/// What zosc has that is no file of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// The page about a code, `zosc::check::cycle`.
    Page(String),
    /// A file of the library, as manifests import it: `std:zero-os/base`.
    Library(String),
}

impl Own {
    /// The scheme of its addresses.
    pub const SCHEME: &'static str = "zosc";

    /// What an address means.
    pub fn of(uri: &Uri) -> Option<Self> {
        let path = uri.0.strip_prefix(Self::SCHEME)?.strip_prefix(":")?;
        let path = io::unescape(path)?;
        let path = path.trim_start_matches('/');
        if let Some(page) = path.strip_prefix("errors/") {
            let code = page.strip_suffix(".md")?.splitn(3, '-');
            return Some(Self::Page(code.collect::<Vec<_>>().join("::")));
        }
        let name = path.strip_prefix("std/")?.strip_suffix(".kdl")?;
        Some(Self::Library(format!("std:{name}")))
    }

    /// Its address.
    pub fn uri(&self) -> Uri {
        let scheme = Self::SCHEME;
        Uri(match self {
            Self::Page(code) => format!("{scheme}:/errors/{}.md", code.replace("::", "-")),
            Self::Library(name) => {
                let name = name.strip_prefix("std:").unwrap_or(name);
                format!("{scheme}:/std/{}.kdl", io::escape(name))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_lead_to_one_another() {
        let path = Path::new("/home/j\u{fc}rgen/my image+1/zos.kdl");
        let uri = of_path(path);
        assert_eq!(uri.0, "file:///home/j%C3%BCrgen/my%20image+1/zos.kdl");
        assert_eq!(path_of(&uri).as_deref(), Some(path));
    }

    #[test]
    fn what_clients_write_differently_is_understood() {
        let path = |uri: &str| path_of(&uri.into());
        assert_eq!(path("file:///a/%7Eb/../c.kdl"), Some("/a/c.kdl".into()));
        assert_eq!(path("file://localhost/a"), Some("/a".into()));
        for other in [
            "untitled:Untitled-1",
            "file://elsewhere/a",
            "file:a",
            "",
            "file:///a%FF",
            "file:///a%00",
        ] {
            assert_eq!(path(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_file_has_an_address_too() {
        let page = Own::Page("zosc::check::bad-path".to_owned());
        assert_eq!(page.uri().0, "zosc:/errors/zosc-check-bad-path.md");
        let library = Own::Library("std:zero-os/base".to_owned());
        assert_eq!(library.uri().0, "zosc:/std/zero-os/base.kdl");
        for own in [page, library] {
            assert_eq!(Own::of(&own.uri()), Some(own));
        }
        assert_eq!(Own::of(&"zosc:/elsewhere".into()), None);
        assert_eq!(Own::of(&"file:///a".into()), None);
    }
}
