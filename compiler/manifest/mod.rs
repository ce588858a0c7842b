//! The manifest as written: one file a section, typed, every value with its span.
//!
//! These types are the only definition of the language. Their doc comments, serde attributes and schemars attributes
//! feed the decoder, the JSON Schema, completion, hover and the reference pages. Nothing is looked up here, and no default is
//! filled in: what the author left out is `None`.
//!
//! # From KDL to a field
//! `#[schemars(extend("x-kdl" = ROLE))]` says how a field is written:
//!
//! | role | KDL | field |
//! |---|---|---|
//! | `arg` | the node's first argument, its identity | scalar |
//! | `args` | all remaining arguments | list of scalars |
//! | `prop` | a property | scalar |
//! | `child` | a child node, at most once: with one argument for a scalar, with its own members for a struct | scalar or struct |
//! | `flag` | a child node without arguments (`#false` as its argument unsets it) | bool |
//! | `words` | child nodes whose arguments are gathered | list of scalars |
//! | `list` | a child node that may be repeated | list of structs |
//! | `pairs` | child nodes whose properties have open-ended names | map to strings |
//!
//! What has a name is marked as well, so that editors find and rename it:
//!
//! | attribute | the value |
//! |---|---|
//! | `x-names = KIND` | is a name of the author's own making |
//! | `x-declares = KIND` | makes something known whose name comes from elsewhere: a path, a number, a program; of a node with members, the node's name |
//! | `x-refers = KIND` | is such a name. With `x-form`: holds one (`unit NAME`), or words that may be some (`NAME…`) |
//! | `x-implies = [KIND, FORM, MEMBER]` | brings a name of another kind with it where its node has MEMBER, or has not (`!MEMBER`) |
//! | `x-variable = NAME` | is what `{NAME}` stands for |
//! | `x-template = [NAME, …]` | may hold these variables |
//!
//! A kind with a dot, such as `source.program`, is known inside its section alone.
//!
//! A field of type [`secret::Secret`] is written `(env)NAME`, the one place where an annotation has a meaning.
//!
//! A [`Spanned`] struct has the span of its node's name; structs whose identity is a mandatory argument do without.
//! Enums are strings. `flatten`, `untagged` and internal tags are not used: they lose spans.

pub mod accounts;
pub mod alpine;
pub mod boot;
pub mod branding;
pub mod configuration;
pub mod files;
pub mod firmware;
pub mod flist;
pub mod image;
pub mod initramfs;
pub mod kernel;
pub mod modules;
pub mod outputs;
pub mod packages;
pub mod publish;
pub mod recipe;
pub mod secret;
pub mod size;
pub mod source;
pub mod toolchain;
pub mod unit;
pub mod zinit;

mod decode;
mod language;
mod lower;
pub mod model;
mod problems;
mod prune;
mod reference;
mod schema;
mod titles;
mod validate;
mod value;
pub mod wording;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

pub use crate::source::Spanned;
pub use reference::{configuration_reference, recipe_reference, reference};
pub use schema::{configuration_schema, recipe_schema, schema};

use language::Language;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::Document;

/// How many problems of a manifest are told; the rest is counted.
pub const MAXIMUM_PROBLEMS: usize = 50;

