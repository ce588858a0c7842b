//! Files as addresses: `file:///srv/a%20b` for `/srv/a b`, and back where the name is UTF-8.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};

/// What stands for itself in a path of an address, by RFC 3986.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'+')
    .remove(b'@');

/// The address of a file or a folder of this machine, whose path is absolute.
pub fn file_address(path: &Path) -> String {
    format!(
        "file://{}",
        percent_encode(path.as_os_str().as_bytes(), KEPT)
    )
}

/// The absolute path that a file's address means, or what is wrong with it.
pub fn file_path(address: &str) -> Result<PathBuf, &'static str> {
    let rest = address.strip_prefix("file://");
    let rest = rest.map(|rest| rest.strip_prefix("localhost").unwrap_or(rest));
    let Some(path) = rest.filter(|path| path.starts_with('/')) else {
        return Err("a file's address is absolute: `file:///srv/…`");
    };
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !path.split('%').skip(1).all(is_escape) {
        return Err("`%` is followed by two hexadecimal digits");
    }
    let decoded = unescape(path).ok_or("it does not decode to UTF-8")?;
    Ok(PathBuf::from(decoded))
}

/// A text as it stands in the path of an address.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// What a text in the path of an address means; `None` where that is no UTF-8.
pub fn unescape(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_an_address_that_leads_back_to_it() {
        for (path, address) in [
            ("/srv/a b", "file:///srv/a%20b"),
            ("/srv/100%/a%20b", "file:///srv/100%25/a%2520b"),
            (
                "/srv/j\u{fc}rgen?#,|",
                "file:///srv/j%C3%BCrgen%3F%23%2C%7C",
            ),
            ("/a-b_c.d~e+f@g", "file:///a-b_c.d~e+f@g"),
        ] {
            assert_eq!(file_address(Path::new(path)), address);
            assert_eq!(file_path(address), Ok(PathBuf::from(path)));
        }
    }

    #[test]
    fn what_means_no_file_is_refused() {
        let path = |address| file_path(address).map(|path| path.display().to_string());
        assert_eq!(path("file://localhost/srv"), Ok("/srv".to_owned()));
        for bad in [
            "file://srv/a",
            "file://host/srv",
            "file:///a%2",
            "file:///a%zz",
            "file:///a%ff",
            "https://host/a",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }
}
