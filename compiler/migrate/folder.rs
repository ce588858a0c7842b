//! The folder of a bash builder's configuration: its texts, with credentials hidden, and its files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{FileKind, Files};
use crate::source::{SourceId, SourceMap, Span};

use super::secrets::Secrets;

/// The largest file that is read; a kernel's configuration has 200 KiB.
const LARGEST: u64 = 1 << 20;

/// How many units, and how many scripts, are read.
const MOST_FILES: usize = 1000;

/// Lists that the builder read, each by its name in the folder.
const LISTS: &[&str] = &[
    "build.conf",
    "packages.list",
    "sources.conf",
    "modules.conf",
    "firmware.conf",
    "rfs.conf",
];

/// Files that the builder took as they are.
const WHOLE: &[&str] = &["init", "kernel.config"];

/// A text of the folder.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// The text in the source map.
    pub(super) source: SourceId,
    /// Its name within the folder.
    pub(super) name: String,
    /// The text without credentials.
    pub(super) content: Arc<str>,
    /// Whether the name in the folder is a symbolic link.
    pub(super) is_link: bool,
}

impl Text {
    /// The start of the text.
    pub(super) fn top(&self) -> Span {
        let first = self.content.lines().next().unwrap_or("");
        Span::new(self.source, 0, first.len())
    }
}

/// A file that is carried over as it is.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    /// Its name within the folder.
    pub(super) name: String,
    /// Its content.
    pub(super) bytes: Vec<u8>,
}

/// Everything in the folder that has a meaning.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The lists by name.
    pub(super) lists: BTreeMap<&'static str, Text>,
    /// Units, `zinit/*.yaml` and `zinit/*.yml`.
    pub(super) units: Vec<Text>,
    /// Scripts of `zinit/init/`.
    pub(super) scripts: Vec<Whole>,
    /// `init`.
    pub(super) init: Option<Whole>,
    /// `kernel.config`.
    pub(super) kernel_config: Option<Whole>,
    /// Names without a known meaning.
    pub(super) unknown: Vec<String>,
}

/// Reads a folder; `None` where there is none, or nothing known in it.
pub(super) fn read(
    path: &Path,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Option<Folder> {
    let mut reader = Reader {
        path,
        files,
        sink,
        raw: Vec::new(),
    };
    let mut folder = reader.top()?;
    reader.zinit(&mut folder);
    let raw = std::mem::take(&mut reader.raw);
    let mut secrets = Secrets::default();
    for file in &raw {
        secrets.collect(&file.text);
    }
    for file in raw {
        let hidden = secrets.hide(&file.text);
        let shown = path.join(&file.name).display().to_string();
        let source = sources.add(shown, hidden);
        let text = sources.get(source).map(|source| source.text.clone());
        let text = Text {
            source,
            content: text.unwrap_or_default(),
            is_link: files.is_link(&path.join(&file.name)),
            name: file.name,
        };
        match LISTS.iter().find(|list| **list == text.name) {
            Some(list) => drop(folder.lists.insert(list, text)),
            None => folder.units.push(text),
        }
    }
    let mut clean = |file: &Whole| {
        let found = secrets.are_in(&file.bytes);
        if found {
            sink.push(holds_a_credential(&path.join(&file.name)));
        }
        !found
    };
    folder.scripts.retain(&mut clean);
    folder.init = folder.init.filter(&mut clean);
    folder.kernel_config = folder.kernel_config.filter(&mut clean);
    Some(folder)
}

/// A text before its credentials are hidden.
struct Raw {
    name: String,
    text: String,
}

struct Reader<'a> {
    path: &'a Path,
    files: &'a dyn Files,
    sink: &'a mut Diagnostics,
    raw: Vec<Raw>,
}

impl Reader<'_> {
    fn top(&mut self) -> Option<Folder> {
        let shown = self.path.display();
        let names = match self.files.list(self.path) {
            Ok(names) => names,
            Err(error) => {
                self.sink.push(
                    Diagnostic::error(
                        "zosc::migrate::no-configuration",
                        format!("the folder `{shown}` cannot be read: {error}"),
                    )
                    .help("name the folder that holds `build.conf` and `packages.list`"),
                );
                return None;
            }
        };
        let mut folder = Folder::default();
        for name in names {
            if LISTS.contains(&name.as_str()) {
                self.text(&name);
            } else if WHOLE.contains(&name.as_str()) {
                let file = self.whole(&name);
                match name.as_str() {
                    "init" => folder.init = file,
                    _ => folder.kernel_config = file,
                }
            } else if name != "zinit" {
                folder.unknown.push(name);
            }
        }
        let zinit = self.files.kind(&self.path.join("zinit")).is_some();
        if self.raw.is_empty() && folder.kernel_config.is_none() && !zinit {
            self.sink.push(
                Diagnostic::error(
                    "zosc::migrate::no-configuration",
                    format!("`{shown}` holds no configuration of a builder"),
                )
                .help(format!(
                    "name the folder that holds `{}`",
                    LISTS.join("`, `")
                )),
            );
            return None;
        }
        Some(folder)
    }

    fn zinit(&mut self, folder: &mut Folder) {
        for name in self.names("zinit") {
            let inner = format!("zinit/{name}");
            let kind = self.files.kind(&self.path.join(&inner));
            let is_unit = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
            match kind {
                _ if name == "init" => {}
                Some(FileKind::File(_)) if is_unit => self.text(&inner),
                _ => folder.unknown.push(inner),
            }
        }
        for name in self.names("zinit/init") {
            let inner = format!("zinit/init/{name}");
            match self.files.kind(&self.path.join(&inner)) {
                Some(FileKind::File(_)) => folder.scripts.extend(self.whole(&inner)),
                _ => folder.unknown.push(inner),
            }
        }
    }

    /// Names in an inner folder; none where there is no such folder.
    fn names(&mut self, inner: &str) -> Vec<String> {
        let mut names = self.files.list(&self.path.join(inner)).unwrap_or_default();
        if names.len() > MOST_FILES {
            self.sink.push(Diagnostic::warning(
                "zosc::migrate::unreadable-file",
                format!("`{inner}` holds more than {MOST_FILES} files; the rest is left out"),
            ));
            names.truncate(MOST_FILES);
        }
        names
    }

    fn text(&mut self, name: &str) {
        let Some(bytes) = self.bytes(name) else {
            return;
        };
        match String::from_utf8(bytes) {
            Ok(text) => self.raw.push(Raw {
                name: name.to_owned(),
                text: text.replace("\r\n", "\n"),
            }),
            Err(_) => self.refuse(&self.path.join(name), "it is no UTF-8 text"),
        }
    }

    fn whole(&mut self, name: &str) -> Option<Whole> {
        let bytes = self.bytes(name)?;
        let name = name.to_owned();
        Some(Whole { name, bytes })
    }

    fn bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        let path = self.path.join(name);
        match self.files.read(&path, LARGEST) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.refuse(&path, &error.to_string());
                None
            }
        }
    }

    fn refuse(&mut self, path: &Path, why: &str) {
        self.sink.push(
            Diagnostic::warning(
                "zosc::migrate::unreadable-file",
                format!("`{}` is left out: {why}", path.display()),
            )
            .help("mend the file and run `zosc migrate` again"),
        );
    }
}

fn holds_a_credential(path: &Path) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::credential",
        format!("`{}` holds a credential and is left out", path.display()),
    )
    .help("have the file read it at run time, then copy it and name it with a `file` node")
}
