//! Reading a recipe: a text becomes packages whose parts are known to fit together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::apk::dependency::Dependency;
use crate::apk::{PackageInfo, ScriptKind, version};
use crate::check::{Arch, mode, nearest_file, timestamp, whole_seconds};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{FileKind, Files};
use crate::manifest::{self, recipe as written};
use crate::source::{SourceMap, Span, Spanned};
use crate::syntax;
use crate::tree::ImagePath;

use super::files::unreadable;
use super::relation::Relation;
use super::request::{Content, Owner, PackageRequest, Placed, What};

/// What comes from the environment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The absolute folder that a relative path of the recipe itself starts from.
    pub current_directory: PathBuf,
    /// The value of the environment variable `SOURCE_DATE_EPOCH`, where it is set.
    pub source_date_epoch: Option<String>,
    /// The processor of packages that name none, and the folder of those for any.
    pub arch: Arch,
}

/// Reads a recipe; its text is added to `sources`. Any error in `sink` means no packages.
pub fn read_recipe(
    path: &Path,
    settings: &Settings,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Option<Vec<PackageRequest>> {
    let mut found = Diagnostics::new();
    let requests = read(path, settings, files, sources, &mut found);
    let failed = found.has_errors();
    found.sort();
    sink.extend(found);
    requests.filter(|_| !failed)
}

fn read(
    path: &Path,
    settings: &Settings,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Option<Vec<PackageRequest>> {
    let absolute = settings.current_directory.join(path);
    let bytes = files.read(&absolute, syntax::MAXIMUM_SIZE as u64);
    let text = bytes
        .map_err(|error| unreadable(path, &error))
        .and_then(syntax::read_text);
    let text = text.map_err(|problem| sink.push(problem)).ok()?;
    let source = sources.add(path.display().to_string(), text.as_str());
    let document = syntax::parse(source, &text, sink);
    let recipe = manifest::decode_recipe(&document, sink);
    if recipe.package.is_empty() && !recipe.damaged.contains("package") && !sink.has_errors() {
        sink.push(
            Diagnostic::error(
                "zosc::repository::no-package",
                format!("`{}` describes no package", path.display()),
            )
            .help("begin with `package NAME version=\"1.0-r0\" { … }`"),
        );
    }
    let mut reader = Reader {
        folder: absolute.parent().unwrap_or(Path::new("/")),
        files,
        sink,
        epoch: 0,
        arch: settings.arch,
        is_whole: !recipe.damaged.contains("package"),
    };
    reader.epoch = reader.epoch(&recipe, settings);
    let mut first: BTreeMap<&str, Span> = BTreeMap::new();
    let mut requests = Vec::new();
    for package in &recipe.package {
        if let Some(earlier) = first.insert(&package.name, package.name.span) {
            let problem = twice(
                format!("the package `{}` is described twice", package.name.value),
                package.name.span,
                earlier,
            );
            reader.sink.push(problem);
        }
        requests.push(reader.package(package));
    }
    Some(requests)
}

fn twice(message: String, later: Span, earlier: Span) -> Diagnostic {
    Diagnostic::error("zosc::repository::described-twice", message)
        .label(later, "again here")
        .label(earlier, "first here")
        .help("remove or rename one of them")
}

/// Why a path can be no file of a package, though it could be one of an image.
pub(super) fn fault(path: &ImagePath) -> Option<&'static str> {
    let first = path.components().next().unwrap_or_default();
    match () {
        () if path.is_root() => Some("it is the root itself"),
        () if first.starts_with('.') => Some("apk leaves out what begins with a dot at the top"),
        () if path.file_name().len() > 6 && path.file_name().starts_with(".keep_") => {
            Some("apk leaves out files that begin with `.keep_`")
        }
        () => None,
    }
}

pub(super) fn bad_path(path: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::repository::bad-path",
        format!("`{path}` cannot be in a package: {why}"),
    )
    .help("write the path that it shall have in the image, such as \"/usr/bin/agent\"")
}

struct Reader<'a> {
    folder: &'a Path,
    files: &'a dyn Files,
    sink: &'a mut Diagnostics,
    epoch: u64,
    arch: Arch,
    /// Whether all that packages say is known, so that something can be said to be absent.
    is_whole: bool,
}

