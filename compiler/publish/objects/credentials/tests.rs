use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::Path;

use super::*;
use crate::manifest::secret::Secret;
use crate::source::Spanned;
use crate::source::{SourceId, Span};

/// A machine with these variables and files.
struct Machine {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, &'static str>,
}

impl Machine {
    fn new(
        variables: &[(&'static str, &'static str)],
        files: &[(&'static str, &'static str)],
    ) -> Self {
        let home = [("HOME", "/home/me")];
        Self {
            variables: home.iter().chain(variables).copied().collect(),
            files: files.iter().copied().collect(),
        }
    }

    fn find(&self, named: Option<&AccessKey>) -> Result<Credentials, Diagnostic> {
        let read = |path: &Path| {
            let text = self.files.get(path.to_str().expect("text"));
            text.map(|text| text.as_bytes().to_vec())
                .ok_or_else(|| Error::from(ErrorKind::NotFound))
        };
        let variable = |name: &str| self.variables.get(name).map(|value| (*value).to_owned());
        Credentials::find_in(
            named,
            &Surroundings {
                variable: &variable,
                read: &read,
            },
        )
    }

    fn shown(&self, named: Option<&AccessKey>) -> String {
        match self.find(named) {
            Ok(found) => {
                let key = found.get().expect("a key");
                format!("{} {} {:?}", key.id, key.secret, key.token)
            }
            Err(problem) => problem.code.to_owned(),
        }
    }
}

fn named() -> AccessKey {
    let secret = |name: &str, start| Spanned {
        value: Secret::Environment(name.to_owned()),
        span: Span {
            source: SourceId(0),
            start,
            end: start + 4,
        },
    };
    AccessKey {
        id: secret("MY_ID", 10),
        secret: secret("MY_SECRET", 20),
    }
}

const FILES: &[(&str, &str)] = &[
    (
        "/home/me/.aws/credentials",
        "# mine\n[default]\naws_access_key_id = DID\naws_secret_access_key=D/S#E;C=+\n\n[work]\naws_access_key_id=WID\n",
    ),
    (
        "/home/me/.aws/config",
        "[default]\nregion = x\n[profile work]\naws_access_key_id = CID\naws_secret_access_key = CSEC\naws_session_token = CTOK\n\
         s3 =\n  addressing_style = path\n[profile login]\nsso_session = s\n",
    ),
    (
        "/else/keys",
        "[other]\naws_access_key_id=EID\naws_secret_access_key=ESEC\n",
    ),
];

#[test]
fn the_manifest_goes_before_variables_and_they_before_files() {
    let all = [
        ("MY_ID", "MID"),
        ("MY_SECRET", "MSEC"),
        ("AWS_ACCESS_KEY_ID", "VID"),
        ("AWS_SECRET_ACCESS_KEY", "VSEC"),
        ("AWS_SESSION_TOKEN", "VTOK"),
    ];
    let machine = Machine::new(&all, FILES);
    // A session's token belongs to AWS's own variables alone.
    assert_eq!(machine.shown(Some(&named())), "MID MSEC None");
    assert_eq!(machine.shown(None), "VID VSEC Some(\"VTOK\")");
    assert_eq!(Machine::new(&[], FILES).shown(None), "DID D/S#E;C=+ None");
}

#[test]
fn a_variable_that_is_not_set_is_named_where_it_is_written() {
    let machine = Machine::new(&[("MY_ID", "MID"), ("AWS_ACCESS_KEY_ID", "VID")], FILES);
    let problem = machine.find(Some(&named())).expect_err("no secret");
    assert_eq!(problem.code, "zosc::publish::missing-variable");
    assert!(problem.message.contains("`MY_SECRET`"), "{problem:?}");
    assert_eq!(
        problem.labels.first().map(|label| label.span.start),
        Some(20)
    );
    let problem = machine.find(None).expect_err("half a key");
    assert!(
        problem.message.contains("`AWS_SECRET_ACCESS_KEY`"),
        "{problem:?}"
    );
}

#[test]
fn profiles_are_found_in_either_file() {
    let of =
        |variables: &[(&'static str, &'static str)]| Machine::new(variables, FILES).shown(None);
    assert_eq!(of(&[("AWS_PROFILE", "work")]), "CID CSEC Some(\"CTOK\")");
    let other = [
        ("AWS_PROFILE", "other"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/else/keys"),
    ];
    assert_eq!(of(&other), "EID ESEC None");
    for profile in ["none", "login"] {
        assert_eq!(
            of(&[("AWS_PROFILE", profile)]),
            "zosc::publish::bad-profile"
        );
    }
    assert_eq!(
        Machine::new(&[], &[]).shown(None),
        "zosc::publish::no-credentials"
    );
}

#[test]
fn a_file_that_is_none_is_not_shown() {
    let files = [(
        "/home/me/.aws/credentials",
        "[default\naws_secret_access_key = S3CRET\n",
    )];
    let problem = Machine::new(&[], &files)
        .find(None)
        .expect_err("no file of keys");
    assert_eq!(problem.code, "zosc::publish::bad-profile");
    let told = format!("{problem:?}");
    assert!(
        told.contains("line 1") && !told.contains("S3CRET"),
        "{told}"
    );
}

#[test]
fn a_key_is_never_shown() {
    let key = Credentials::new(
        "AKID".to_owned(),
        "S3CRET".to_owned(),
        Some("T0KEN".to_owned()),
    );
    assert_eq!(format!("{key:?}"), "Credentials(…)");
    assert_eq!(
        key.hide("no AKID with S3CRET and T0KEN"),
        "no … with … and …"
    );
}
