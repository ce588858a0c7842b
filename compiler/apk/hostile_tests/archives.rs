//! Archives whose members are not what they should be.

use super::*;

pub(super) fn archives() -> Vec<Attack> {
    let sound = packed(&recipe().file("etc/x", "x"));
    let other = packed(&recipe().file("etc/x", "y"));
    let split = control_length(&sound);
    let tail = |tail: &[u8]| [&sound[..], tail].concat();
    let info = |change: &dyn Fn(&str) -> String| {
        Parts::of(&tar([(plain("x", 1), b"x".as_slice())], true))
            .info(change)
            .pack()
    };
    let mut bomb = Parts::of(&[0; 512]);
    bomb.scripts
        .push((".post-install".to_owned(), vec![0; 40 << 20]));
    let zeros = tar([(plain("x", 80 << 20), vec![0; 80 << 20].as_slice())], true);
    let no_info = packages::gzip(&tar([(plain(".post-install", 1), b"x".as_slice())], false));
    vec![
        ("bytes behind the end", tail(b"x"), "trailing-data"),
        (
            "a member behind the data",
            tail(&packages::gzip(b"more")),
            "trailing-data",
        ),
        (
            "a second package behind the first",
            tail(&other),
            "trailing-data",
        ),
        (
            "another package's data",
            [&sound[..split], &other[control_length(&other)..]].concat(),
            "wrong-content-hash",
        ),
        (
            "a data hash that is none",
            info(&|text| text.replace("datahash = ", "datahash = x")),
            "malformed-archive",
        ),
        (
            "no data hash",
            info(&|text| text.replace("datahash", "hash")),
            "malformed-archive",
        ),
        (
            "nothing behind the control member",
            sound[..split].to_vec(),
            "truncated",
        ),
        (
            "an end in the middle",
            sound[..sound.len() - 9].to_vec(),
            "truncated",
        ),
        (
            "a control member without .PKGINFO",
            [no_info, sound[split..].to_vec()].concat(),
            "malformed-archive",
        ),
        (
            "no gzip at all",
            b"not a package".to_vec(),
            "malformed-archive",
        ),
        ("a bomb in the control member", bomb.pack(), "size-bomb"),
        ("a bomb in the data", Parts::of(&zeros).pack(), "size-bomb"),
        (
            "ten gigabytes declared",
            info(&|text| text.replace("size = 4096", "size = 10737418240")),
            "too-large",
        ),
        (
            "a number that is none",
            info(&|text| text.replace("size = 4096", "size = -1")),
            "malformed-archive",
        ),
        (
            "an escape sequence in a field",
            info(&|text| format!("pkgdesc = \u{1b}[2J\n{text}")),
            "control-character",
        ),
        (
            "a name with a slash",
            info(&|text| text.replace("pkgname = tool", "pkgname = ../tool")),
            "malformed-archive",
        ),
        (
            "another package's name",
            info(&|text| text.replace("pkgname = tool", "pkgname = busybox")),
            "wrong-package",
        ),
    ]
}
