//! How one logs in to a registry: as the manifest says, else as docker and podman have it in their file, else not at all.
//!
//! A secret is read here, at the moment of its use, and is in no message.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use oci_client::secrets::RegistryAuth;
use serde_json::Value;

use super::secret;
use crate::check::AccessKey;
use crate::diagnostic::Diagnostic;
use crate::io::{self, Files as _};

/// The largest file with logins that is read.
const LARGEST: u64 = 1 << 20;

/// How docker calls its own registry in that file.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The login for a registry.
pub(super) fn find(host: &str, named: Option<&AccessKey>) -> Result<RegistryAuth, Diagnostic> {
    if let Some(named) = named {
        let read = |named| secret::read(named, &io::environment, "the login of the registry");
        return Ok(RegistryAuth::Basic(read(&named.id)?, read(&named.secret)?));
    }
    for file in files() {
        let text = match io::System.read(&file, LARGEST) {
            Ok(text) => text,
            Err(error) if is_nowhere(&error) => continue,
            Err(error) => return Err(unusable(&file, &error.to_string())),
        };
        if let Some(login) = in_file(&text, host, &file)? {
            return Ok(login);
        }
    }
    Ok(RegistryAuth::Anonymous)
}

/// Where docker and podman keep logins.
fn files() -> Vec<PathBuf> {
    let home = io::environment("HOME").map(PathBuf::from);
    let docker = io::environment("DOCKER_CONFIG").map(PathBuf::from);
    let docker = docker.or_else(|| home.map(|home| home.join(".docker")));
    let podman = io::environment("XDG_RUNTIME_DIR").map(PathBuf::from);
    let files = [
        io::environment("REGISTRY_AUTH_FILE").map(PathBuf::from),
        docker.map(|folder| folder.join("config.json")),
        podman.map(|folder| folder.join("containers/auth.json")),
    ];
    files.into_iter().flatten().collect()
}

/// The login that a file has for a registry.
fn in_file(text: &[u8], host: &str, file: &Path) -> Result<Option<RegistryAuth>, Diagnostic> {
    let logins: Value = match serde_json::from_slice(text) {
        Ok(read) => read,
        Err(error) => {
            let line = error.line();
            return Err(unusable(file, &format!("it is no JSON, line {line}")));
        }
    };
    let key = match host {
        "docker.io" | "index.docker.io" => DOCKER_HUB,
        host => host,
    };
    let entry = logins["auths"][key]["auth"].as_str();
    if let Some(login) = entry.and_then(decoded) {
        return Ok(Some(login));
    }
    let helper = logins["credHelpers"][key].as_str();
    let has_helper =
        helper.is_some() || logins["auths"].get(key).is_some() && logins["credsStore"].is_string();
    if !has_helper {
        return Ok(None);
    }
    let fact =
        format!("the login for `{host}` is kept by another program, which zosc does not ask");
    Err(Diagnostic::error("zosc::publish::no-login", fact)
        .help("name the login in the manifest: `key-id (env)NAME` and `secret (env)NAME`"))
}

fn is_nowhere(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unusable(file: &Path, why: &str) -> Diagnostic {
    let fact = format!("`{}` cannot be read: {why}", file.display());
    Diagnostic::error("zosc::publish::no-login", fact).help(
        "log in anew, or name the login in the manifest: `key-id (env)NAME` and `secret (env)NAME`",
    )
}

/// `name:password` in base64.
fn decoded(entry: &str) -> Option<RegistryAuth> {
    let text = String::from_utf8(BASE64.decode(entry.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some(RegistryAuth::Basic(name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_file_has_a_login_or_none(parts in prop::collection::vec(0_usize..12, 0..20), other in ".{0,8}") {
            let words = ["{", "}", "[", ":", ",", "\"auths\"", "\"ghcr.io\"", "\"auth\"", "\"bWU6eA==\"", "\"credsStore\"", "1", &other];
            let text: String = parts.iter().map(|part| words[*part]).collect();
            if let Err(problem) = found(&text, "ghcr.io") {
                prop_assert!(!problem.message.contains(char::is_control));
            }
        }
    }

    fn found(text: &str, host: &str) -> Result<Option<RegistryAuth>, Diagnostic> {
        in_file(text.as_bytes(), host, Path::new("config.json"))
    }

    #[test]
    fn logins_are_found_under_the_name_of_the_registry() {
        let text = r#"{"auths":{"ghcr.io":{"auth":"bWU6c2VjOnJldA=="},"https://index.docker.io/v1/":{"auth":"aHViOng="}}}"#;
        let basic = |name: &str, password: &str| {
            Ok(Some(RegistryAuth::Basic(name.into(), password.into())))
        };
        assert_eq!(found(text, "ghcr.io"), basic("me", "sec:ret"));
        assert_eq!(found(text, "docker.io"), basic("hub", "x"));
        assert_eq!(found(text, "quay.io"), Ok(None));
        assert_eq!(found("{}", "ghcr.io"), Ok(None));
    }

    #[test]
    fn what_another_program_keeps_is_told() {
        for text in [
            r#"{"credHelpers":{"ghcr.io":"gh"}}"#,
            r#"{"auths":{"ghcr.io":{}},"credsStore":"desktop"}"#,
            "{",
        ] {
            assert_eq!(
                found(text, "ghcr.io").expect_err(text).code,
                "zosc::publish::no-login"
            );
        }
    }
}
