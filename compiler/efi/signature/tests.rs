use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/secure-boot")
        .join(name)
}

fn certificate(name: &str) -> Certificate {
    let bytes = std::fs::read(fixture(&format!("{name}.crt"))).expect("there");
    Certificate::parse(&bytes).expect("a certificate")
}

fn key(name: &str) -> PrivateKey {
    let bytes = std::fs::read(fixture(&format!("{name}.key"))).expect("there");
    PrivateKey::parse(&bytes).expect("a key")
}

/// As [`super::sign_program`], into memory.
pub(in crate::efi) fn sign_program(
    program: &[u8],
    certificate: &Certificate,
    signer: &mut Signer<'_>,
) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    super::sign_program(program, certificate, signer, &mut bytes)?;
    Ok(bytes)
}

fn signed(program: &[u8], name: &str) -> Vec<u8> {
    let key = key(name);
    sign_program(program, &certificate(name), &mut |message| {
        Ok(key.sign(message))
    })
    .expect("signs")
}

/// systemd's stub by itself is an EFI program as well; with some bytes more, it has to be padded.
fn program() -> Option<Vec<u8>> {
    let stub = std::fs::read(STUB).ok();
    if stub.is_none() {
        eprintln!("skipped: systemd-boot-efi is not installed");
    }
    stub.map(|mut stub| {
        stub.extend_from_slice(b"odd");
        stub
    })
}

/// What an independent program says of a file and a certificate.
fn sbverify(program: &[u8], certificate: &str) -> Option<bool> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("program.efi");
    std::fs::write(&file, program).expect("written");
    let certificate = fixture(&format!("{certificate}.crt"));
    let output = Command::new("sbverify")
        .arg("--cert")
        .args([&certificate, &file])
        .output();
    if output.is_err() {
        eprintln!("skipped: sbverify is not installed");
    }
    output.ok().map(|output| output.status.success())
}

#[test]
fn sbverify_believes_what_is_signed_and_nothing_else() {
    let Some(program) = program() else { return };
    let signed = signed(&program, "db");
    let Some(believed) = sbverify(&signed, "db") else {
        return;
    };
    assert!(believed);
    assert_eq!(sbverify(&signed, "other"), Some(false));
    assert_eq!(sbverify(&program, "db"), Some(false));
    let mut changed = signed.clone();
    changed[0x5000] ^= 1;
    assert_eq!(sbverify(&changed, "db"), Some(false));
}

#[test]
fn what_others_sign_is_read_and_comes_to_the_same_digest() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (from, to) = (folder.path().join("a.efi"), folder.path().join("b.efi"));
    std::fs::write(&from, &program).expect("written");
    let ended = Command::new("sbsign")
        .arg("--key")
        .arg(fixture("db.key"))
        .arg("--cert")
        .arg(fixture("db.crt"))
        .arg("--output")
        .args([&to, &from])
        .output();
    if ended.is_err() {
        eprintln!("skipped: sbsign is not installed");
        return;
    }
    let theirs = signatures(&std::fs::read(&to).expect("signed"));
    let ours = signatures(&signed(&program, "db"));
    assert_eq!(theirs, ours);
    assert!(ours[0].valid && ours[0].digest_matches);
    assert_eq!(ours[0].subject.as_deref(), Some("CN=zosc test db"));
}

#[test]
fn a_signature_is_the_same_every_time_and_a_second_one_stands_beside_it() {
    let Some(program) = program() else { return };
    let once = signed(&program, "db");
    assert_eq!(once, signed(&program, "db"));
    let twice = signed(&once, "other");
    let who: Vec<_> = signatures(&twice)
        .into_iter()
        .map(|facts| {
            (
                facts.subject.unwrap_or_default(),
                facts.valid && facts.digest_matches,
            )
        })
        .collect();
    let expected = ["CN=zosc test db", "CN=zosc test other"].map(|name| (name.to_owned(), true));
    assert_eq!(who, expected);
    for name in ["db", "other"] {
        assert_ne!(sbverify(&twice, name), Some(false), "{name}");
    }
}

#[test]
fn a_change_shows() {
    let Some(program) = program() else { return };
    let mut changed = signed(&program, "db");
    changed[0x5000] ^= 1;
    let facts = signatures(&changed);
    assert!(!facts[0].digest_matches && facts[0].valid);
    let mut forged = signed(&program, "db");
    // The last bytes of the message are those of the signature, but for the padding.
    let end = forged.len();
    forged[end - 12] ^= 1;
    let facts = signatures(&forged);
    assert!(facts[0].digest_matches && !facts[0].valid);
    let mut cut = signed(&program, "db");
    cut.truncate(end - 700);
    let facts = signatures(&cut);
    assert!(facts.iter().all(|facts| !facts.valid));
}

#[test]
fn keys_and_certificates_that_do_not_fit_are_refused() {
    let Some(program) = program() else { return };
    let other = key("other");
    let problem = sign_program(&program, &certificate("db"), &mut |message| {
        Ok(other.sign(message))
    });
    assert_eq!(
        problem.expect_err("refused").code,
        "zosc::efi::key-mismatch"
    );
    let problem = sign_program(b"#!/bin/sh\n", &certificate("db"), &mut |_| Ok(Vec::new()));
    assert_eq!(problem.expect_err("refused").code, "zosc::efi::cannot-sign");
    let fault = |bytes: &[u8]| PrivateKey::parse(bytes).err().unwrap_or_default();
    let encrypted =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        fault(encrypted),
        "it is encrypted; zosc asks for no passwords"
    );
    let certificate = std::fs::read(fixture("db.crt")).expect("there");
    assert_eq!(fault(&certificate), "it is no private key");
    assert_eq!(fault(b"hunter2"), "it is neither PEM nor DER");
    let key = std::fs::read(fixture("db.key")).expect("there");
    let fault = |bytes: &[u8]| Certificate::parse(bytes).err().unwrap_or_default();
    assert_eq!(fault(&key), "it holds a private key");
    assert_eq!(fault(b"hunter2"), "it is neither PEM nor DER");
    assert!(fault(&certificate[..900]).contains("cut off"));
}