impl Reader<'_> {
    fn epoch(&mut self, recipe: &written::Recipe, settings: &Settings) -> u64 {
        let bad = |text: &str, fault: &str| {
            Diagnostic::error(
                "zosc::repository::bad-epoch",
                format!("`{text}` is no time stamp for a package: {fault}"),
            )
        };
        match (&recipe.epoch, &settings.source_date_epoch) {
            (Some(text), _) => timestamp(text).unwrap_or_else(|fault| {
                let help = "write a date and time such as \"2026-11-01T00:00:00Z\"";
                self.sink.push(bad(text, fault).at(text.span).help(help));
                0
            }),
            (None, Some(text)) => whole_seconds(text).unwrap_or_else(|| {
                let help = "set SOURCE_DATE_EPOCH to whole seconds since 1970, or unset it";
                self.sink
                    .push(bad(text, "it is no number of seconds").help(help));
                0
            }),
            (None, None) => 0,
        }
    }

    fn package(&mut self, package: &written::Package) -> PackageRequest {
        let info = self.info(package);
        let mut scripts = BTreeMap::new();
        let mut first: BTreeMap<ScriptKind, Span> = BTreeMap::new();
        for script in &package.script {
            let kind = kind(script.kind.value);
            if let Some(earlier) = first.insert(kind, script.kind.span) {
                let message = format!("the script `{}` is there twice", kind.name());
                self.sink.push(twice(message, script.kind.span, earlier));
            }
            let content =
                self.content(script.text.as_ref(), script.from.as_ref(), script.kind.span);
            scripts.extend(content.map(|content| (kind, content)));
        }
        self.trigger(package);
        PackageRequest {
            folder: match package.arch.as_ref().map(|arch| arch.value) {
                Some(written::PackageArch::X86_64) => Arch::X86_64,
                Some(written::PackageArch::Aarch64) => Arch::Aarch64,
                Some(written::PackageArch::Noarch) | None => self.arch,
            }
            .to_string(),
            overlays: package
                .overlay
                .iter()
                .filter_map(|overlay| self.overlay(overlay))
                .collect(),
            entries: self.entries(package),
            info,
            scripts,
        }
    }

    fn info(&mut self, package: &written::Package) -> PackageInfo {
        let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
        // apk would take a text that begins with a letter, and sort it below all others.
        let starts = package
            .version
            .starts_with(|first: char| first.is_ascii_digit());
        if !starts || !version::is_valid(&package.version) {
            self.sink.push(
                Diagnostic::error(
                    "zosc::repository::bad-version",
                    format!("`{}` is no version", package.version.value),
                )
                .at(package.version.span)
                .help("write numbers with dots, then the release, such as \"1.4.0-r0\"; apk's suffixes are `_alpha`, `_beta`, `_pre`, `_rc`, `_git`, `_p`"),
            );
        }
        let arch = package.arch.as_ref().map(|arch| arch.value);
        PackageInfo {
            name: package.name.value.clone(),
            version: package.version.value.clone(),
            arch: match arch {
                Some(written::PackageArch::X86_64) => Arch::X86_64.name(),
                Some(written::PackageArch::Aarch64) => Arch::Aarch64.name(),
                Some(written::PackageArch::Noarch) => "noarch",
                None => self.arch.name(),
            }
            .to_owned(),
            description: text(&package.description).unwrap_or_default(),
            url: text(&package.url).unwrap_or_default(),
            license: text(&package.license).unwrap_or_default(),
            origin: text(&package.origin),
            maintainer: text(&package.maintainer),
            build_date: self.epoch,
            depends: self.dependencies(&package.depends, Relation::Dependency),
            provides: self.dependencies(&package.provides, Relation::Provision),
            provider_priority: number(package.provider_priority.as_ref()),
            install_if: self.dependencies(&package.install_if, Relation::Dependency),
            replaces: self.dependencies(&package.replaces, Relation::Dependency),
            replaces_priority: number(package.replaces_priority.as_ref()),
            triggers: package
                .triggers
                .iter()
                .map(|pattern| pattern.value.clone())
                .collect(),
            ..PackageInfo::default()
        }
    }

    fn dependencies(&mut self, written: &[Spanned<String>], relation: Relation) -> Vec<String> {
        let mut texts = Vec::new();
        for text in written {
            match Dependency::parse(text) {
                Ok(dependency) => match relation.fault(&dependency) {
                    None => texts.push(text.value.clone()),
                    Some(fault) => self.sink.push(
                        Diagnostic::error(
                            "zosc::repository::bad-relation",
                            format!("`{}` cannot stand here: {fault}", text.value),
                        )
                        .at(text.span)
                        .help(relation.help()),
                    ),
                },
                Err(problem) => self.sink.push(problem.at(text.span)),
            }
        }
        texts
    }

    /// A trigger script needs patterns, and patterns a script.
    fn trigger(&mut self, package: &written::Package) {
        let script = package
            .script
            .iter()
            .find(|script| script.kind.value == written::Kind::Trigger);
        let problem = match (script, package.triggers.first()) {
            (Some(script), None) => Diagnostic::error(
                "zosc::repository::idle-trigger",
                "the `trigger` script would never run: no directory triggers it",
            )
            .at(script.kind.span)
            .help("add `triggers \"/usr/share/agent/*\"`"),
            (None, Some(pattern)) if self.is_whole => Diagnostic::error(
                "zosc::repository::idle-trigger",
                "the package has no `trigger` script that this could run",
            )
            .at(pattern.span)
            .help("add `script trigger from=\"trigger.sh\"`"),
            _ => return,
        };
        self.sink.push(problem);
    }

    fn overlay(&mut self, overlay: &written::Overlay) -> Option<(Spanned<PathBuf>, ImagePath)> {
        let from = self.existing(&overlay.from, true)?;
        let to = match &overlay.to {
            None => ImagePath::root(),
            Some(to) => ImagePath::new(to)
                .map_err(|error| {
                    let problem = bad_path(to, &error.to_string()).at(to.span);
                    self.sink.push(problem);
                })
                .ok()?,
        };
        Some((from, to))
    }

    fn entries(&mut self, package: &written::Package) -> Vec<Placed> {
        let mut entries = Vec::new();
        for directory in &package.directory {
            entries.extend(self.placed(
                &directory.path,
                What::Directory,
                mode(directory.mode.as_ref(), 0o755),
                owner(
                    (directory.user.as_ref(), directory.uid.as_ref()),
                    (directory.group.as_ref(), directory.gid.as_ref()),
                ),
            ));
        }
        for file in &package.file {
            let Some(what) = self.what(file) else {
                continue;
            };
            entries.extend(self.placed(
                &file.to,
                what,
                mode(file.mode.as_ref(), 0o644),
                owner(
                    (file.user.as_ref(), file.uid.as_ref()),
                    (file.group.as_ref(), file.gid.as_ref()),
                ),
            ));
        }
        let mut first: BTreeMap<&ImagePath, Span> = BTreeMap::new();
        for placed in &entries {
            if let Some(earlier) = first.insert(&placed.path, placed.span) {
                let message = format!("`{}` is there twice", placed.path);
                self.sink.push(twice(message, placed.span, earlier));
            }
        }
        entries
    }

    fn placed(
        &mut self,
        to: &Spanned<String>,
        what: What,
        mode: u32,
        owner: Owner,
    ) -> Option<Placed> {
        let named = matches!(what, What::Directory) || !to.ends_with('/');
        let path = ImagePath::new(to).map_err(|error| error.to_string());
        let path = path.and_then(|path| match fault(&path) {
            Some(fault) => Err(fault.to_owned()),
            None if !named => Err("it ends with a slash, and a file has a name".to_owned()),
            None => Ok(path),
        });
        match path {
            Ok(path) => Some(Placed {
                path,
                span: to.span,
                what,
                mode,
                owner,
            }),
            Err(why) => {
                self.sink.push(bad_path(to, &why).at(to.span));
                None
            }
        }
    }

    fn what(&mut self, file: &written::File) -> Option<What> {
        let Some(link) = &file.link else {
            let content = self.content(file.text.as_ref(), file.from.as_ref(), file.to.span);
            return content.map(What::File);
        };
        if let Some(other) = file.text.as_ref().or(file.from.as_ref()) {
            self.sink.push(two_contents(other.span, link.span));
            return None;
        }
        if link.is_empty() || link.len() >= 4096 || link.chars().any(char::is_control) {
            self.sink.push(
                bad_path(
                    &link.escape_debug().to_string(),
                    "a link points to a path without control characters",
                )
                .at(link.span),
            );
            return None;
        }
        Some(What::Link(link.value.clone()))
    }

    /// A content that is given here or in a file; `span` stands for a missing one.
    fn content(
        &mut self,
        text: Option<&Spanned<String>>,
        from: Option<&Spanned<String>>,
        span: Span,
    ) -> Option<Content> {
        match (text, from) {
            (Some(text), None) => Some(Content::Bytes(text.as_bytes().to_vec())),
            (None, Some(from)) => self.existing(from, false).map(Content::Local),
            (Some(text), Some(from)) => {
                self.sink.push(two_contents(from.span, text.span));
                None
            }
            (None, None) if !self.is_whole => None,
            (None, None) => {
                self.sink.push(
                    Diagnostic::error("zosc::repository::file-content", "there is no content")
                        .at(span)
                        .help(
                            "write `text=\"…\"` or `from=\"FILE\"`; an empty file is `text=\"\"`",
                        ),
                );
                None
            }
        }
    }

    /// A file or folder of this machine that must exist.
    fn existing(&mut self, path: &Spanned<String>, folder: bool) -> Option<Spanned<PathBuf>> {
        let disk = self.folder.join(&path.value);
        let problem = |what: &str| {
            Diagnostic::error(
                "zosc::repository::file-not-found",
                format!("`{}` {what}", path.value),
            )
            .at(path.span)
        };
        let problem = match (self.files.kind(&disk), folder) {
            (Some(FileKind::File(_)), false) | (Some(FileKind::Directory), true) => {
                return Some(Spanned::new(disk, path.span));
            }
            (Some(_), false) => {
                problem("is no file").help("name a file here; `overlay` takes a folder")
            }
            (Some(_), true) => {
                problem("is no folder").help("name a folder here; `file` takes a file")
            }
            (None, _) => match nearest_file(self.files, &disk) {
                Some(near) => problem("is not there").help(format!("did you mean `{near}`?")),
                None => problem("is not there").help("paths are relative to the recipe"),
            },
        };
        self.sink.push(problem);
        None
    }
}

