//! The files that AWS's own tools keep keys in.

use std::io::ErrorKind;
use std::path::Path;

use configparser::ini::{Ini, IniDefault};

use crate::diagnostic::Diagnostic;

use super::credentials::{Credentials, Surroundings};

/// The key of the profile that `AWS_PROFILE` names, or of `default`: from the credentials file, else from the configuration.
pub(super) fn find(surroundings: &Surroundings<'_>) -> Result<Credentials, Diagnostic> {
    let profile = (surroundings.variable)("AWS_PROFILE");
    let name = profile.as_deref().unwrap_or("default");
    let in_configuration = match name {
        "default" => name.to_owned(),
        other => format!("profile {other}"),
    };
    let files = [
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", name),
        ("AWS_CONFIG_FILE", ".aws/config", in_configuration.as_str()),
    ];
    let mut is_there = false;
    for (variable, usual, section) in files {
        let Some(path) = surroundings.file(variable, usual) else {
            continue;
        };
        let Some(sections) = read(surroundings, &path)? else {
            continue;
        };
        is_there |= sections.sections().iter().any(|there| there == section);
        let value = |key| sections.get(section, key).filter(|value| !value.is_empty());
        let (id, secret) = (value("aws_access_key_id"), value("aws_secret_access_key"));
        if let (Some(id), Some(secret)) = (id, secret) {
            return Ok(Credentials::new(id, secret, value("aws_session_token")));
        }
    }
    match profile {
        None if !is_there => Err(nothing()),
        _ => Err(no_key(name, is_there)),
    }
}

fn read(surroundings: &Surroundings<'_>, path: &Path) -> Result<Option<Ini>, Diagnostic> {
    let refused = |why: String| {
        Diagnostic::error(
            "zosc::publish::bad-profile",
            format!("cannot read keys from `{}`: {why}", path.display()),
        )
        .help("AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name other files; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go before them")
    };
    let text = match (surroundings.read)(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error.to_string())),
    };
    let Ok(text) = String::from_utf8(text) else {
        return Err(refused("it is no text".to_owned()));
    };
    // As AWS writes them: nothing is quoted, nothing follows a value, and what is indented belongs to the line above.
    let mut defaults = IniDefault::default();
    defaults.case_sensitive = true;
    defaults.multiline = true;
    defaults.delimiters = vec!['='];
    defaults.enable_inline_comments = false;
    let mut sections = Ini::new_from_defaults(defaults);
    // The line is named, and nothing that stands in it.
    match sections.read(text) {
        Ok(_) => Ok(Some(sections)),
        Err(why) => {
            let line = why.split(':').next().unwrap_or_default().to_owned();
            Err(refused(format!("{line} is no section and no setting")))
        }
    }
}

fn no_key(profile: &str, is_there: bool) -> Diagnostic {
    let problem = if is_there {
        format!("the profile `{profile}` of AWS's files has no access key of its own")
    } else {
        format!("AWS's files have no profile `{profile}`")
    };
    Diagnostic::error("zosc::publish::bad-profile", problem).help(
        "a profile that logs in otherwise hands its key over like this: \
         `eval \"$(aws configure export-credentials --format env)\"`; AWS_PROFILE names another one",
    )
}

fn nothing() -> Diagnostic {
    Diagnostic::error("zosc::publish::no-credentials", "there is no key to the bucket")
        .help(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name your own variables in the manifest: \
             `key-id=(env)S3_KEY_ID secret=(env)S3_SECRET`",
        )
        .note("looked for in AWS_ACCESS_KEY_ID, in ~/.aws/credentials and in ~/.aws/config")
}
