//! From the path of a manifest to every text that it consists of, parsed and decoded.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::io::{FileKind, Files};
use crate::manifest::{self, Manifest};
use crate::source::{SourceId, SourceMap, Span, Spanned};
use crate::syntax::{self, Document};

use super::merging::Declared;
use super::overrides::{self, Changes};
use super::places::{Location, Places, fault, nearest_file, normal};
use super::{Override, Settings, environment, library, listed, quoted};

/// How many files one manifest may consist of.
const MAXIMUM_FILES: usize = 200;

/// Everything that was read.
pub(super) struct Loaded {
    /// The absolute path of the manifest.
    pub(super) path: PathBuf,
    /// The files, imported ones before those that import them.
    pub(super) manifests: Vec<Manifest>,
    /// Names that the files declare, whether or not what they name could be decoded.
    pub(super) declared: Declared,
    /// Where relative paths start.
    pub(super) places: Places,
    /// What the environment and `--set` changed.
    pub(super) overrides: Vec<Override>,
}

/// One file on its way.
struct File {
    document: Document,
    manifest: Manifest,
    /// What decoding had to say; thrown away where a setting changes the document.
    problems: Diagnostics,
}

struct Loader<'a> {
    files: &'a dyn Files,
    sources: &'a mut SourceMap,
    sink: &'a mut Diagnostics,
    current_directory: &'a Path,
    places: Places,
    /// Files in the order in which they were finished.
    done: Vec<File>,
    /// Every location that was met, and whether it is finished.
    met: BTreeMap<Location, bool>,
    /// The imports that lead to the file at hand.
    trail: Vec<(Location, Span)>,
}

