//! Keys of objects: names between single slashes.

use object_store::path::Path;

use crate::diagnostic::Diagnostic;

/// Longest key that S3 takes, in bytes.
const LONGEST: usize = 1024;

/// A key that means the same in a bucket and in a folder.
pub(super) fn key(text: &str) -> Result<&str, Diagnostic> {
    let fault = if text.is_empty() {
        "it is empty"
    } else if text.len() > LONGEST {
        "it is longer than 1024 bytes"
    } else if text.contains(|letter: char| letter.is_control()) {
        "it has a control character in it"
    } else if text.contains('\\') {
        "it has a backslash in it"
    } else if text.split('/').any(|name| ["", ".", ".."].contains(&name)) {
        "its names must not be empty, `.` or `..`"
    } else {
        return Ok(text);
    };
    Err(Diagnostic::error(
        "zosc::publish::bad-key",
        format!(
            "`{}` cannot be the key of an object: {fault}",
            text.escape_default()
        ),
    )
    .help("a key is names between single slashes, such as `kernel/demo.efi`"))
}

/// The same for the client of buckets.
pub(super) fn path(prefix: &str, text: &str) -> Result<Path, Diagnostic> {
    let whole = below(prefix, key(text)?);
    Path::parse(&whole).map_err(|_| {
        Diagnostic::error(
            "zosc::publish::bad-key",
            format!(
                "`{}` cannot be the key of an object",
                whole.escape_default()
            ),
        )
        .help("a key is names between single slashes, such as `kernel/demo.efi`")
    })
}

/// A key, or the beginning of one, below a prefix.
pub(super) fn below(prefix: &str, text: &str) -> String {
    match prefix {
        "" => text.to_owned(),
        prefix => format!("{prefix}/{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_nowhere_else() {
        for good in ["a", "kernel/demo v1.efi", "blobs/ab/cdef", "a..b/.c"] {
            assert_eq!(key(good), Ok(good));
            assert_eq!(
                path("p/q", good).expect("a path").as_ref(),
                format!("p/q/{good}")
            );
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/./b",
            "a\nb",
            "a\\b",
            &"a".repeat(1025),
        ] {
            let code = key(bad).expect_err("no key").code;
            assert_eq!(code, "zosc::publish::bad-key", "{bad}");
        }
    }
}
