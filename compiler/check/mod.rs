//! Semantics: a manifest and its imports become an [`Image`].
//!
//! In come the path of a manifest, [`Settings`] and a way to read files; out goes the [`Image`], in which names are looked up,
//! imports merged, defaults filled in and local files known to exist, or every reason why there is none. What only a lock
//! can tell (whether a package exists, which modules a kernel has, what programs a package holds) is left to later passes.
//!
//! Never touches the network, the clock or the environment, and writes nothing.

mod addresses;
mod alternatives;
mod buckets;
mod environment;
mod fixes;
mod image;
mod library;
mod loading;
mod merging;
mod overrides;
mod places;
mod quantities;
mod routes;
mod setting_paths;
mod stores;
mod templates;

mod accounts;
mod alpine;
mod alpine_keys;
mod boot;
mod branding;
mod destinations;
mod files;
mod firmware;
mod flist_units;
mod flists;
mod git;
mod identity;
mod initramfs;
mod kernel;
mod kernel_cmdline;
mod kernel_config;
mod kernel_needs;
mod kernel_sources;
mod modules;
mod outputs;
mod packages;
mod policies;
mod publish;
mod recipes;
mod releases;
mod rfs;
mod signing;
mod size;
mod sources;
mod toolchains;
mod unit_commands;
mod unit_files;
mod unit_graph;
mod unit_habits;
mod units;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics, is_slip, listed, nearest};
use crate::io::Files;
use crate::manifest::Manifest;
use crate::source::{SourceMap, Span, Spanned};
use crate::syntax::{bare_or_quoted as word, quote as quoted};

pub use addresses::public_address;
pub use environment::VARIABLES;
pub use fixes::{Applied, Change, Fixed, fix};
pub use image::*;
pub use library::{
    boot_report, key_names as library_keys, names as library_names, text as library_text,
};
pub use loading::files;
pub use outputs::source_variables;
pub use publish::reference_fault;

pub(crate) use identity::{timestamp, whole_seconds};
pub use places::{Folder, Location};
pub(crate) use places::{nearest_file, normal};
pub(crate) use quantities::mode;
pub use quantities::{duration as duration_of, size as size_of};
pub use stores::{
    Ranged, ReadStore, RoutePlace, TypedStore, own_route, read_store, route_place, typed_route,
    written_store,
};

use destinations::Destinations;
use merging::Declared;
use places::Places;

/// What comes from the command line and the environment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The absolute folder that a relative manifest path starts from.
    pub current_directory: PathBuf,
    /// Values of `--set`, each `PATH=VALUE`.
    pub overrides: Vec<String>,
    /// Environment variables that are set, of those that [`VARIABLES`] names.
    pub environment: Vec<(String, String)>,
    /// The value of the environment variable `SOURCE_DATE_EPOCH`, where it is set.
    pub source_date_epoch: Option<String>,
}

/// Reads a manifest and everything that it imports, and resolves it.
///
/// Problems of every stage go to `sink`, ordered by place; any error among them means no image. Texts that were read are
/// added to `sources`, the manifest first.
pub fn check(
    entry: &Path,
    settings: &Settings,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Option<Image> {
    let mut found = Diagnostics::new();
    let image = loading::load(entry, settings, files, sources, &mut found).and_then(|loaded| {
        let manifest = merging::merge(loaded.manifests, &mut found);
        let mut ctx = Ctx {
            manifest: &manifest,
            declared: &loaded.declared,
            places: &loaded.places,
            files,
            sources,
            sink: &mut found,
            destinations: Destinations::default(),
            directory: loaded.path.parent().unwrap_or(Path::new("/")),
            current_directory: &settings.current_directory,
        };
        let image = resolve(&mut ctx, settings, &loaded.path);
        image.map(|image| Image {
            overrides: loaded.overrides,
            ..image
        })
    });
    let failed = found.has_errors();
    found.sort();
    sink.extend(found);
    image.filter(|_| !failed)
}

/// What the resolution of every section needs.
struct Ctx<'a> {
    manifest: &'a Manifest,
    declared: &'a Declared,
    places: &'a Places,
    files: &'a dyn Files,
    sources: &'a mut SourceMap,
    sink: &'a mut Diagnostics,
    destinations: Destinations,
    /// The folder of the manifest.
    directory: &'a Path,
    /// The folder that people are in.
    current_directory: &'a Path,
}

