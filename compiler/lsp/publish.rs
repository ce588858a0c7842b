//! Problems as the client shows them, and which files there is news of.
//!
//! A file may be part of several manifests: it has the problems of all of them, each once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::source::{SourceMap, Span};

use super::client::Client;
use super::project::Project;
use super::protocol as lsp;
use super::text::{Encoding, Text};
use super::uri::Own;
use super::view::Workspace;

/// Codes of problems in which what is marked does nothing: clients fade it.
const UNNECESSARY: [&str; 8] = [
    "zosc::check::duplicate-module",
    "zosc::check::duplicate-package",
    "zosc::check::ignored-unit-file",
    "zosc::check::needless-setting",
    "zosc::lock::asked-twice",
    "zosc::lock::built-in-module",
    "zosc::lock::module-twice",
    "zosc::syntax::empty-slashdash",
];

/// Problems of a file, with the version of its open text that they are about.
type Told = (Option<i32>, Vec<lsp::Diagnostic>);
type Problems = BTreeMap<PathBuf, Told>;

/// What the client was told, and what it is to be told.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// The problems of each project by its manifest, as the last check about the latest texts had them.
    projects: BTreeMap<PathBuf, Problems>,
    /// What the client shows.
    shown: Problems,
}

impl Publisher {
    /// Takes the problems of a project that was checked.
    pub(super) fn take(&mut self, workspace: &Workspace, project: &Project) {
        // A file of the library is no whole manifest, and nobody's to mend.
        let problems = if workspace.is_shipped(&project.entry) {
            let version = workspace.version(&project.entry);
            Problems::from([(project.entry.clone(), (version, Vec::new()))])
        } else {
            problems(workspace, project)
        };
        self.projects.insert(project.entry.clone(), problems);
    }

    /// Forgets projects that there are no more.
    pub(super) fn keep(&mut self, workspace: &Workspace) {
        self.projects
            .retain(|entry, _| workspace.projects.contains_key(entry));
    }

    /// What the client does not know yet.
    pub(super) fn news(&mut self, workspace: &Workspace) -> Vec<lsp::PublishDiagnosticsParams> {
        let mut files: Problems = BTreeMap::new();
        for (path, (version, problems)) in self.projects.values().flatten() {
            let known = files
                .entry(path.clone())
                .or_insert_with(|| (*version, Vec::new()));
            // One of the projects may not have been checked since the text has changed.
            known.0 = known.0.min(*version);
            for problem in problems {
                if !known.1.contains(problem) {
                    known.1.push(problem.clone());
                }
            }
        }
        // What has no problems any more is told once.
        for path in self.shown.keys() {
            let none = || (workspace.version(path), Vec::new());
            files.entry(path.clone()).or_insert_with(none);
        }
        let mut news = Vec::new();
        for (path, now) in files {
            if self.shown.get(&path) == Some(&now) {
                continue;
            }
            let version = now.0;
            news.push(lsp::PublishDiagnosticsParams {
                uri: workspace.documents.uri(&path),
                version,
                diagnostics: now.1.clone(),
            });
            if version.is_none() && now.1.is_empty() {
                self.shown.remove(&path);
            } else {
                self.shown.insert(path, now);
            }
        }
        news
    }
}

/// The problems of each file of a project, those without any included.
fn problems(workspace: &Workspace, project: &Project) -> Problems {
    let sources = &project.checked.sources;
    let places = Places::new(&workspace.client, sources, &project.entry);
    let mut files: Problems = BTreeMap::new();
    let none = |path: &Path| (workspace.version(path), Vec::new());
    for (_, source) in sources.iter() {
        // An open file is told of also when it is well: then the editor knows that it was looked at.
        let open = source
            .file
            .as_ref()
            .filter(|path| workspace.documents.get(path).is_some());
        if let Some(path) = open {
            files.entry(path.clone()).or_insert_with(|| none(path));
        }
    }
    for problem in &project.checked.diagnostics {
        let (path, told) = places.problem(workspace, problem);
        let about = none(&path);
        files.entry(path).or_insert(about).1.push(told);
    }
    files
}

