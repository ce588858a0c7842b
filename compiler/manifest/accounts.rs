//! The `account` and `group` sections.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;
use crate::source::Span;

/// A user account: a new one, or changes to one that a package made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Account {
    /// The login name.
    #[schemars(extend("x-kdl" = "arg"), extend("x-names" = "account"), extend("x-implies" = ["group", "NAME", "!gid"]), regex(pattern = r"^[a-z_][a-z0-9_-]{0,31}$"), extend("x-message" = "a login name has lowercase letters, digits, `_` and `-`, at most 32"), example = &"ops")]
    pub name: Spanned<String>,
    /// The user number. Without it: that of the existing account, else the first free one from 1000.
    #[schemars(extend("x-kdl" = "prop"), extend("x-declares" = "uid"), example = 1000)]
    #[serde(default)]
    pub uid: Option<Spanned<u32>>,
    /// The number of the main group. Without it: that of the existing account, else the group of the same name.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "gid"), example = 1000)]
    #[serde(default)]
    pub gid: Option<Spanned<u32>>,
    /// Anyone may log in on the console without a password.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub passwordless: Option<Spanned<bool>>,
    /// The hash of the password, as `crypt(3)` writes it.
    #[schemars(extend("x-kdl" = "child"), extend("x-complete" = "nothing"), example = &"$6$zosc$JBNC2jzk7dkMyJ7L/3lCjtM3rAHWm8L4VqpNfft.Sb76VYUHWdpuAUJ1ukHx7MdTixxdng4lArv6vEVVWXMM20")]
    #[serde(default)]
    pub password_hash: Option<Spanned<String>>,
    /// The login shell. Without it: that of the existing account, else `/bin/sh`.
    #[schemars(extend("x-kdl" = "child"), extend("x-refers" = "file"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/bin/sh")]
    #[serde(default)]
    pub shell: Option<Spanned<String>>,
    /// The home folder. Without it: that of the existing account, else `/home/NAME`.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/home/ops")]
    #[serde(default)]
    pub home: Option<Spanned<String>>,
    /// The name that people see.
    #[schemars(extend("x-kdl" = "child"), example = &"Operator")]
    #[serde(default)]
    pub title: Option<Spanned<String>>,
    /// Further groups.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "group"), example = ["wheel"])]
    #[serde(default)]
    pub groups: Vec<Spanned<String>>,
    /// Files with public SSH keys that may log in, relative to the manifest.
    #[schemars(extend("x-kdl" = "words"), extend("x-complete" = "path"), example = ["keys/ops.pub"])]
    #[serde(default)]
    pub authorized_keys: Vec<Spanned<String>>,
    /// Risks of this account that are meant.
    #[schemars(extend("x-kdl" = "words"), example = ["published"])]
    #[serde(default)]
    pub accept: Vec<Spanned<Risk>>,
}

impl Account {
    /// The place where the account is said to have no password, if it is.
    pub fn open(&self) -> Option<Span> {
        let passwordless = self.passwordless.filter(|passwordless| passwordless.value);
        passwordless.map(|passwordless| passwordless.span)
    }
}

/// Something about an account that is refused unless it is said to be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// The account has no password, and the image has an SSH server.
    OpenSsh,
    /// The account has no password, and the image is published.
    Published,
}

/// A group.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Group {
    /// The group's name.
    #[schemars(extend("x-kdl" = "arg"), extend("x-names" = "group"), regex(pattern = r"^[a-z_][a-z0-9_-]{0,31}$"), extend("x-message" = "a group name has lowercase letters, digits, `_` and `-`, at most 32"), example = &"zos")]
    pub name: Spanned<String>,
    /// The group number. Without it: the first free one from 1000.
    #[schemars(extend("x-kdl" = "prop"), extend("x-declares" = "gid"), example = 1000)]
    #[serde(default)]
    pub gid: Option<Spanned<u32>>,
}
