//! Signs an EFI program for Secure Boot, with a private key that is read for this alone.
//!
//! The key is in a file, in a variable, or on a token that signs by itself; it reaches no log, no message and no result.

use std::io;
use std::path::Path;

use super::Context;
use crate::build::cancelled;
use crate::diagnostic::Diagnostic;
use crate::efi::{self, Certificate, PrivateKey, Signer};
use crate::io::{Files as _, System, environment, run_with_input};
use crate::plan::{Input, SigningKey};
use crate::tools::installing;
use crate::tree::Digest;

/// The largest private key that is read, in bytes.
const LARGEST_KEY: u64 = 64 << 10;

/// Signs a program.
pub(super) fn sign(
    context: &Context<'_>,
    program: &Input,
    certificate: &str,
    place: &SigningKey,
) -> Result<Digest, Diagnostic> {
    let program = context.store.reader(&context.digest(program))?;
    let certificate = Certificate::parse(certificate.as_bytes())
        .map_err(|fault| unusable("the certificate", &fault))?;
    let mut signed = context.store.writer()?;
    let mut sign =
        |signer: &mut Signer<'_>| efi::sign_program(&program, &certificate, signer, &mut signed);
    match place {
        SigningKey::Token(address) => sign(&mut |message| by_token(context, address, message))?,
        here => {
            let key = private_key(here)?;
            sign(&mut |message| Ok(key.sign(message)))?;
        }
    }
    signed.finish().map(|(digest, _)| digest)
}

/// A private key that a file or a variable holds.
///
/// # Errors
/// It is not there, no key, or on a token, which hands none out.
pub fn private_key(place: &SigningKey) -> Result<PrivateKey, Diagnostic> {
    match place {
        SigningKey::Environment(name) => {
            let text = environment(name).ok_or_else(|| missing_variable(name))?;
            read(&format!("`{name}`"), text.as_bytes())
        }
        SigningKey::File(path) => {
            let bytes = System.read(path, LARGEST_KEY);
            let bytes = bytes.map_err(|error| missing_file(path, &error))?;
            read(&format!("`{}`", path.display()), &bytes)
        }
        SigningKey::Token(address) => {
            let fact = format!("the key `{address}` stays on its token");
            Err(no_key(fact).help("name a file, or a variable that holds the key"))
        }
    }
}

fn read(name: &str, bytes: &[u8]) -> Result<PrivateKey, Diagnostic> {
    PrivateKey::parse(bytes)
        .map_err(|fault| unusable(&format!("the private key in {name}"), &fault))
}

fn unusable(what: &str, fault: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::bad-signing-key",
        format!("{what} cannot be used: {fault}"),
    )
    .help("Secure Boot takes an RSA key of 2048, 3072 or 4096 bits; `openssl pkey -in KEY -out db.key` writes it without a password")
}

fn no_key(fact: String) -> Diagnostic {
    Diagnostic::error("zosc::build::no-signing-key", fact)
}

fn missing_variable(name: &str) -> Diagnostic {
    no_key(format!(
        "the variable `{name}`, which holds the key to sign with, is not set"
    ))
    .help(format!(
        "give the key, not its path: `{name}=\"$(cat db.key)\" zosc build`; what was built is kept"
    ))
}

fn missing_file(path: &Path, error: &io::Error) -> Diagnostic {
    no_key(format!(
        "the key to sign with, `{}`, cannot be read: {error}",
        path.display()
    ))
    .help("put the key there, or read it from a variable: `sign key=(env)SB_KEY …`; what was built is kept")
}

/// The signature of a key that never leaves its token: `openssl` asks it through the engine of libp11.
///
/// The token makes the bare signature and nothing around it, so what is signed is the same as with a key in a file.
fn by_token(context: &Context<'_>, address: &str, message: &[u8]) -> Result<Vec<u8>, Diagnostic> {
    let arguments = [
        "dgst", "-sha256", "-engine", "pkcs11", "-keyform", "engine", "-sign", address,
    ];
    let finished = run_with_input("openssl", &arguments, message, context.options.cancel);
    let refused = |why: &str| no_key(format!("the token of `{address}` signs nothing: {why}"));
    match finished {
        Ok(finished) if finished.success && !finished.output.is_empty() => Ok(finished.output),
        Ok(finished) => {
            let said = finished
                .errors
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty());
            let refusal = refused("`openssl` could not use it").help(format!(
                "install libp11's engine, {}, and the token's module; `pkcs11-tool --list-objects` and `pin-source=FILE` in the address help to find and open the key",
                installing("pkcs11")
            ));
            Err(said.take(6).fold(refusal, |refusal, line| {
                refusal.note(format!("openssl: {line}"))
            }))
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(cancelled()),
        Err(error) => Err(
            refused(&format!("`openssl` cannot be started: {error}")).help(format!(
                "install it: {}; and libp11's engine: {}",
                installing("openssl"),
                installing("pkcs11")
            )),
        ),
    }
}