/// Reads a manifest and its imports; `None` where the manifest itself cannot be read.
pub(super) fn load(
    entry: &Path,
    settings: &Settings,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Option<Loaded> {
    let path = normal(&settings.current_directory.join(entry));
    let mut loader = Loader {
        files,
        sources,
        sink,
        current_directory: &settings.current_directory,
        places: Places::default(),
        done: Vec::new(),
        met: BTreeMap::new(),
        trail: Vec::new(),
    };
    let text = loader.read_entry(entry, &path)?;
    let location = Location::Disk(path.clone());
    let name = entry.display().to_string();
    let source = loader.sources.add_file(name, &path, text);
    loader.load(&location, source);
    let Loader {
        mut places,
        mut done,
        ..
    } = loader;
    let folder = location.folder();
    let mut documents: Vec<&mut Document> =
        done.iter_mut().map(|file| &mut file.document).collect();
    let mut changes = Changes::default();
    environment::apply(settings, &mut documents, sources, &mut changes, sink);
    let typed = &settings.overrides;
    overrides::apply(typed, &mut documents, sources, &mut changes, sink);
    for id in changes.sources {
        places.insert(id, folder.clone());
    }
    let declared = Declared::of(done.iter().map(|file| &file.document));
    let manifests = done.into_iter().map(|file| {
        if changes.documents.contains(&file.document.source) {
            return manifest::decode(&file.document, sink);
        }
        sink.extend(file.problems);
        file.manifest
    });
    Some(Loaded {
        path,
        manifests: manifests.collect(),
        declared,
        places,
        overrides: changes.overrides,
    })
}

/// The files of this machine that a manifest consists of, itself first, as far as they can be read.
pub fn files(entry: &Path, settings: &Settings, files: &dyn Files) -> Vec<PathBuf> {
    let mut sources = SourceMap::new();
    let _ = load(
        entry,
        settings,
        files,
        &mut sources,
        &mut Diagnostics::new(),
    );
    let sources = sources.iter().filter_map(|(_, source)| source.file.clone());
    sources.collect()
}

impl Loader<'_> {
    /// The text of the manifest itself.
    fn read_entry(&mut self, entry: &Path, path: &Path) -> Option<String> {
        let name = entry.display();
        let problem = match self.files.kind(path) {
            None => {
                let near = nearest_file(self.files, path);
                let problem =
                    Diagnostic::error("zosc::check::no-manifest", format!("there is no `{name}`"));
                match near {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("`zosc new` writes one to start from"),
                }
            }
            Some(FileKind::Directory) => {
                Diagnostic::error("zosc::check::no-manifest", format!("`{name}` is a folder")).help(
                    format!("name the file in it: `{}`", entry.join("zos.kdl").display()),
                )
            }
            Some(_) => match self.read_text(&Location::Disk(path.to_owned()), &name.to_string()) {
                Ok(text) => return Some(text),
                Err(problem) => problem,
            },
        };
        self.sink.push(problem);
        None
    }

    /// Parses, decodes and follows imports.
    fn load(&mut self, location: &Location, source: SourceId) {
        self.met.insert(location.clone(), false);
        self.places.insert(source, location.folder());
        let file = self.decoded(source);
        for import in &file.manifest.import {
            self.follow(location, &import.path);
        }
        self.met.insert(location.clone(), true);
        self.finish(file);
    }

    fn finish(&mut self, file: Box<File>) {
        self.done.push(*file);
    }

    /// One file, boxed and in a function of its own, so that files which import files take little of the stack.
    fn decoded(&mut self, source: SourceId) -> Box<File> {
        let text = self.sources.get(source).map(|source| source.text.clone());
        let document = syntax::parse(source, text.as_deref().unwrap_or(""), self.sink);
        let mut problems = Diagnostics::new();
        let manifest = manifest::decode(&document, &mut problems);
        Box::new(File {
            document,
            manifest,
            problems,
        })
    }

    fn follow(&mut self, from: &Location, import: &Spanned<String>) {
        let Some(to) = self.locate(from, import) else {
            return;
        };
        match self.met.get(&to) {
            Some(true) => return,
            Some(false) => return self.cycle(from, &to, import.span),
            None if self.met.len() >= MAXIMUM_FILES => {
                self.sink.push(
                    Diagnostic::error(
                        "zosc::check::too-many-imports",
                        format!("a manifest of more than {MAXIMUM_FILES} files"),
                    )
                    .at(import.span)
                    .help("join small files"),
                );
                return;
            }
            None => {}
        }
        let name = self.name(&to);
        match self.read_text(&to, &name) {
            Err(problem) => self.sink.push(problem.at(import.span)),
            Ok(text) => {
                let source = match &to {
                    Location::Disk(path) => self.sources.add_file(name, path, text),
                    Location::Library(_) => self.sources.add(name, text),
                };
                self.trail.push((from.clone(), import.span));
                self.load(&to, source);
                self.trail.pop();
            }
        }
    }

    /// The file that an import names, if there is one.
    fn locate(&mut self, from: &Location, import: &Spanned<String>) -> Option<Location> {
        if let Some(fault) = fault(import) {
            self.sink.push(
                Diagnostic::error("zosc::check::bad-path", format!("the path {fault}"))
                    .at(import.span)
                    .help("name a file relative to this one, or `std:NAME`"),
            );
            return None;
        }
        let to = from.imported(import);
        let exists = match &to {
            Some(Location::Library(path)) => library::read(path).is_some(),
            Some(Location::Disk(path)) => self.files.kind(path).is_some(),
            None => false,
        };
        if exists {
            return to;
        }
        self.not_found(to, import);
        None
    }

    fn not_found(&mut self, to: Option<Location>, import: &Spanned<String>) {
        let problem = Diagnostic::error(
            "zosc::check::import-not-found",
            format!("there is no `{}` to import", import.value),
        )
        .at(import.span);
        let folder = import.rsplit_once('/').map(|(folder, _)| folder);
        let near = if let Some(Location::Disk(path)) = to {
            nearest_file(self.files, &path)
                .map(|near| folder.map_or(near.clone(), |folder| format!("{folder}/{near}")))
        } else {
            let names = library::names();
            nearest(import, names.iter().map(String::as_str)).map(str::to_owned)
        };
        self.sink.push(match near {
            Some(near) => problem.help(format!("did you mean `{near}`?")).replace(
                format!("write `{near}`"),
                import.span,
                quoted(&near),
            ),
            None if import.starts_with(library::PREFIX) => {
                let names = library::names();
                problem.help(format!(
                    "zosc ships {}",
                    listed(names.iter().map(String::as_str))
                ))
            }
            None => problem.help("paths are relative to the file that imports"),
        });
    }

    fn cycle(&mut self, from: &Location, to: &Location, last: Span) {
        let start = self
            .trail
            .iter()
            .position(|(file, _)| file == to)
            .unwrap_or(self.trail.len());
        let ring: Vec<(Location, Span)> = self.trail.get(start..).unwrap_or(&[]).to_vec();
        let mut path: Vec<String> = ring.iter().map(|(file, _)| self.name(file)).collect();
        path.push(self.name(from));
        path.push(self.name(to));
        let mut problem = Diagnostic::error(
            "zosc::check::import-cycle",
            format!("files import one another: `{}`", path.join("` → `")),
        )
        .label(last, "this closes the ring");
        for (_, span) in ring {
            problem = problem.at(span);
        }
        self.sink
            .push(problem.help("move what both need into a file of its own that imports neither"));
    }

    fn read_text(&self, location: &Location, name: &str) -> Result<String, Diagnostic> {
        let bytes = match location {
            Location::Library(path) => library::read(path).unwrap_or_default().to_vec(),
            Location::Disk(path) => self
                .files
                .read(path, syntax::MAXIMUM_SIZE as u64)
                .map_err(|error| unreadable(name, &error))?,
        };
        syntax::read_text(bytes).map_err(|mut problem| {
            problem.message = format!("`{name}` is no UTF-8 text");
            problem
        })
    }

    /// How people know a file: relative to the folder they are in where that is shorter.
    fn name(&self, location: &Location) -> String {
        match location {
            Location::Library(path) => {
                format!("{}{}", library::PREFIX, path.trim_end_matches(".kdl"))
            }
            Location::Disk(path) => path
                .strip_prefix(self.current_directory)
                .unwrap_or(path)
                .display()
                .to_string(),
        }
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostic {
    if error.kind() == ErrorKind::FileTooLarge {
        return Diagnostic::error(
            "zosc::check::file-too-large",
            format!("`{name}` is larger than a manifest may be"),
        )
        .help(format!(
            "a manifest has at most {} bytes: put long texts into files of their own and name them with `from=`, or split it and `import` the parts",
            syntax::MAXIMUM_SIZE
        ));
    }
    Diagnostic::error(
        "zosc::check::unreadable-file",
        format!("`{name}` cannot be read: {error}"),
    )
    .help("check the file's permissions")
}
