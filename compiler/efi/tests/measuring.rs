//! What the stub will leave in PCR 11.

use std::process::Command;

use super::super::signature::tests::sign_program;
use super::*;
use crate::efi;
use crate::tree::Digest;

/// As [`efi::predict_pcr11`], of bytes in memory, which can always be read.
fn predict_pcr11(facts: &UkiFacts, bytes: &[u8]) -> Option<Digest> {
    efi::predict_pcr11(facts, bytes).expect("reads")
}

/// systemd's own calculator must agree. The one of Debian 12 knows only the older sections.
#[test]
fn pcr_11_is_what_systemd_measure_says() {
    let (stub, kernel) = (stub().bytes(), kernel(5_000).bytes());
    let bytes = write_uki(&uki(&stub, &kernel, vec![b"1234"])).expect("writes");
    let mut facts = read_uki(&bytes).expect("reads");
    let older = [".linux", ".osrel", ".cmdline", ".initrd"];
    facts.sections.retain(|section| {
        // What the stub knows stands in its data.
        section.name == ".data" || older.contains(&&*section.name)
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("/usr/lib/systemd/systemd-measure");
    command.args(["calculate", "--bank=sha256", "--phase=:"]);
    for section in &facts.sections {
        let name = section.name.trim_start_matches('.');
        if name == "data" {
            continue;
        }
        let file = folder.path().join(name);
        std::fs::write(&file, facts.content(&bytes, &section.name).expect("there"))
            .expect("written");
        command.arg(format!("--{name}={}", file.display()));
    }
    let Ok(output) = command.output() else {
        eprintln!("skipped: systemd-measure is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let register = predict_pcr11(&facts, &bytes).expect("a stub");
    let expected = format!("11:sha256={register}");
    assert!(text.contains(&expected), "{expected} is not in {text}");
}

#[test]
fn what_a_stub_does_not_know_it_does_not_measure() {
    let kernel = kernel(5_000).bytes();
    let register = |names: &[u8], sbat| {
        let mut made = stub();
        made.sections[1].1 = names.to_vec();
        let stub = made.bytes();
        let parts = Uki {
            sbat,
            ..uki(&stub, &kernel, vec![b"1234"])
        };
        let bytes = write_uki(&parts).expect("writes");
        predict_pcr11(&read_uki(&bytes).expect("reads"), &bytes)
    };
    let older = b".linux\0.cmdline\0.initrd\0.osrel\0";
    let rows = Some("zos,1,Zero-OS,zos,1,url");
    assert_eq!(register(b"nothing", None), None);
    assert_eq!(register(older, None), register(older, rows));
    let newer = [&older[..], b".sbat\0"].concat();
    assert_eq!(register(older, None), register(&newer, None));
    assert_ne!(register(&newer, None), register(&newer, rows));
}

#[test]
fn a_signed_image_measures_as_an_unsigned_one() {
    let certificate = include_bytes!("../../../tests/fixtures/secure-boot/db.crt");
    let key = include_bytes!("../../../tests/fixtures/secure-boot/db.key");
    let certificate = Certificate::parse(certificate).expect("a certificate");
    let key = PrivateKey::parse(key).expect("a key");
    let (stub, kernel) = (stub().bytes(), kernel(5_000).bytes());
    let image = write_uki(&uki(&stub, &kernel, vec![b"1234"])).expect("writes");
    let signed = sign_program(&image, &certificate, &mut |m| Ok(key.sign(m))).expect("signs");
    let register = |bytes: &[u8]| predict_pcr11(&read_uki(bytes).expect("reads"), bytes);
    assert!(register(&image).is_some());
    assert_eq!(register(&image), register(&signed));
    assert!(signatures(&signed)[0].valid && signatures(&image).is_empty());
}
