//! Environment variables of the builder that zosc replaces: they take the place of values of the manifest, as `--set` does.
//!
//! Comes in: the variables that are set, as [`Settings`] hands them over, and the documents. Goes out: changed documents, with the
//! environment as a source of its own, so that what is wrong with a value is shown in the variable. The command line wins over
//! the environment. `FORCE_REBUILD` and `REBUILD_FROM_STAGE` are about a build and no manifest: `zosc build` reads them.
//! A variable that changes nothing here is told of, because someone expects something of it; a switch with a value
//! that the old builder did not know (`DEBUG=*`) belongs to another program and is left alone.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::model::Scalar;
use crate::source::{SourceId, SourceMap, Span, Spanned};
use crate::syntax::{Document, Node, Value};

use super::overrides::{self, Changes, Setting};
use super::setting_paths::Form;
use super::{Override, Settings};

/// The names of all variables that are looked at.
pub const VARIABLES: &[&str] = &[
    "ALPINE_VERSION",
    "DEBUG",
    "FIRMWARE_TAG",
    "KERNEL_SUBPATH",
    "KERNEL_VERSION",
    "MANIFESTS_SUBPATH",
    "RUST_TARGET",
    "UPLOAD_KERNEL",
    "UPLOAD_MANIFESTS",
];

/// What `DEBUG` adds to the kernel's command line: the kernel and `/init` know the first, zinit the second.
const DEBUGGING: [&str; 2] = ["debug", "zinitdebug=1"];

/// What to do about a variable that nothing in the manifest answers to.
const UNSET: &str = "unset it, or add to the manifest what it is about";

/// What a variable is about.
enum Meaning {
    /// A value of the sections of one kind.
    Value {
        section: &'static str,
        /// Whether a section has the value.
        applies: fn(&Node) -> bool,
        /// The child that holds the value, where it is not the section itself.
        inside: Option<&'static str>,
        form: Form,
        /// What is said where no section has it.
        absent: &'static str,
    },
    /// More words on the kernel's command line.
    Debugging,
    /// Nothing in the manifest, which must have sections of this kind: `zosc build` publishes then.
    Publishing {
        section: &'static str,
        /// What is said where there is none.
        absent: &'static str,
    },
}

/// What a variable with this value means; `None` where the value is of no concern.
fn meaning(variable: &str, value: &str) -> Option<Meaning> {
    let is_on = matches!(value, "true" | "1");
    let switch = |meaning: Meaning| is_on.then_some(meaning);
    match variable {
        "ALPINE_VERSION" => Some(Meaning::Value {
            section: "alpine",
            applies: |_| true,
            inside: None,
            form: Form::Argument,
            absent: "there is no `alpine` section",
        }),
        "KERNEL_VERSION" => Some(Meaning::Value {
            section: "kernel",
            applies: |_| true,
            inside: None,
            form: Form::Argument,
            absent: "there is no `kernel` section",
        }),
        "RUST_TARGET" => Some(Meaning::Value {
            section: "source",
            applies: |source| {
                child(source, "build").is_some_and(|build| first(build) == Some("cargo"))
            },
            inside: Some("build"),
            form: Form::Property("target".to_owned()),
            absent: "no source is built with cargo",
        }),
        "FIRMWARE_TAG" => Some(Meaning::Value {
            section: "flist",
            applies: |flist| {
                child(flist, "pack").is_some_and(|pack| has_property(pack, "firmware"))
            },
            inside: None,
            form: Form::Child("tag".to_owned()),
            absent: "no flist packs firmware",
        }),
        "KERNEL_SUBPATH" => Some(Meaning::Value {
            section: "publish",
            applies: |publish| first(publish) == Some("s3"),
            inside: None,
            form: Form::Property("kernels".to_owned()),
            absent: "there is no `publish s3` section",
        }),
        "MANIFESTS_SUBPATH" => Some(Meaning::Value {
            section: "publish",
            applies: |publish| first(publish) == Some("s3"),
            inside: None,
            form: Form::Property("flists".to_owned()),
            absent: "there is no `publish s3` section",
        }),
        "DEBUG" => switch(Meaning::Debugging),
        "UPLOAD_KERNEL" => switch(Meaning::Publishing {
            section: "publish",
            absent: "there is no `publish` section",
        }),
        "UPLOAD_MANIFESTS" => switch(Meaning::Publishing {
            section: "flist",
            absent: "there is no `flist` section",
        }),
        _ => None,
    }
}

/// Puts the values of variables into the documents, of which the last is the manifest itself.
pub(super) fn apply(
    settings: &Settings,
    documents: &mut [&mut Document],
    sources: &mut SourceMap,
    changes: &mut Changes,
    sink: &mut Diagnostics,
) {
    let known = VARIABLES.iter().filter_map(|name| {
        let (_, value) = settings.environment.iter().find(|(key, _)| key == name)?;
        Some((*name, value.as_str(), meaning(name, value)?))
    });
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return;
    }
    let lines = known
        .iter()
        .map(|(name, value, _)| format!("{name}={value}\n"));
    let source = sources.add("<environment>", lines.collect::<String>());
    changes.sources.push(source);
    let typed: Vec<&str> = settings
        .overrides
        .iter()
        .filter_map(|setting| Some(setting.split_once('=')?.0))
        .collect();
    let mut start = 0;
    for (name, value, meaning) in known {
        let variable = Variable::new(name, value, source, start);
        start += name.len() + value.len() + 2;
        let outcome = match &meaning {
            Meaning::Publishing { section, absent } => {
                let mut nodes = documents.iter().flat_map(|document| &document.nodes);
                if nodes.any(|node| node.name.value == *section) {
                    Ok(())
                } else {
                    Err(variable.without_effect(absent, UNSET))
                }
            }
            Meaning::Debugging => variable.debug(documents, &typed, changes),
            Meaning::Value { .. } => variable.put(&meaning, documents, &typed, changes),
        };
        if let Err(problem) = outcome {
            sink.push(problem);
        }
    }
}

