//! The `file` and `overlay` sections.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::files as written;
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;

use super::places::{Location, Want};
use super::quantities::mode;
use super::{Ctx, FileContent, FileRequest, Overlay};

/// The largest file that a file of the library names with `from=`; they are small.
const LARGEST_LIBRARY_FILE: u64 = 16 << 20;

/// Resolves the `file` sections.
pub(super) fn resolve(ctx: &mut Ctx<'_>) -> Vec<FileRequest> {
    let manifest = ctx.manifest;
    let mut requests = Vec::new();
    for file in &manifest.file {
        let to = ctx.image_file(&file.to);
        if let Some(to) = &to {
            ctx.claim(to, "a file of the manifest");
        }
        let content = content(ctx, file);
        let (Some(to), Some(content)) = (to, content) else {
            continue;
        };
        requests.push(FileRequest {
            to,
            content,
            mode: mode(file.mode.as_ref(), 0o644),
            uid: file.uid.as_ref().map_or(0, |uid| uid.value),
            gid: file.gid.as_ref().map_or(0, |gid| gid.value),
        });
    }
    requests
}

fn content(ctx: &mut Ctx<'_>, file: &written::File) -> Option<FileContent> {
    let places = [&file.text, &file.from, &file.link];
    let mut given = places.into_iter().flatten();
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::file-content",
                format!("the file `{}` has two contents", file.to.value),
            )
            .label(second.span, "one")
            .label(first.span, "another")
            .help("keep one of `text`, `from` and `link`"),
        );
        return None;
    }
    match &file.link {
        Some(link) => target(ctx, link).map(FileContent::Link),
        None => ctx.text_or_file(
            file.text.as_ref(),
            file.from.as_ref(),
            file.to.span,
            ("file", "the file"),
        ),
    }
}

fn target(ctx: &mut Ctx<'_>, link: &Spanned<String>) -> Option<String> {
    if link.is_empty() || link.len() >= 4096 || link.chars().any(char::is_control) {
        ctx.push(
            Diagnostic::error("zosc::check::bad-image-path", "the link points to no path")
                .at(link.span)
                .help("write the path that it points to, such as \"/bin/busybox\""),
        );
        return None;
    }
    Some(link.value.clone())
}

impl Ctx<'_> {
    /// A content that is given here or in a file; `span`, the section and a phrase for the file
    /// stand for a missing one.
    pub(super) fn text_or_file(
        &mut self,
        text: Option<&Spanned<String>>,
        from: Option<&Spanned<String>>,
        span: Span,
        (section, what): (&str, &str),
    ) -> Option<FileContent> {
        match (text, from) {
            (Some(text), None) => Some(FileContent::Bytes(text.as_bytes().into())),
            (None, Some(from)) => self.file_content(from),
            (None, None) if !self.is_whole(section) => None,
            (text, _) => {
                let fact = match text {
                    Some(_) => format!("{what} has two contents"),
                    None => format!("{what} has no content"),
                };
                let span = text.map_or(span, |text| text.span);
                self.push(
                    Diagnostic::error("zosc::check::file-content", fact)
                        .at(span)
                        .help(
                            "write `text=\"…\"` or `from=\"FILE\"`; an empty file is `text=\"\"`",
                        ),
                );
                None
            }
        }
    }

    fn file_content(&mut self, from: &Spanned<String>) -> Option<FileContent> {
        match self.locate(from)? {
            Location::Library(_) => {
                let bytes = self.read(from, LARGEST_LIBRARY_FILE)?;
                Some(FileContent::Bytes(bytes.into()))
            }
            Location::Disk(_) => self.existing(from, Want::File).map(FileContent::Local),
        }
    }
}

/// Resolves the `overlay` sections.
pub(super) fn overlays(ctx: &mut Ctx<'_>) -> Vec<Overlay> {
    let manifest = ctx.manifest;
    let mut overlays = Vec::new();
    let mut seen: BTreeMap<_, Span> = BTreeMap::new();
    for overlay in &manifest.overlay {
        let from = ctx.existing(&overlay.from, Want::Folder);
        let to = match &overlay.to {
            Some(to) => ctx.image_path(to).map(|to| to.value),
            None => Some(ImagePath::root()),
        };
        let (Some(from), Some(to)) = (from, to) else {
            continue;
        };
        if ctx.directory.starts_with(&from.value) {
            let fact = "the folder holds the manifest itself, and with it everything that is built";
            ctx.push(
                Diagnostic::error("zosc::check::bad-path", fact)
                    .at(from.span)
                    .help("name a folder that holds the image's files alone"),
            );
            continue;
        }
        if let Some(earlier) = seen.insert((from.value.clone(), to.clone()), from.span) {
            let message = format!(
                "the folder `{}` is laid over the image twice",
                overlay.from.value
            );
            ctx.clash(
                "zosc::check::duplicate-destination",
                message,
                from.span,
                earlier,
                "remove one of them",
            );
            continue;
        }
        overlays.push(Overlay { from, to });
    }
    overlays
}
