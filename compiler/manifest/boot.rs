//! The `boot` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Spanned;

/// The virtual machine that `zosc boot` runs the image in, and what `zosc boot --test` must see.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Boot {
    /// Memory. Without it: 1GiB.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(B|KiB|MiB|GiB)$"), extend("x-message" = "a size is a whole number and `KiB`, `MiB` or `GiB`, such as \"512MiB\""), example = &"2GiB", extend("default" = "1GiB"))]
    #[serde(default)]
    pub memory: Option<Spanned<String>>,
    /// Processors. Without it: 2.
    #[schemars(extend("x-kdl" = "prop"), range(min = 1, max = 64), extend("default" = 2))]
    #[serde(default)]
    pub cpus: Option<Spanned<u32>>,
    /// How the machine starts. Without it: `direct`.
    #[schemars(extend("x-kdl" = "prop"), extend("default" = "direct"))]
    #[serde(default)]
    pub firmware: Option<Spanned<Firmware>>,
    /// How long a test may take from the start. Expectations without a time of their own have as long.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(ms|s|m)$"), extend("x-message" = "a duration is a whole number and `ms`, `s` or `m`, such as \"30s\""), example = &"5m")]
    #[serde(default)]
    pub within: Option<Spanned<String>>,
    /// Disks. `zosc boot` keeps them from boot to boot; `zosc boot --test` has empty ones each time.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub disk: Vec<Disk>,
    /// What must be seen for the boot to have gone well.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub expect: Vec<Expect>,
}

/// How a virtual machine starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// The kernel is loaded directly, without firmware: fastest.
    Direct,
    /// UEFI firmware loads the EFI program from a disk.
    Uefi,
    /// UEFI firmware with Secure Boot, which trusts the certificate of `sign` and nothing else.
    SecureBoot,
}

/// A disk, empty at first.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Disk {
    /// Its size.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^[0-9]+(B|KiB|MiB|GiB)$"), extend("x-message" = "a size is a whole number and `KiB`, `MiB` or `GiB`, such as \"512MiB\""), example = &"8GiB")]
    pub size: Spanned<String>,
}

/// Something that must be seen, on the console or from outside.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// `unit NAME STATE`, where STATE is `running`, `success` or `up` (either); `console TEXT`; `pid1 NAME`; `tcp PORT`, a port of the
    /// machine that accepts connections; or `http PORT/PATH`, a page that its server answers with a status of 200 to 299.
    #[schemars(extend("x-kdl" = "arg"), extend("x-refers" = "unit"), extend("x-form" = "unit NAME"), regex(pattern = r"^(unit \S+ (running|success|up)|console .+|pid1 \S+|tcp [0-9]+|http [0-9]+(/\S*)?)$"), extend("x-message" = "write `unit NAME running`, `unit NAME success`, `unit NAME up`, `console TEXT`, `pid1 NAME`, `tcp PORT` or `http PORT/PATH`"), example = &"unit sshd running")]
    pub what: Spanned<String>,
    /// How long after the start. Without it: as long as the whole boot has, else 120s.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(ms|s|m)$"), extend("x-message" = "a duration is a whole number and `ms`, `s` or `m`, such as \"30s\""), example = &"60s")]
    #[serde(default)]
    pub within: Option<Spanned<String>>,
}
