//! The `unit` section.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// Something that zinit runs, or a point in the boot that others wait for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Unit {
    /// The unit's name.
    #[schemars(extend("x-kdl" = "arg"), extend("x-names" = "unit"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), extend("x-message" = "a unit name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `-`"), example = &"sshd")]
    pub name: Spanned<String>,
    /// The program and its arguments, split as a shell would split them. No shell runs: use `shell` for pipes, `&&` and variables.
    #[schemars(extend("x-kdl" = "child"), extend("x-refers" = "file"), extend("x-form" = "NAME…"), example = &"/usr/sbin/sshd -D -e")]
    #[serde(default)]
    pub exec: Option<Spanned<String>>,
    /// A command for `/bin/sh -c`.
    #[schemars(extend("x-kdl" = "child"), extend("x-refers" = "file"), extend("x-form" = "NAME…"), example = &"modprobe loop && losetup /dev/loop0 /disk.img")]
    #[serde(default)]
    pub shell: Option<Spanned<String>>,
    /// A command that succeeds once the unit is ready. Units that require this one wait for it.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub test: Option<Test>,
    /// An address that accepts connections once the unit is ready.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub test_tcp: Option<TestTcp>,
    /// It runs once, to its end; units that require it wait for its success.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub oneshot: bool,
    /// It runs nothing: it is reached when all it requires is.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub target: bool,
    /// It is brought from elsewhere while the machine runs: other units may come after it, and the image holds no file of it.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub external: bool,
    /// Units that must be up, or done, before this one starts.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "unit"), inner(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$")), extend("x-message" = "this is no unit name"), example = ["network"])]
    #[serde(default)]
    pub requires: Vec<Spanned<String>>,
    /// Units that are started first where they exist in the image.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "unit"), inner(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$")), extend("x-message" = "this is no unit name"), example = ["network"])]
    #[serde(default)]
    pub after: Vec<Spanned<String>>,
    /// Units that are started along with this one and may fail.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "unit"), inner(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$")), extend("x-message" = "this is no unit name"), example = ["ntpd"])]
    #[serde(default)]
    pub wants: Vec<Spanned<String>>,
    /// Units that must not run at the same time.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "unit"), inner(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$")), extend("x-message" = "this is no unit name"), example = ["telnetd"])]
    #[serde(default)]
    pub conflicts: Vec<Spanned<String>>,
    /// What happens when it ends. Without it: `always`, and `never` for a oneshot.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub restart: Option<Spanned<Restart>>,
    /// How it is stopped.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub stop: Option<Stop>,
    /// Where its output goes. Without it: `ring`.
    #[schemars(extend("x-kdl" = "child"), extend("default" = "ring"))]
    #[serde(default)]
    pub log: Option<Spanned<Log>>,
    /// Environment variables.
    #[schemars(extend("x-kdl" = "pairs"), example = serde_json::json!({ "LANG": "C.UTF-8" }))]
    #[serde(default)]
    pub env: IndexMap<String, Spanned<String>>,
    /// The folder it starts in. Without it: `/`.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/srv/www", extend("default" = "/"))]
    #[serde(default)]
    pub dir: Option<Spanned<String>>,
    /// Leave it out of the image; imports bring units that not every image wants.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub disabled: bool,
    /// What is fine as it is: features that the dialect of zinit cannot express, and what zosc would not let pass otherwise.
    #[schemars(extend("x-kdl" = "words"), example = ["after"])]
    #[serde(default)]
    pub accept: Vec<Spanned<Feature>>,
}

/// A command that tells whether a unit is ready.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Test {
    /// The program and its arguments, split as a shell would split them.
    #[schemars(extend("x-kdl" = "arg"), extend("x-refers" = "file"), extend("x-form" = "NAME…"), example = &"nc -z 127.0.0.1 22")]
    pub command: Spanned<String>,
    /// How long it may take to become ready. Without it: 30 seconds; zinit 0.2 has no limit.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(ms|s|m)$"), extend("x-message" = "a duration is a whole number and `ms`, `s` or `m`, such as \"30s\""), example = &"60s")]
    #[serde(default)]
    pub within: Option<Spanned<String>>,
}

/// An address that tells whether a unit is ready.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TestTcp {
    /// Host and port.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^\S+:[0-9]{1,5}$"), extend("x-message" = "an address is a host and a port, such as \"127.0.0.1:22\""), example = &"127.0.0.1:22")]
    pub address: Spanned<String>,
    /// How long it may take to become ready. Without it: 30 seconds; zinit 0.2 has no limit.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(ms|s|m)$"), extend("x-message" = "a duration is a whole number and `ms`, `s` or `m`, such as \"30s\""), example = &"60s")]
    #[serde(default)]
    pub within: Option<Spanned<String>>,
}

/// What happens when a unit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is started again.
    Always,
    /// It is started again if it failed.
    OnFailure,
    /// It stays ended.
    Never,
}

/// How a unit is stopped.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stop {
    /// The signal that asks it to end. Without it: SIGTERM.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "signal"), regex(pattern = r"^SIG[A-Z0-9+-]+$"), extend("x-message" = "a signal is written in full, such as SIGTERM"), example = &"SIGINT", extend("default" = "SIGTERM"))]
    #[serde(default)]
    pub signal: Option<Spanned<String>>,
    /// How long it may take before it is killed. Without it: 10s.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(ms|s|m)$"), extend("x-message" = "a duration is a whole number and `ms`, `s` or `m`, such as \"30s\""), example = &"30s", extend("default" = "10s"))]
    #[serde(default)]
    pub timeout: Option<Spanned<String>>,
}

/// Where a unit's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Log {
    /// Into a buffer that `zinit log` prints.
    Ring,
    /// Nowhere.
    None,
    /// To the console.
    Stdout,
}

/// Something that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Weak dependencies are lost.
    Wants,
    /// Conflicts are lost.
    Conflicts,
    /// Order without dependency is lost.
    After,
    /// A restart policy is lost.
    Restart,
    /// A stop signal or time limit is lost.
    Stop,
    /// A place for the output is lost.
    Log,
    /// A limit to how long a unit may take to become ready is lost.
    Test,
    /// The command stays in the foreground, though it looks as if it went to the background.
    Background,
    /// The command formats a disk.
    FormatDisk,
}
