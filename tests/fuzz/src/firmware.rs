//! Promises of `efi` about kernels, unified kernel images and what vouches for them.

use std::sync::OnceLock;

use zosc::efi::{
    Certificate, PrivateKey, SignatureFacts, Uki, kernel_facts, predict_pcr11, read_uki,
    sign_program, signatures, write_uki,
};

use super::can_be_shown;

// Programs to begin with, as the module's own tests make them.
#[path = "../../../compiler/efi/tests/made.rs"]
#[allow(dead_code)]
mod made;

const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/secure-boot/db.crt");
const KEY: &[u8] = include_bytes!("../../fixtures/secure-boot/db.key");

fn vouching() -> &'static (Certificate, PrivateKey) {
    static VOUCHING: OnceLock<(Certificate, PrivateKey)> = OnceLock::new();
    VOUCHING.get_or_init(|| {
        let certificate = Certificate::parse(CERTIFICATE).expect("a certificate");
        (certificate, PrivateKey::parse(KEY).expect("a key"))
    })
}

/// Reads an EFI program or a kernel. Sections lie in the file; as the kernel of an image it comes out of the image again; what
/// can be signed is then vouched for, and by nobody once a byte of it has changed.
pub fn efi_program(bytes: &[u8]) {
    match kernel_facts(bytes) {
        Ok(facts) => {
            let texts = [&facts.version, &facts.release];
            let mut texts = texts.into_iter().flatten();
            assert!(texts.all(|text| !text.contains(char::is_control)));
            as_a_kernel(bytes);
        }
        Err(problem) => can_be_shown(&problem),
    }
    let facts = match read_uki(bytes) {
        Ok(facts) => facts,
        Err(problem) => return can_be_shown(&problem),
    };
    for section in &facts.sections {
        assert!(section.offset + section.size <= bytes.len() as u64);
        assert!(facts.content(bytes, &section.name).is_some());
    }
    predict_pcr11(&facts, bytes).expect("bytes in memory can be read");
    assert!(facts.signed || signatures(bytes).is_empty());
    sign(bytes);
}

fn as_a_kernel(kernel: &[u8]) {
    let stub = made::stub().bytes();
    let parts = Uki {
        stub: &stub,
        kernel,
        command_line: Some("quiet"),
        ..Uki::default()
    };
    let mut image = Vec::new();
    if let Err(problem) = write_uki(&parts, &mut image) {
        return can_be_shown(&problem);
    }
    let facts = read_uki(&image).expect("what was written can be read");
    let found = facts.content(&image, ".linux");
    assert!(found.is_some_and(|found| found.starts_with(kernel)));
    assert_eq!(facts.content(&image, ".cmdline"), Some(&b"quiet"[..]));
}

fn sign(program: &[u8]) {
    let (certificate, key) = vouching();
    let mut signed = Vec::new();
    let written = sign_program(
        program,
        certificate,
        &mut |message| Ok(key.sign(message)),
        &mut signed,
    );
    if let Err(problem) = written {
        return can_be_shown(&problem);
    }
    let facts = signatures(&signed);
    let vouches = |facts: &SignatureFacts| facts.valid && facts.digest_matches;
    assert!(facts.iter().any(vouches), "{facts:?}");
    // What a signature leaves out stands further behind.
    signed[2] ^= 1;
    assert!(!signatures(&signed).iter().any(vouches));
}

/// Reads a certificate and a key: what is accepted is written so that it reads back the same.
pub fn certificate(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::parse(bytes) {
        assert!(!certificate.subject().contains(char::is_control));
        let again = Certificate::parse(certificate.pem().as_bytes());
        assert_eq!(
            again.expect("what was written can be read").der(),
            certificate.der()
        );
    }
    if let Ok(key) = PrivateKey::parse(bytes) {
        assert!(!key.sign(b"message").is_empty());
    }
}
