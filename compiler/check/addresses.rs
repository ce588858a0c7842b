//! Addresses of mirrors, repositories and downloads.

use crate::diagnostic::Diagnostic;
use crate::io::file_path;
use crate::source::Spanned;
use crate::tree::Digest;

use super::Ctx;

/// Files above this size are not read to know their digest: a check is to be quick.
const LARGEST_DIGESTED: u64 = 64 << 20;

/// Names of query parameters that carry secrets.
const SECRET_PARAMETERS: &[&str] = &[
    "access_token",
    "api_key",
    "apikey",
    "password",
    "secret",
    "sig",
    "signature",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
];

impl Ctx<'_> {
    /// Refuses an address that cannot be asked, or that carries credentials; yields it otherwise.
    pub(super) fn address(&mut self, address: &Spanned<String>) -> Option<String> {
        let clean = without_user(address);
        if let Some(fault) = fault(address).filter(|_| clean.is_none()) {
            self.push(
                Diagnostic::error(
                    "zosc::check::bad-address",
                    format!("`{}` is no address: {fault}", address.value),
                )
                .at(address.span)
                .help("write an address such as \"https://host/path\" or \"file:///path\""),
            );
            return None;
        }
        if let Some(clean) = clean {
            self.push(credentials(address, "a user name or password").replace(
                "remove it",
                address.span,
                self.value_at(address.span, &clean),
            ));
            return None;
        }
        if let Some(parameter) = secret_parameter(address) {
            self.push(credentials(address, &format!("a secret (`{parameter}`)")));
            return None;
        }
        Some(address.value.clone())
    }

    /// Says that a download has no digest, and offers the one that is known.
    pub(super) fn unpinned(&mut self, url: &Spanned<String>) {
        let mut problem = Diagnostic::error(
            "zosc::check::unpinned-download",
            format!("nothing says which digest `{}` must have", url.value),
        )
        .at(url.span)
        .help("download it, check it, and add `sha256=\"…\"`: the first word that `sha256sum FILE` prints");
        if let Some((digest, whence)) = self.known_digest(url) {
            let text = format!(" sha256=\"{digest}\"");
            problem = problem
                .help(format!("add `sha256=\"{digest}\"`, {whence}"))
                .replace("add the digest", url.span.behind(), text);
        }
        self.push(problem);
    }

    /// The digest that another place of the manifest gives for an address, or that of a file of this machine.
    fn known_digest(&self, url: &str) -> Option<(Digest, &'static str)> {
        let releases = self.manifest.source.iter();
        let releases = releases.filter_map(|source| source.release.as_ref());
        let pinned = releases.flat_map(|release| {
            let assets = release.asset.iter();
            let assets = assets.map(|asset| (Some(&asset.url), &asset.sha256));
            assets.chain([(release.url.as_ref(), &release.sha256)])
        });
        for (address, sha256) in pinned {
            if address.is_some_and(|address| address.value == url)
                && let Some(sha256) = sha256
            {
                let Ok(digest) = sha256.parse() else { continue };
                return Some((digest, "which the manifest gives elsewhere"));
            }
        }
        let path = file_path(url).ok()?;
        let bytes = self.files.read(&path, LARGEST_DIGESTED).ok()?;
        Some((Digest::of(&bytes), "which the file has now"))
    }
}

/// What a `sha256` that has been found sound pins: a digest, or, by `lock`, what the lock keeps.
// The two kinds of absence differ: no value is no pin at all, and `Some(None)` leaves it to the lock.
#[allow(clippy::option_option)]
pub(super) fn pinned(sha256: &str) -> Option<Option<Digest>> {
    match sha256 {
        "lock" => Some(None),
        digest => digest.parse().ok().map(Some),
    }
}

/// An address that carries credentials.
pub(super) fn credentials(address: &Spanned<String>, what: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::check::credentials-in-url",
        format!("the address carries {what}"),
    )
    .at(address.span)
    .help("a manifest is read by everyone who builds or reviews the image; serve the files without credentials, or from a `file://` address")
}

fn fault(address: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = address.split_once("://") else {
        return Some("it has no `://`");
    };
    if !matches!(scheme, "https" | "http" | "file") {
        return Some("it starts with neither `https://`, `http://` nor `file://`");
    }
    if address
        .chars()
        .any(|character| character.is_whitespace() || character.is_control())
    {
        return Some("it holds white space");
    }
    if scheme == "file" {
        let absolute = rest
            .strip_prefix("localhost")
            .unwrap_or(rest)
            .starts_with('/');
        return (!absolute).then_some("`file://` goes on with an absolute path");
    }
    let host = authority(rest).rsplit('@').next().unwrap_or("");
    (host.is_empty() || host.starts_with(':')).then_some("it names no host")
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

/// The address without what stands before `@` in its host part, where there is such a thing.
fn without_user(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let authority = authority(rest);
    let (_, host) = authority.rsplit_once('@')?;
    Some(format!("{scheme}://{host}{}", rest.get(authority.len()..)?))
}

/// An address as it may be shown to everyone: without users and passwords. `None` for one that means nothing elsewhere, or
/// whose query holds a secret.
pub fn public_address(address: &str) -> Option<String> {
    let address = match address.split_once(':') {
        // `git@HOST:PATH`
        Some((host, path)) if !path.starts_with("//") && host.contains('@') => {
            format!("ssh://{host}/{path}")
        }
        _ => address.to_owned(),
    };
    let is_elsewhere = ["https://", "http://", "ssh://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    if !is_elsewhere
        || address.contains(char::is_whitespace)
        || secret_parameter(&address).is_some()
    {
        return None;
    }
    Some(without_user(&address).unwrap_or(address))
}

fn secret_parameter(address: &str) -> Option<&str> {
    let (_, query) = address.split_once('?')?;
    query
        .split(['&', '#'])
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, value)| {
            !value.is_empty() && SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
        })
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_where_they_hide() {
        assert_eq!(
            without_user("https://me:pw@host:8080/a?b@c"),
            Some("https://host:8080/a?b@c".to_owned())
        );
        assert_eq!(without_user("https://host/a@b"), None);
        assert_eq!(secret_parameter("https://h/x?a=1&Token=2"), Some("Token"));
        assert_eq!(secret_parameter("https://h/x?token="), None);
    }

    #[test]
    fn what_everyone_may_see_has_no_user_and_no_secret() {
        let shown = |address: &str| public_address(address);
        let host = Some("https://host/a".to_owned());
        assert_eq!(shown("https://host/a"), host);
        assert_eq!(shown("https://me:pw@host/a"), host);
        let ssh = Some("ssh://host/me/a.git".to_owned());
        assert_eq!(shown("git@host:me/a.git"), ssh);
        for hidden in [
            "file:///a",
            "https://host/a?token=x",
            "relative/a",
            "https://host/a b",
        ] {
            assert_eq!(shown(hidden), None);
        }
    }

    #[test]
    fn addresses_have_a_host_or_an_absolute_path() {
        for good in [
            "https://h",
            "http://h:1/x",
            "file:///x",
            "file://localhost/x",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "https://",
            "https:///x",
            "https://:80/x",
            "file://x",
            "ftp://h",
            "h/x",
            "https://h/a b",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