impl Ctx<'_> {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    /// Whether all that is written in sections of a kind is known, so that something can be said to be absent from them.
    fn is_whole(&self, section: &str) -> bool {
        self.manifest.is_whole(section)
    }

    /// Whether a place is in a file of the author's, so that a change of it can be offered.
    fn is_editable(&self, span: Span) -> bool {
        let source = self.sources.get(span.source);
        source.is_some_and(|source| source.file.is_some())
    }

    /// The place in front of the line that a place is on, where a section can be written.
    fn line_above(&self, span: Span) -> Span {
        let text = self
            .sources
            .get(span.source)
            .map_or("", |source| &source.text);
        let before = text.get(..span.start as usize).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Span::new(span.source, start, start)
    }

    /// Offers to write a section above the line of a place, if that is the author's.
    fn offer_above(&self, problem: Diagnostic, span: Span, section: &str) -> Diagnostic {
        if !self.is_editable(span) {
            return problem;
        }
        let above = self.line_above(span);
        problem.replace(format!("add `{section}`"), above, format!("{section}\n"))
    }

    /// Says that two places clash.
    fn clash(
        &mut self,
        code: &'static str,
        message: String,
        later: Span,
        earlier: Span,
        help: &str,
    ) {
        self.push(
            Diagnostic::error(code, message)
                .label(later, "again here")
                .label(earlier, "first here")
                .help(help),
        );
    }

    /// Says that two things of a kind have one name.
    fn namesakes(&mut self, what: &str, later: &Spanned<String>, earlier: Span) {
        self.clash(
            "zosc::check::duplicate-name",
            format!("two {what} are named `{}`", later.value),
            later.span,
            earlier,
            "rename or remove one",
        );
    }
}

/// Resolves every section; a section that fails leaves its problems in the sink and a harmless value behind.
fn resolve(ctx: &mut Ctx<'_>, settings: &Settings, path: &Path) -> Option<Image> {
    let identity = identity::resolve(ctx, settings.source_date_epoch.as_deref());
    let arch = identity
        .as_ref()
        .map_or_else(Arch::default, |identity| identity.arch);
    let alpine = alpine::resolve(ctx, arch.name());
    let packages = packages::resolve(ctx, alpine.as_ref());
    let toolchains = toolchains::resolve(ctx);
    let sources = sources::resolve(ctx, arch);
    let kernel = kernel::resolve(ctx, arch);
    let (stage1, stage2) = modules::resolve(ctx, kernel.as_ref());
    let firmware = firmware::resolve(ctx, alpine.as_ref());
    let mut requests = files::resolve(ctx);
    let overlays = files::overlays(ctx);
    let (accounts, groups) = accounts::resolve(ctx, &mut requests);
    let branding = branding::resolve(ctx, identity.as_ref(), &mut requests);
    let units = units::resolve(ctx, &mut requests);
    let known = outputs::known(ctx, &sources, kernel.as_ref());
    let outputs = outputs::resolve(ctx, identity.as_ref(), &sources, &known);
    let boot = boot::resolve(ctx, &units, &outputs);
    let (compression, segments) = initramfs::resolve(ctx);
    let size = size::resolve(ctx, &sources, &toolchains, &outputs);
    let flists = flists::resolve(ctx, kernel.as_ref());
    let publish = publish::resolve(ctx, identity.as_ref(), &known);
    policies::alpine_where_needed(
        ctx,
        &packages,
        &toolchains,
        &firmware,
        kernel.as_ref(),
        &outputs,
        &flists,
    );
    policies::open_login(ctx, &packages, &units);
    modules::in_flists(ctx, &stage2, &flists);
    let parts = rfs::Parts {
        packages: &packages,
        sources: &sources,
        kernel: kernel.as_ref(),
        modules: stage1.iter().chain(&stage2).collect(),
        units: &units,
    };
    rfs::mounts(ctx, &flists, &parts);
    rfs::reads(ctx, &flists, &sources);
    let identity = identity?;
    Some(Image {
        name: identity.name,
        version: identity.version,
        title: identity.title,
        arch: identity.arch,
        epoch: identity.epoch,
        directory: ctx.directory.to_owned(),
        manifest: path.to_owned(),
        alpine,
        packages,
        toolchains,
        sources,
        kernel,
        stage1,
        stage2,
        firmware,
        dialect: units.dialect.filter(|_| !units.list.is_empty()),
        units: units.list,
        accounts,
        groups,
        hostname: branding.hostname,
        os_release: branding.os_release,
        build_id: branding.build_id,
        files: requests,
        overlays,
        flists,
        strip: size.strip,
        upx: size.upx,
        drop: size.drop,
        max_initramfs: size.max_initramfs,
        max_efi: size.max_efi,
        compression,
        segments,
        outputs,
        publish,
        boot,
        overrides: Vec::new(),
    })
}

/// Adds the nearest of some names to a problem, as help and as a fix of the word at `span`; else the help that is given.
fn suggest<'a>(
    diagnostic: Diagnostic,
    wrong: &str,
    span: Span,
    names: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> Diagnostic {
    let names: Vec<&str> = names.into_iter().collect();
    match nearest(wrong, names.iter().copied()) {
        Some(name) => diagnostic
            .help(format!("did you mean `{name}`?"))
            .replace(format!("write `{name}`"), span, word(name))
            .safe_if(is_slip(wrong, names)),
        None => diagnostic.help(otherwise),
    }
}
