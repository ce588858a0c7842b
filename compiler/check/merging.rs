//! Several files become one manifest.
//!
//! Sections that may be repeated are joined, those of imported files first. Sections that there can be one of may stand in any
//! file, but only in one. Units that the importing file switches off are handled with the other units.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::Manifest;
use crate::source::Span;
use crate::syntax::{Document, Value};

/// Joins the files of a manifest.
pub(super) fn merge(files: Vec<Manifest>, sink: &mut Diagnostics) -> Manifest {
    let mut whole = Manifest::default();
    for mut file in files {
        join(&mut whole, &mut file);
        singles(&mut whole, file, sink);
    }
    whole
}

/// Adds the sections that may be repeated.
fn join(whole: &mut Manifest, file: &mut Manifest) {
    whole.damaged.append(&mut file.damaged);
    whole.import.append(&mut file.import);
    whole.packages.append(&mut file.packages);
    whole.toolchain.append(&mut file.toolchain);
    whole.source.append(&mut file.source);
    whole.modules.append(&mut file.modules);
    whole.firmware.append(&mut file.firmware);
    whole.unit.append(&mut file.unit);
    whole.account.append(&mut file.account);
    whole.group.append(&mut file.group);
    whole.file.append(&mut file.file);
    whole.overlay.append(&mut file.overlay);
    whole.flist.append(&mut file.flist);
    whole.publish.append(&mut file.publish);
}

/// Adds the sections that there can be one of.
fn singles(whole: &mut Manifest, file: Manifest, sink: &mut Diagnostics) {
    let mut clash = |name: &str, places: Option<(Span, Span)>| {
        let Some((new, earlier)) = places else { return };
        sink.push(
            Diagnostic::error(
                "zosc::check::duplicate-section",
                format!("`{name}` stands in two files"),
            )
            .label(new, "here")
            .label(earlier, "and here")
            .help("keep one of them; there is one such section in a manifest with all that it imports"),
        );
    };
    whole.edition = file.edition.or(whole.edition);
    clash(
        "image",
        single(&mut whole.image, file.image, |it| it.name.span),
    );
    clash(
        "alpine",
        single(&mut whole.alpine, file.alpine, |it| it.release.span),
    );
    clash(
        "zinit",
        single(&mut whole.zinit, file.zinit, |it| it.dialect.span),
    );
    clash(
        "kernel",
        single(&mut whole.kernel, file.kernel, |it| it.span),
    );
    clash(
        "branding",
        single(&mut whole.branding, file.branding, |it| it.span),
    );
    clash("size", single(&mut whole.size, file.size, |it| it.span));
    clash(
        "initramfs",
        single(&mut whole.initramfs, file.initramfs, |it| it.span),
    );
    clash(
        "outputs",
        single(&mut whole.outputs, file.outputs, |it| it.span),
    );
    clash("boot", single(&mut whole.boot, file.boot, |it| it.span));
}

/// Takes a section that there can be one of; of two, the one of the importing file counts from here on, and the places of
/// both are the answer.
fn single<T>(
    known: &mut Option<T>,
    new: Option<T>,
    span: impl Fn(&T) -> Span,
) -> Option<(Span, Span)> {
    let new = new?;
    let place = span(&new);
    let earlier = known.replace(new)?;
    Some((place, span(&earlier)))
}

/// Names that files declare, read from the bare syntax: what cannot be decoded is still not unknown.
#[derive(Debug, Default)]
pub(super) struct Declared {
    names: BTreeMap<String, BTreeSet<String>>,
    sections: BTreeSet<String>,
    /// Sections of which some could not be read, so that nothing can be said to be missing among them.
    partial: BTreeSet<String>,
    /// Whether some file could not be read at all.
    unreadable: bool,
}

impl Declared {
    pub(super) fn of<'a>(documents: impl Iterator<Item = &'a Document>) -> Self {
        let mut declared = Self::default();
        for document in documents {
            declared.unreadable |= document.unreadable;
            for node in &document.nodes {
                declared.sections.insert(node.name.value.clone());
                match node.arguments().next().map(|entry| &entry.value.value) {
                    Some(Value::String(name)) => {
                        let names = declared.names.entry(node.name.value.clone()).or_default();
                        names.insert(name.clone());
                    }
                    // A name that is there but not readable could be any.
                    _ if node.damaged => {
                        declared.partial.insert(node.name.value.clone());
                    }
                    _ => {}
                }
            }
            for name in &document.broken {
                declared.sections.insert(name.value.clone());
                declared.partial.insert(name.value.clone());
            }
        }
        declared
    }

    /// Whether something may be there under this name although no decoded section has it.
    pub(super) fn may_have(&self, section: &str, name: &str) -> bool {
        self.unsure(section)
            || self
                .names
                .get(section)
                .is_some_and(|names| names.contains(name))
    }

    /// Whether some section of this kind could not be read.
    pub(super) fn unsure(&self, section: &str) -> bool {
        self.unreadable || self.partial.contains(section)
    }

    /// Whether a section of this kind is written somewhere, sound or not.
    pub(super) fn has_section(&self, section: &str) -> bool {
        self.unreadable || self.sections.contains(section)
    }
}
