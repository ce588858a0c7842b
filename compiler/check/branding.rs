//! The `branding` section.

use crate::diagnostic::Diagnostic;
use crate::manifest::branding::{OsRelease, Text};
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;

use super::identity::Identity;
use super::templates::Part;
use super::{Ctx, FileRequest};

/// How the image names itself.
#[derive(Default)]
pub(super) struct Branding {
    pub(super) hostname: Option<String>,
    pub(super) os_release: Option<Vec<(String, String)>>,
    pub(super) build_id: Option<ImagePath>,
}

/// Resolves the section; its texts are added to `requests`.
pub(super) fn resolve(
    ctx: &mut Ctx<'_>,
    identity: Option<&Identity>,
    requests: &mut Vec<FileRequest>,
) -> Branding {
    let manifest = ctx.manifest;
    let Some(branding) = &manifest.branding else {
        return Branding::default();
    };
    if let Some(hostname) = &branding.hostname {
        fixed(ctx, "/etc/hostname", hostname.span);
    }
    if let Some(os_release) = &branding.os_release {
        fixed(ctx, "/etc/os-release", os_release.id.span);
    }
    requests.extend(text(ctx, branding.motd.as_ref(), "/etc/motd"));
    requests.extend(text(ctx, branding.issue.as_ref(), "/etc/issue"));
    let build_id = branding.build_id.as_ref().and_then(|path| {
        let path = ctx.image_file(path)?;
        ctx.claim(&path, "the build id");
        Some(path.value)
    });
    Branding {
        hostname: branding.hostname.as_ref().map(|name| name.value.clone()),
        os_release: branding
            .os_release
            .as_ref()
            .and_then(|release| os_release(ctx, release, identity)),
        build_id,
    }
}

/// Claims a path that branding always writes.
fn fixed(ctx: &mut Ctx<'_>, path: &str, span: Span) -> Option<Spanned<ImagePath>> {
    let path = Spanned::new(ImagePath::new(path).ok()?, span);
    ctx.claim(&path, "branding");
    Some(path)
}

fn text(ctx: &mut Ctx<'_>, text: Option<&Spanned<Text>>, path: &str) -> Option<FileRequest> {
    let text = text?;
    let to = fixed(ctx, path, text.span)?;
    if let (Some(file), Some(from)) = (&text.file, &text.from) {
        ctx.clash(
            "zosc::check::file-content",
            format!("`{path}` has two contents"),
            from.span,
            file.span,
            "keep one of them",
        );
        return None;
    }
    let content = ctx.text_or_file(
        text.text.as_ref(),
        text.file.as_ref().or(text.from.as_ref()),
        text.span,
        ("branding", &format!("`{path}`")),
    )?;
    Some(FileRequest {
        to,
        content,
        mode: 0o644,
        uid: 0,
        gid: 0,
    })
}

fn os_release(
    ctx: &mut Ctx<'_>,
    release: &OsRelease,
    identity: Option<&Identity>,
) -> Option<Vec<(String, String)>> {
    let known = ["version", "name", "title", "arch"].map(str::to_owned);
    for value in [&release.name, &release.pretty].into_iter().flatten() {
        ctx.one_line(value, "a name in os-release");
    }
    let pretty = match &release.pretty {
        Some(pretty) => Some(ctx.template(pretty, &known)?),
        None => None,
    };
    let identity = identity?;
    let name = release.name.as_ref();
    let name = name.map_or(identity.title.clone(), |name| name.value.clone());
    let pretty = match pretty {
        Some(parts) => filled(&parts, identity),
        None => format!("{name} {}", identity.version).trim_end().to_owned(),
    };
    let mut lines = vec![
        ("NAME".to_owned(), name),
        ("ID".to_owned(), release.id.value.clone()),
    ];
    if !identity.version.is_empty() {
        lines.push(("VERSION_ID".to_owned(), identity.version.clone()));
    }
    lines.push(("PRETTY_NAME".to_owned(), pretty));
    Some(lines)
}

fn filled(parts: &[Part<'_>], identity: &Identity) -> String {
    let text = parts.iter().map(|part| match part {
        Part::Text(text) => *text,
        Part::Variable("version") => &identity.version,
        Part::Variable("title") => &identity.title,
        Part::Variable("arch") => identity.arch.name(),
        Part::Variable(_) => &identity.name,
    });
    text.collect::<String>().trim_end().to_owned()
}

impl Ctx<'_> {
    /// Refuses a text that must fit on one line.
    pub(super) fn one_line(&mut self, text: &Spanned<String>, what: &str) {
        if text.chars().any(char::is_control) {
            self.push(
                Diagnostic::error(
                    "zosc::check::control-character",
                    format!("{what} holds a line end or another control character"),
                )
                .at(text.span)
                .help("write it on one line"),
            );
        }
    }
}
