//! Microcode: the archives that processors are given before anything else runs.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::plan::Input;
use crate::tree::{Digest, Node};

/// How an uncompressed newc archive begins; the kernel looks for microcode before it can unpack anything.
const UNCOMPRESSED: &[u8] = b"070701";
/// Where the kernel looks (`Documentation/arch/x86/microcode.rst`).
const PLACES: [&[u8]; 2] = [
    b"kernel/x86/microcode/GenuineIntel.bin",
    b"kernel/x86/microcode/AuthenticAMD.bin",
];

/// The archives below `/boot` of microcode packages, one after another, each padded to four bytes.
pub(super) fn microcode(context: &Context<'_>, packages: &[Input]) -> Result<Digest, Diagnostic> {
    let mut joined = Vec::new();
    for (package, tree) in packages.iter().zip(context.trees(packages)?) {
        let before = joined.len();
        for (path, entry) in tree.iter() {
            let Node::File { digest, .. } = &entry.node else {
                continue;
            };
            let name = path.as_str().strip_prefix("/boot/");
            if name.and_then(|name| name.strip_suffix(".img")).is_some() {
                joined.extend(archive(path.as_str(), context.store.get(digest)?)?);
                joined.resize(joined.len().next_multiple_of(4), 0);
            }
        }
        if joined.len() == before {
            let fact = format!(
                "the package has no archive below `/boot`: {}",
                context.digest(package).short()
            );
            return Err(unusable(&fact));
        }
    }
    context.store.put(&joined)
}

fn archive(path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Diagnostic> {
    if !bytes.starts_with(UNCOMPRESSED) {
        return Err(unusable(&format!("`{path}` is no uncompressed archive")));
    }
    let holds = |name: &[u8]| bytes.windows(name.len()).any(|part| part == name);
    if !PLACES.iter().any(|place| holds(place)) {
        return Err(unusable(&format!("`{path}` holds no microcode for x86")));
    }
    Ok(bytes)
}

fn unusable(fact: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-microcode",
        format!("a microcode package cannot be used: {fact}"),
    )
    .help("name packages such as `intel-ucode` and `amd-ucode`, which have `/boot/NAME.img`")
}