/// A variable that is set.
struct Variable {
    name: Spanned<&'static str>,
    value: Spanned<String>,
}

impl Variable {
    fn new(name: &'static str, value: &str, source: SourceId, start: usize) -> Self {
        let behind = start + name.len();
        let span = Span::new(source, start, behind);
        let place = Span::new(source, behind + 1, behind + 1 + value.len());
        Self {
            name: Spanned::new(name, span),
            value: Spanned::new(value.to_owned(), place),
        }
    }

    fn without_effect(&self, fact: &str, help: &str) -> Diagnostic {
        let message = format!("`{}` has no effect: {fact}", self.name.value);
        Diagnostic::warning("zosc::check::variable-without-effect", message)
            .at(self.name.span)
            .help(help)
    }

    /// Puts the value into every section that has it; the error says that there is none.
    fn put(
        &self,
        meaning: &Meaning,
        documents: &mut [&mut Document],
        typed: &[&str],
        changes: &mut Changes,
    ) -> Result<(), Diagnostic> {
        let Meaning::Value {
            section,
            applies,
            inside,
            form,
            absent,
        } = meaning
        else {
            return Ok(());
        };
        let mut found = false;
        for document in documents {
            let source = document.source;
            let sections = document.nodes.iter_mut();
            for node in sections.filter(|node| node.name.value == *section && applies(node)) {
                found = true;
                let path = path(node, *inside, form);
                if typed.contains(&path.as_str()) {
                    continue;
                }
                let setting = Setting {
                    path: Spanned::new(path, self.name.span),
                    value: self.value.clone(),
                };
                let holder = match inside {
                    Some(name) => overrides::children(node)
                        .iter_mut()
                        .find(|child| child.name.value == *name),
                    None => Some(node),
                };
                let Some(holder) = holder else { continue };
                let replaced = overrides::write(holder, form, &Scalar::Text, &setting);
                self.note(setting, source, replaced, changes);
            }
        }
        if found {
            return Ok(());
        }
        Err(self.without_effect(absent, UNSET))
    }

    /// Adds to the kernel's command line what makes everything tell more.
    fn debug(
        &self,
        documents: &mut [&mut Document],
        typed: &[&str],
        changes: &mut Changes,
    ) -> Result<(), Diagnostic> {
        const PATH: &str = "kernel.cmdline";
        let mut found = false;
        for document in documents {
            let source = document.source;
            let sections = document.nodes.iter_mut();
            for kernel in sections.filter(|node| node.name.value == "kernel") {
                found = true;
                let mut words = command_line(kernel);
                if typed.contains(&PATH) || words.iter().any(|word| word == DEBUGGING[0]) {
                    continue;
                }
                let before = words.len();
                words.extend(DEBUGGING.map(str::to_owned));
                let added = words.get(before..).unwrap_or_default().join(" ");
                let setting = |value: String| Setting {
                    path: Spanned::new(PATH.to_owned(), self.name.span),
                    value: Spanned::new(value, self.value.span),
                };
                overrides::add_words(overrides::children(kernel), "cmdline", &setting(added));
                self.note(setting(words.join(" ")), source, None, changes);
            }
        }
        if found {
            return Ok(());
        }
        let help = "unset it; it adds `debug` to the command line of the `kernel` section";
        Err(self.without_effect("there is no `kernel` section", help))
    }

    fn note(
        &self,
        setting: Setting,
        source: SourceId,
        replaced: Option<Span>,
        changes: &mut Changes,
    ) {
        changes.documents.insert(source);
        changes.overrides.push(Override {
            path: setting.path.value,
            value: setting.value.value,
            variable: Some(self.name.value),
            replaced,
        });
    }
}

/// The path by which `--set` knows a value.
fn path(section: &Node, inside: Option<&str>, form: &Form) -> String {
    let name = section.name.value.as_str();
    let identity = first(section).filter(|_| !matches!(form, Form::Argument));
    let member = match form {
        Form::Property(member) | Form::Child(member) => member,
        _ if name == "alpine" => "release",
        _ => "version",
    };
    let parts = [Some(name), identity, inside, Some(member)];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    parts.join(".")
}

fn child<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.children()
        .iter()
        .find(|child| child.name.value == name)
}

/// The first argument, where it is a text.
fn first(node: &Node) -> Option<&str> {
    match &node.arguments().next()?.value.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn has_property(node: &Node, name: &str) -> bool {
    let mut keys = node.entries.iter().filter_map(|entry| entry.key.as_ref());
    keys.any(|key| key.value == name)
}

/// The words of a kernel's command line so far.
fn command_line(kernel: &Node) -> Vec<String> {
    let lines = kernel.children().iter();
    let lines = lines.filter(|child| child.name.value == "cmdline");
    let words = lines.flat_map(Node::arguments);
    let words = words.filter_map(|word| match &word.value.value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    });
    words.collect()
}