#[test]
fn a_damaged_key_is_refused_before_it_signs() {
    let pem = std::fs::read(fixture("db.key")).expect("there");
    let (_, sound) = der::pem::decode_vec(&pem).expect("PEM");
    assert!(PrivateKey::parse(&sound).is_ok());
    // The numbers that make signing quick stand at the end.
    for at in (sound.len() - 400..sound.len()).step_by(23) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        if let Ok(key) = PrivateKey::parse(&damaged) {
            key.sign(b"message");
        }
    }
}

#[test]
fn a_program_with_an_odd_table_of_signatures_is_not_signed() {
    let key = key("db");
    let sign = |program: &[u8]| {
        let signed = sign_program(program, &certificate("db"), &mut |m| Ok(key.sign(m)));
        signed.map_err(|problem| problem.message)
    };
    let program = crate::efi::tests::stub_bytes();
    let end = program.len() as u32;
    let directory = crate::efi::tests::SECURITY;
    let with = |start: u32, size: u32, entry: &[u8]| {
        let mut program = program.clone();
        program[directory..directory + 4].copy_from_slice(&start.to_le_bytes());
        program[directory + 4..directory + 8].copy_from_slice(&size.to_le_bytes());
        program.extend(entry);
        program
    };
    let entry = [16, 0, 0, 0, 0, 2, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    assert!(sign(&with(end, 16, &entry)).is_ok());
    let mut long = entry;
    long[0] = 24;
    for (start, size, entry) in [
        (end, 16, &long[..]),
        (end, 16, &[0; 16]),
        (end + 8, 16, &entry),
        (end - 4, 20, &entry),
        (0, end + 16, &entry),
        (end + 4096, 16, &entry),
        (end, 8, &entry),
    ] {
        let why = sign(&with(start, size, entry)).expect_err("refused");
        assert!(why.contains("its table of signatures"), "{why}");
    }
    let mut signed = sign(&program).expect("signs");
    for count in 2..=64 {
        signed = sign(&signed).expect("signs");
        assert_eq!(signatures(&signed).len(), count);
    }
    assert!(sign(&signed).is_err(), "nobody would find one more");
}

/// Sizes and forms that `openssl` writes, and kinds that firmware does not take.
#[test]
fn keys_of_every_size_and_form_sign() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let openssl = |arguments: &[&str]| {
        let ended = Command::new("openssl")
            .args(arguments)
            .current_dir(folder.path())
            .output();
        ended.is_ok_and(|ended| ended.status.success())
    };
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("written");
    let make = |kind: &str| {
        let new = [
            "req", "-new", "-x509", "-nodes", "-subj", "/CN=x", "-keyout", "k", "-out", "c",
        ];
        openssl(&[&new[..], &["-newkey", kind]].concat())
    };
    if !make("rsa:3072") {
        eprintln!("skipped: openssl is not installed");
        return;
    }
    for size in ["rsa:3072", "rsa:4096"] {
        assert!(make(size));
        assert!(openssl(&[
            "rsa",
            "-in",
            "k",
            "-traditional",
            "-out",
            "traditional"
        ]));
        assert!(openssl(&[
            "rsa", "-in", "k", "-outform", "DER", "-out", "der"
        ]));
        assert!(openssl(&["x509", "-in", "c", "-text", "-out", "c.text"]));
        assert!(openssl(&[
            "x509", "-in", "c", "-outform", "DER", "-out", "c.der"
        ]));
        let mut made = Vec::new();
        for (key, certificate) in [("k", "c"), ("traditional", "c.text"), ("der", "c.der")] {
            let key = PrivateKey::parse(&read(key)).expect(key);
            let certificate = Certificate::parse(&read(certificate)).expect(certificate);
            let signed = sign_program(&program, &certificate, &mut |m| Ok(key.sign(m)));
            made.push(signed.expect("signs"));
        }
        assert!(made.windows(2).all(|pair| pair[0] == pair[1]), "{size}");
        assert!(signatures(&made[0])[0].valid, "{size}");
    }
    assert!(make("rsa:1024"));
    let faults = || {
        let key = PrivateKey::parse(&read("k")).err().unwrap_or_default();
        let certificate = Certificate::parse(&read("c")).err().unwrap_or_default();
        (key, certificate)
    };
    let few = (
        "it has not 2048, 3072 or 4096 bits",
        "its key has 1024 bits, not 2048, 3072 or 4096",
    );
    assert_eq!(faults(), (few.0.to_owned(), few.1.to_owned()));
    let new = [
        "req", "-new", "-x509", "-nodes", "-subj", "/CN=x", "-keyout", "k", "-out", "c",
    ];
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    assert!(openssl(&[&new[..], &curve].concat()));
    let (key, certificate) = faults();
    assert!(
        key.starts_with("it is no RSA key") && certificate.starts_with("its key is no RSA key")
    );
}
