//! Which image is compared with which.

use crate::diagnostic::Diagnostic;
use crate::inspect::{Kind, Opened};

/// An image of the old side and the one of the new side that it is compared with; one of them may be missing.
pub(super) type Pair<'a> = (Option<&'a Opened>, Option<&'a Opened>);

/// The images of a side: one, or those of a folder.
pub(in super::super) struct Images<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) list: &'a [Opened],
    pub(in super::super) folder: bool,
}

/// Pairs images: two by themselves, one with the one of its kind in a folder, and those of two folders by name, then by kind.
///
/// # Errors
/// `zosc::diff::not-comparable`
pub(super) fn pairs<'a>(old: &Images<'a>, new: &Images<'a>) -> Result<Vec<Pair<'a>>, Diagnostic> {
    match (old.list, new.list) {
        ([one], [other]) if !old.folder && !new.folder => {
            if comparable(one, other) {
                Ok(vec![(Some(one), Some(other))])
            } else {
                Err(kinds(old.name, one, new.name, other))
            }
        }
        ([one], _) if !old.folder => {
            let other = alike(one, old.name, new)?;
            Ok(vec![(Some(one), Some(other))])
        }
        (_, [other]) if !new.folder => {
            let one = alike(other, new.name, old)?;
            Ok(vec![(Some(one), Some(other))])
        }
        (before, after) => Ok(folders(before, after)),
    }
}

/// Whether two images have something in common that can be compared: a kind, or files.
fn comparable(one: &Opened, other: &Opened) -> bool {
    let both_have_files = one.report.initramfs.is_some() && other.report.initramfs.is_some();
    one.report.kind == other.report.kind || both_have_files
}

/// The image of a folder that is of the same kind as another.
fn alike<'a>(image: &Opened, name: &str, folder: &Images<'a>) -> Result<&'a Opened, Diagnostic> {
    let kind = image.report.kind;
    let mut found = folder.list.iter().filter(|other| other.report.kind == kind);
    let names: Vec<String> = folder
        .list
        .iter()
        .map(|image| image.report.name.clone())
        .collect();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (first, _) => {
            let how_many = if first.is_some() {
                "several images"
            } else {
                "no image"
            };
            let fact = format!("`{}` has {how_many} of the kind of `{name}`", folder.name);
            let problem = Diagnostic::error("zosc::diff::not-comparable", fact);
            Err(problem.help(format!("name one of its files: {}", names.join(", "))))
        }
    }
}

fn folders<'a>(old: &'a [Opened], new: &'a [Opened]) -> Vec<Pair<'a>> {
    let file = |image: &Opened| {
        let name = image.report.name.rsplit('/').next();
        name.unwrap_or_default().to_owned()
    };
    let named = |image: &Opened, others: &'a [Opened]| {
        others.iter().find(|other| file(other) == file(image))
    };
    let left = |images: &'a [Opened], others: &'a [Opened], kind: Kind| {
        let left = images.iter().filter(|image| named(image, others).is_none());
        left.filter(|image| image.report.kind == kind)
            .collect::<Vec<_>>()
    };
    // The only one of its kind without a namesake is the same output under another name.
    let other = |image: &'a Opened, own: &'a [Opened], others: &'a [Opened]| {
        named(image, others).or_else(|| {
            let kind = image.report.kind;
            match (
                left(own, others, kind).as_slice(),
                left(others, own, kind).as_slice(),
            ) {
                ([_], [only]) => Some(*only),
                _ => None,
            }
        })
    };
    let mut pairs: Vec<Pair<'a>> = old
        .iter()
        .map(|image| (Some(image), other(image, old, new)))
        .collect();
    let added = new.iter().filter(|image| other(image, new, old).is_none());
    pairs.extend(added.map(|image| (None, Some(image))));
    pairs
}

fn kinds(old: &str, one: &Opened, new: &str, other: &Opened) -> Diagnostic {
    let word = |image: &Opened| match image.report.kind {
        Kind::UnifiedKernelImage => "a unified kernel image",
        Kind::Kernel => "a kernel",
        Kind::EfiProgram => "an EFI program",
        Kind::Initramfs => "an initramfs",
    };
    let fact = format!("`{old}` is {}, and `{new}` is {}", word(one), word(other));
    Diagnostic::error("zosc::diff::not-comparable", fact)
        .help("compare two of a kind; a unified kernel image and an initramfs are compared by their files")
}