fn two_contents(one: Span, other: Span) -> Diagnostic {
    Diagnostic::error("zosc::repository::file-content", "there are two contents")
        .label(one, "one")
        .label(other, "another")
        .help("keep one of `text`, `from` and `link`")
}

fn number(written: Option<&Spanned<u32>>) -> u64 {
    written.map_or(0, |number| u64::from(number.value))
}

fn owner(
    (user, uid): (Option<&Spanned<String>>, Option<&Spanned<u32>>),
    (group, gid): (Option<&Spanned<String>>, Option<&Spanned<u32>>),
) -> Owner {
    // A number alone must not lose against the name `root`.
    let name = |name: Option<&Spanned<String>>, number: Option<&Spanned<u32>>| match (name, number)
    {
        (Some(name), _) => name.value.clone(),
        (None, Some(_)) => String::new(),
        (None, None) => "root".to_owned(),
    };
    Owner {
        user: name(user, uid),
        group: name(group, gid),
        uid: uid.map_or(0, |uid| uid.value),
        gid: gid.map_or(0, |gid| gid.value),
    }
}

fn kind(kind: written::Kind) -> ScriptKind {
    match kind {
        written::Kind::PreInstall => ScriptKind::PreInstall,
        written::Kind::PostInstall => ScriptKind::PostInstall,
        written::Kind::PreUpgrade => ScriptKind::PreUpgrade,
        written::Kind::PostUpgrade => ScriptKind::PostUpgrade,
        written::Kind::PreDeinstall => ScriptKind::PreDeinstall,
        written::Kind::PostDeinstall => ScriptKind::PostDeinstall,
        written::Kind::Trigger => ScriptKind::Trigger,
    }
}