/// A whole manifest file, or a file that one imports.
///
/// A manifest says what an image is made of. Sections may stand in any order; sections of imported files are added to it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Manifest {
    /// The edition of the language that the file is written in. There is one: 1.
    #[schemars(extend("x-kdl" = "child"), range(min = 1, max = 1), extend("x-message" = "the only edition is 1"), example = 1)]
    pub edition: Option<Spanned<u32>>,
    /// What the image is called.
    #[schemars(extend("x-kdl" = "child"), extend("x-snippet" = "image ${1:name} version=\"${2:1.0}\" {\n    title \"${3:Title}\"\n    $0\n}"))]
    pub image: Option<image::Image>,
    /// Other files of the same language whose sections belong to this one.
    #[schemars(extend("x-kdl" = "list"))]
    pub import: Vec<image::Import>,
    /// Where Alpine packages come from.
    #[schemars(extend("x-kdl" = "child"), extend("x-snippet" = "alpine \"${1:3.22}\" {\n    mirror \"${2:https://dl-cdn.alpinelinux.org/alpine}\"\n    repository main\n    repository community\n    key \"std:alpine/6165ee59\"\n}"))]
    pub alpine: Option<alpine::Alpine>,
    /// Which Alpine packages the image holds.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "packages {\n    install $0\n}"))]
    pub packages: Vec<packages::Packages>,
    /// Root filesystems in which sources are built.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "toolchain ${1:rust} {\n    alpine packages=\"${2:build-base rust cargo}\"\n}"))]
    pub toolchain: Vec<toolchain::Toolchain>,
    /// Components that are built, or fetched ready-made, from outside Alpine.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "source ${1:name} {\n    git \"${2:https://example.org/name}\" tag=\"${3:v1.0}\"\n    build ${4|cargo,make,go|}\n    install ${1:name} to=\"/usr/bin/${1:name}\"\n}"), extend("x-variable" = "source"))]
    pub source: Vec<source::Source>,
    /// The kernel and how the image is packed around it.
    #[schemars(extend("x-kdl" = "child"), extend("x-snippet" = "kernel {\n    package ${1:linux-virt}\n    cmdline \"${2:console=ttyS0}\"\n    $0\n}"), extend("x-variable" = "kernel"))]
    pub kernel: Option<Spanned<kernel::Kernel>>,
    /// Kernel modules, in the two stages in which they are loaded.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "modules {\n    stage1 $0\n}"))]
    pub modules: Vec<modules::Modules>,
    /// Firmware files.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "firmware {\n    for-modules stage1 stage2\n    package $0\n}"))]
    pub firmware: Vec<firmware::Firmware>,
    /// The process manager.
    #[schemars(extend("x-kdl" = "child"))]
    pub zinit: Option<zinit::Zinit>,
    /// Services, oneshots and targets that zinit runs.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "unit ${1:name} {\n    exec \"${2:/usr/bin/name}\"\n    $0\n}"))]
    pub unit: Vec<unit::Unit>,
    /// User accounts.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "account ${1:root} {\n    $0\n}"))]
    pub account: Vec<accounts::Account>,
    /// Groups.
    #[schemars(extend("x-kdl" = "list"))]
    pub group: Vec<accounts::Group>,
    /// How the image names itself.
    #[schemars(extend("x-kdl" = "child"))]
    pub branding: Option<Spanned<branding::Branding>>,
    /// Single files, by content or from the manifest's folder.
    #[schemars(extend("x-kdl" = "list"), extend("x-snippet" = "file \"${1:/etc/name}\" ${2|text,from|}=\"$3\""))]
    pub file: Vec<files::File>,
    /// Folders laid over the image.
    #[schemars(extend("x-kdl" = "list"))]
    pub overlay: Vec<files::Overlay>,
    /// Files that stay out of the image and are read from a store when they are first used.
    #[schemars(extend("x-kdl" = "list"))]
    pub flist: Vec<flist::Flist>,
    /// What is made smaller or left out, and how large the result may be.
    #[schemars(extend("x-kdl" = "child"))]
    pub size: Option<Spanned<size::Size>>,
    /// How the initramfs is written.
    #[schemars(extend("x-kdl" = "child"))]
    pub initramfs: Option<Spanned<initramfs::Initramfs>>,
    /// The files that a build yields.
    #[schemars(extend("x-kdl" = "child"))]
    pub outputs: Option<Spanned<outputs::Outputs>>,
    /// Where finished images go.
    #[schemars(extend("x-kdl" = "list"))]
    pub publish: Vec<publish::Publish>,
    /// How the image is tried out in a virtual machine.
    #[schemars(extend("x-kdl" = "child"), extend("x-snippet" = "boot {\n    expect \"${1:unit name running}\"\n}"))]
    pub boot: Option<Spanned<boot::Boot>>,
    /// Sections of which something is missing here because it was wrong and has been reported.
    ///
    /// Nobody should complain that something is absent from them.
    #[serde(skip)]
    #[schemars(skip)]
    pub damaged: BTreeSet<String>,
}

impl Manifest {
    /// Whether a section is here as it was written, without losses.
    pub fn is_whole(&self, section: &str) -> bool {
        !self.damaged.contains(section)
    }
}

/// Decodes a document; what is wrong is reported and left out, and the rest is in the manifest.
pub fn decode(document: &Document, sink: &mut Diagnostics) -> Manifest {
    let (manifest, damaged) = decode_as(Language::manifest(), document, sink);
    Manifest {
        damaged,
        ..manifest
    }
}

/// Decodes a recipe of packages; what is wrong is reported and left out, and the rest is in the recipe.
pub fn decode_recipe(document: &Document, sink: &mut Diagnostics) -> recipe::Recipe {
    let (recipe, damaged) = decode_as(Language::recipe(), document, sink);
    recipe::Recipe { damaged, ..recipe }
}

/// Decodes a user's configuration; what is wrong is reported and left out, and the rest is in the configuration.
pub fn decode_configuration(
    document: &Document,
    sink: &mut Diagnostics,
) -> configuration::Configuration {
    let (configuration, damaged) = decode_as(Language::configuration(), document, sink);
    configuration::Configuration {
        damaged,
        ..configuration
    }
}

fn decode_as<T: DeserializeOwned + Default>(
    language: &Language,
    document: &Document,
    sink: &mut Diagnostics,
) -> (T, BTreeSet<String>) {
    let mut problems = Diagnostics::new();
    let (root, damaged) = check(language, document, &mut problems);
    let decoded = T::deserialize(&root).unwrap_or_else(|error| {
        problems.push(
            Diagnostic::error(
                "zosc::manifest::undecodable",
                format!("the text keeps the schema and still does not decode: {error}"),
            )
            .help("this is a mistake in zosc; please report it with the text"),
        );
        T::default()
    });
    problems.sort();
    let more = problems.len().saturating_sub(MAXIMUM_PROBLEMS);
    sink.extend(problems.into_iter().take(MAXIMUM_PROBLEMS).collect());
    if more > 0 {
        sink.push(
            Diagnostic::error(
                "zosc::manifest::too-many",
                format!("{more} more problems are not shown"),
            )
            .help("mend those above and check again"),
        );
    }
    (decoded, damaged)
}

/// The document as JSON that [`schema`] describes. What is wrong is left out.
pub fn project(document: &Document) -> serde_json::Value {
    let language = Language::manifest();
    let (root, _) = check(language, document, &mut Diagnostics::new());
    root.project()
}

/// Lowers and validates; what is left keeps the schema.
fn check(
    language: &Language,
    document: &Document,
    problems: &mut Diagnostics,
) -> (value::SpannedValue, BTreeSet<String>) {
    let model = language.model();
    let lowered = lower::lower(model, document, problems);
    let mut damaged = lowered.damaged;
    let mut root = prune::prune(model, lowered.root);
    damaged.extend(validate::validate(language, &mut root, problems));
    (prune::prune(model, root), damaged)
}
