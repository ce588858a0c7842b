//! Keys of Secure Boot, and what signs with those on a token. Everything else about signing zosc brings along.

use super::looking::Looking;
use super::needs::Wanted;
use super::programs::{self, answering};
use super::report::{Finding, Section};

pub(super) fn look(looking: &mut Looking<'_>) {
    programs::look(
        looking,
        Section::Signing,
        &answering("openssl", &["version"]),
    );
    let token = Wanted::Named("pkcs11");
    if looking.counts(&token) {
        let finding = pkcs11(looking, looking.need(&token).is_some());
        looking.add(&token, finding);
    }
    for wanted in looking.wanted() {
        let (name, is_there, verb) = match &wanted {
            Wanted::KeyFile(path) => {
                let is_there = looking.machine.is_there(path);
                (path.display().to_string(), is_there, "there")
            }
            Wanted::KeyVariable(name) => (format!("${name}"), looking.machine.is_set(name), "set"),
            _ => continue,
        };
        let finding = if is_there {
            Finding::works(Section::Signing, name, format!("is {verb}"))
        } else {
            Finding::missing(Section::Signing, name, format!("is not {verb}"))
                .remedy("give the private key: `zosc explain build::no-signing-key`")
        };
        looking.add(&wanted, finding);
    }
}

/// The engine by which `openssl` asks a token.
fn pkcs11(looking: &Looking<'_>, is_needed: bool) -> Finding {
    if looking.machine.program("openssl").is_none() {
        let fact = "not looked for: there is no openssl";
        if is_needed {
            // Its package is one more beside that of openssl.
            let missing = Finding::missing(Section::Signing, "pkcs11", fact);
            return looking.installable(missing, "pkcs11");
        }
        return Finding::aside(Section::Signing, "pkcs11", fact);
    }
    let told = looking.machine.ask("openssl", &["engine", "pkcs11"]);
    if told.is_ok_and(|told| told.success) {
        return Finding::works(
            Section::Signing,
            "pkcs11",
            "openssl signs with keys on tokens",
        );
    }
    let finding = Finding::missing(
        Section::Signing,
        "pkcs11",
        "openssl has no engine for tokens",
    );
    looking.installable(finding, "pkcs11")
}
