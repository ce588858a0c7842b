//! The user's configuration: what holds for every image that this user builds. It is a file of its own, and nothing of it changes what comes out.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;
use super::secret::Secret;

/// A user's configuration, `config.kdl`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Configuration {
    /// The edition of the language that the file is written in. There is one: 1.
    #[schemars(extend("x-kdl" = "child"), range(min = 1, max = 1), extend("x-message" = "the only edition is 1"), example = 1)]
    pub edition: Option<Spanned<u32>>,
    /// Who runs foreign code where neither `--executor` nor `ZOSC_EXECUTOR` says so. Without it: `sandbox`.
    #[schemars(extend("x-kdl" = "child"), extend("default" = "sandbox"))]
    pub executor: Option<Spanned<Executor>>,
    /// Servers that run commands or keep results. The first is the one that is used; the others are for `--remote`.
    #[schemars(extend("x-kdl" = "list"))]
    pub remote: Vec<Remote>,
    /// Sections of which something is missing here because it was wrong and has been reported.
    #[serde(skip)]
    #[schemars(skip)]
    pub damaged: BTreeSet<String>,
}

/// Who runs foreign code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Executor {
    /// The sandbox that zosc brings along.
    Sandbox,
    /// Containers of podman.
    Podman,
    /// Containers of docker.
    Docker,
    /// Workers of a server.
    Remote,
}

/// A server of the Remote Execution API, and how it is spoken to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Remote {
    /// Its address: `grpcs://` with TLS, `grpc://` without.
    #[schemars(extend("x-kdl" = "arg"), example = &"grpcs://build.example:443")]
    pub address: Spanned<String>,
    /// Use the results that the server keeps, and add to them, also where commands run on this machine.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub cache: bool,
    /// The server's instance that is meant. Without it: the one without a name.
    #[schemars(extend("x-kdl" = "child"), example = &"main")]
    #[serde(default)]
    pub instance: Option<Spanned<String>>,
    /// A token that every request carries, as `authorization: Bearer …`.
    #[schemars(extend("x-kdl" = "child"), example = &"(env)BUILD_TOKEN")]
    #[serde(default)]
    pub token: Option<Spanned<Secret>>,
    /// Headers that every request carries. `(env)NAME` in a value stands for what that environment variable holds.
    #[schemars(extend("x-kdl" = "pairs"), extend("x-secret" = "text"), example = serde_json::json!({ "x-api-key": "(env)BUILD_KEY" }))]
    #[serde(default)]
    pub header: IndexMap<String, Spanned<String>>,
    /// Platform properties that workers must have. None are sent but these.
    #[schemars(extend("x-kdl" = "pairs"), example = serde_json::json!({ "OSFamily": "linux" }))]
    #[serde(default)]
    pub property: IndexMap<String, Spanned<String>>,
    /// Certificates, where the usual ones are not those that count.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub tls: Option<Spanned<Tls>>,
    /// How many commands may be on their way at once. Without it: 32.
    #[schemars(extend("x-kdl" = "child"), range(min = 1, max = 4096), extend("default" = 32))]
    #[serde(default)]
    pub jobs: Option<Spanned<u32>>,
    /// How long a command may wait for a worker. Without it: `10m`.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^[0-9]+(ms|s|m)$"), extend("x-message" = "a duration is a whole number and `ms`, `s` or `m`, such as \"30s\""), extend("default" = "10m"))]
    #[serde(default)]
    pub timeout: Option<Spanned<String>>,
    /// Who runs a command where the server cannot be reached. Without it: `none`.
    #[schemars(extend("x-kdl" = "child"), extend("default" = "none"))]
    #[serde(default)]
    pub fallback: Option<Spanned<Fallback>>,
}

/// Who runs a command where the server cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// The sandbox of this machine.
    Local,
    /// Nobody: the build fails.
    None,
}

/// Certificates of an encrypted connection, as PEM files. A relative path starts from the folder of the configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tls {
    /// The authorities that the server's certificate is checked against. Without them: those of `SSL_CERT_FILE`, else Mozilla's.
    #[schemars(extend("x-kdl" = "child"), extend("x-complete" = "path"), example = &"build-ca.pem")]
    #[serde(default)]
    pub ca: Option<Spanned<String>>,
    /// The certificate that zosc shows to the server.
    #[schemars(extend("x-kdl" = "child"), extend("x-complete" = "path"), example = &"me.pem")]
    #[serde(default)]
    pub certificate: Option<Spanned<String>>,
    /// The private key of that certificate.
    #[schemars(extend("x-kdl" = "child"), extend("x-complete" = "path"), example = &"me.key")]
    #[serde(default)]
    pub key: Option<Spanned<String>>,
}
