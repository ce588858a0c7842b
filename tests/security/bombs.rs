//! Images that are small on disk and want to be large, or claim to be: each is told with little time and memory.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The head of an entry of an archive: a name of this length, a content of this size.
fn entry(name: &str, named: u32, size: u32) -> Vec<u8> {
    let zero = "00000000";
    let head = format!(
        "070701{zero}000081a4{zero}{zero}00000001{zero}{size:08x}{zero}{zero}{zero}{zero}{named:08x}{zero}"
    );
    let mut bytes = head.into_bytes();
    bytes.extend(name.bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Zeros behind the head of an entry, packed.
fn packed(folder: &Path, name: &str, program: &[&str], mebibytes: usize) -> Option<PathBuf> {
    let path = folder.join(name);
    let mut child = Command::new(program[0])
        .args(&program[1..])
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(&path).unwrap())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take().unwrap();
    input.write_all(&entry("big", 4, 0xffff_fff0)).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..mebibytes {
        input.write_all(&zeros).unwrap();
    }
    drop(input);
    child.wait().unwrap().success().then_some(path)
}

/// A program of EFI whose sections claim to lie and to be anywhere.
fn program(sections: u16, claimed: bool) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    bytes[0x84..0x86].copy_from_slice(&0x8664_u16.to_le_bytes());
    bytes[0x86..0x88].copy_from_slice(&sections.to_le_bytes());
    bytes[0x94..0x96].copy_from_slice(&240_u16.to_le_bytes());
    bytes[0x98..0x9a].copy_from_slice(&0x20b_u16.to_le_bytes());
    for (index, name) in [".linux", ".initrd", ".cmdline"].iter().enumerate() {
        let at = 0x98 + 240 + 40 * index;
        bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
        if claimed {
            for field in [8, 16, 20] {
                bytes[at + field..at + field + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
            }
        }
    }
    bytes
}

/// Runs zosc with at most so much memory, and expects an end within the time: a listing, or a failure that is explained.
fn is_told(folder: &Path, image: &Path) {
    let script = "ulimit -v 2500000; exec \"$@\"";
    let start = Instant::now();
    let output = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_zosc")])
        .args(["inspect", "--message-format=json", "--store"])
        .arg(folder.join("store"))
        .arg(image)
        .output()
        .unwrap();
    let name = image.display();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code().is_some_and(|code| code <= 1),
        "{name}: {said}{errors}"
    );
    assert!(start.elapsed() < Duration::from_mins(1), "{name}");
    if output.status.success() {
        return;
    }
    let first = said.lines().next().unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_str(first).unwrap();
    assert!(problem["help"].is_string(), "{name}: {said}");
}

#[test]
fn images_that_claim_to_be_huge_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let name = b"x\0".len() as u32;
    for (file, bytes) in [
        ("size.cpio", entry("x", name, u32::MAX)),
        ("name.cpio", entry("x", u32::MAX, 0)),
        ("none.cpio", entry("x", 0, 0)),
        ("sections.efi", program(u16::MAX, false)),
        ("places.efi", program(3, true)),
    ] {
        let image = folder.path().join(file);
        std::fs::write(&image, bytes).unwrap();
        is_told(folder.path(), &image);
    }
}

#[test]
fn images_that_unpack_to_other_than_they_say_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (file, program, mebibytes) in [
        ("gzip.cpio", &["gzip", "-1"][..], 300),
        ("xz.cpio", &["xz", "-0"], 300),
        ("zstd.cpio", &["zstd", "-1", "-q"], 300),
        // A window of 2 GiB.
        (
            "window.cpio",
            &["zstd", "-q", "--ultra", "--long=31", "-1"],
            20,
        ),
        // A dictionary of 1.5 GiB.
        (
            "dictionary.cpio",
            &["xz", "--lzma2=preset=0,dict=1536MiB"],
            1,
        ),
    ] {
        match packed(folder.path(), file, program, mebibytes) {
            Some(image) => is_told(folder.path(), &image),
            None => println!("skipped: {} makes no such file here", program[0]),
        }
    }
}
