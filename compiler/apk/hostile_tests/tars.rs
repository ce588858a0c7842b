//! Tar headers and PAX records that lie.

use super::*;

pub(super) fn tars() -> Vec<Attack> {
    let field = |at: usize, text: &'static [u8]| {
        forged(|bytes| bytes[at..at + text.len()].copy_from_slice(text))
    };
    vec![
        (
            "ten gigabytes in a header",
            field(124, b"120000000000"),
            "truncated",
        ),
        (
            "a size beyond all measure",
            forged(|bytes| bytes[124..136].fill(0xff)),
            "malformed-archive",
        ),
        (
            "a size that is no number",
            field(124, b"12x"),
            "malformed-archive",
        ),
        (
            "a sparse entry of GNU tar",
            field(156, b"S"),
            "malformed-archive",
        ),
        (
            "a continuation of another volume",
            field(156, b"M"),
            "malformed-archive",
        ),
        (
            "an entry of an unknown kind",
            field(156, b"Z"),
            "malformed-archive",
        ),
        (
            "a sparse file by PAX records",
            with_records(&record("GNU.sparse.major", "1"), b"text"),
            "malformed-archive",
        ),
        (
            "a PAX path that steps out",
            with_records(&record("path", "../etc/passwd"), b"text"),
            "unsafe-path",
        ),
        (
            "a PAX size that lies upwards",
            with_records(&record("size", "100000"), b"text"),
            "truncated",
        ),
        (
            "a PAX size that lies downwards",
            with_records(&record("size", "1"), &[b'x'; 600]),
            "malformed-archive",
        ),
        (
            "a PAX owner that is no number",
            with_records(&record("uid", "-1"), b"text"),
            "malformed-archive",
        ),
        (
            "a PAX record longer than its header",
            with_records("999 path=x\n", b"text"),
            "malformed-archive",
        ),
        (
            "a PAX record without a value",
            with_records("9 path x\n", b"text"),
            "malformed-archive",
        ),
        (
            "a PAX checksum that lies",
            with_records(&record("APK-TOOLS.checksum.SHA1", &"0".repeat(40)), b"text"),
            "wrong-file-checksum",
        ),
        (
            "a PAX header of two megabytes",
            with_records(&record("comment", &"x".repeat(2 << 20)), b"text"),
            "malformed-archive",
        ),
        (
            "a checksum of a header that is wrong",
            {
                let mut bytes = tar([(plain("file", 4), b"text".as_slice())], true);
                bytes[0] = b'F';
                Parts::of(&bytes).pack()
            },
            "malformed-archive",
        ),
        (
            "entries behind the end of the tar",
            {
                let end = tar([(plain("a", 0), b"".as_slice())], true);
                Parts::of(&[end.clone(), end].concat()).pack()
            },
            "malformed-archive",
        ),
    ]
}