/// Places of spans in the files of a check, as the client counts them.
pub(super) struct Places<'a> {
    client: &'a Client,
    sources: &'a SourceMap,
    entry: &'a Path,
    texts: BTreeMap<u32, Text>,
}

impl<'a> Places<'a> {
    /// Finds the lines of every file.
    pub(super) fn new(client: &'a Client, sources: &'a SourceMap, entry: &'a Path) -> Self {
        let texts = sources.iter();
        Self {
            client,
            sources,
            entry,
            texts: texts
                .map(|(id, source)| (id.0, Text::new(source.text.clone())))
                .collect(),
        }
    }

    /// The file and the range of a span; `None` for one in the library or in a setting.
    fn place(&self, span: Span) -> Option<(&'a Path, lsp::Range)> {
        let path = self.sources.get(span.source)?.file.as_deref()?;
        let text = self.texts.get(&span.source.0)?;
        Some((path, text.range(span.range(), self.client.encoding)))
    }

    /// A problem, and the file in which it is shown: the one that it is in, else the manifest.
    pub(super) fn problem(
        &self,
        workspace: &Workspace,
        problem: &Diagnostic,
    ) -> (PathBuf, lsp::Diagnostic) {
        let (first, others) = problem
            .labels
            .split_first()
            .map_or((None, &[][..]), |(first, others)| (Some(first), others));
        let place = first.and_then(|label| self.place(label.span));
        let (path, range) =
            place.unwrap_or_else(|| (self.entry, Text::new("").range(0..0, Encoding::Utf8)));
        let mut message = problem.message.clone();
        let mut more = |line: &str| {
            message.push('\n');
            message.push_str(line);
        };
        if let Some(label) = first {
            match self.sources.get(label.span.source) {
                Some(source) if place.is_none() => more(&format!("in {}", source.name)),
                _ if label.message.is_empty() => {}
                _ => more(&label.message),
            }
        }
        problem
            .notes
            .iter()
            .map(String::as_str)
            .chain(problem.help.as_deref())
            .for_each(&mut more);
        let related: Vec<_> = others
            .iter()
            .filter_map(|label| self.related(workspace, label))
            .collect();
        let can = |what: &str| {
            self.client
                .has(&format!("/textDocument/publishDiagnostics/{what}"))
        };
        if !can("relatedInformation") {
            for label in others {
                let at = self.sources.position(label.span);
                let name = self
                    .sources
                    .get(label.span.source)
                    .map_or("", |source| &source.name);
                more(&format!("{} ({name}:{})", described(label), at.line));
            }
        }
        let told = lsp::Diagnostic {
            range,
            severity: Some(match problem.severity {
                Severity::Error => lsp::DiagnosticSeverity::Error,
                Severity::Warning => lsp::DiagnosticSeverity::Warning,
            }),
            code: Some(problem.code.to_owned().into()),
            code_description: (self.client.shows_contents() && can("codeDescriptionSupport")).then(
                || lsp::CodeDescription {
                    href: Own::Page(problem.code.to_owned()).uri(),
                },
            ),
            source: Some("zosc".to_owned()),
            message: message.into(),
            tags: (UNNECESSARY.contains(&problem.code) && can("tagSupport"))
                .then(|| vec![lsp::DiagnosticTag::Unnecessary]),
            related_information: (can("relatedInformation") && !related.is_empty())
                .then_some(related),
            data: None,
        };
        (path.to_owned(), told)
    }

    fn related(
        &self,
        workspace: &Workspace,
        label: &Label,
    ) -> Option<lsp::DiagnosticRelatedInformation> {
        let (path, range) = self.place(label.span)?;
        Some(lsp::DiagnosticRelatedInformation {
            location: lsp::Location {
                uri: workspace.documents.uri(path),
                range,
            },
            message: described(label).to_owned(),
        })
    }
}

/// What a second place has to say; some say nothing.
fn described(label: &Label) -> &str {
    if label.message.is_empty() {
        "see here"
    } else {
        &label.message
    }
}
