//! The `image` section: what the image is called, and its time.

use crate::diagnostic::Diagnostic;
use crate::manifest::image::Arch;
use crate::source::Span;

use super::Ctx;

/// What the image is called.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) arch: Arch,
    pub(super) epoch: Option<u64>,
}

/// Resolves the section; `epoch` is the value of `SOURCE_DATE_EPOCH`.
pub(super) fn resolve(ctx: &mut Ctx<'_>, epoch: Option<&str>) -> Option<Identity> {
    let Some(image) = &ctx.manifest.image else {
        if !ctx.declared.has_section("image") && ctx.is_whole("image") {
            let problem = Diagnostic::error(
                "zosc::check::no-image",
                "the manifest has no `image` section",
            )
            .help("begin it with `image NAME version=\"1.0\"`");
            ctx.push(with_image(ctx, problem));
        }
        return None;
    };
    let name = image.name.value.clone();
    let title = image.title.as_ref().map_or(&name, |title| &title.value);
    let title = title.clone();
    if let Some(title) = &image.title {
        ctx.one_line(title, "a title");
    }
    if let Some(version) = &image.version {
        ctx.one_line(version, "a version");
    }
    let written = image.epoch.as_ref().map(|text| (text.as_str(), text.span));
    let epoch = match written {
        Some((text, span)) => seconds(ctx, text, span),
        None => epoch.and_then(|text| source_date_epoch(ctx, text)),
    };
    let version = image.version.as_ref();
    Some(Identity {
        name,
        version: version.map_or_else(String::new, |version| version.value.clone()),
        title,
        arch: image
            .arch
            .as_ref()
            .map_or_else(Arch::default, |arch| arch.value),
        epoch,
    })
}

/// Offers to begin the manifest with an image, called as its folder.
fn with_image(ctx: &Ctx<'_>, problem: Diagnostic) -> Diagnostic {
    let mut sources = ctx.sources.iter();
    let Some((source, _)) = sources.find(|(_, source)| source.file.is_some()) else {
        return problem;
    };
    let folder = ctx.directory.file_name().and_then(|name| name.to_str());
    let is_sound = |name: &&str| {
        let is_plain = |character: char| character.is_ascii_alphanumeric();
        name.starts_with(is_plain)
            && name
                .chars()
                .all(|character| is_plain(character) || "-_.".contains(character))
    };
    let name = folder.filter(is_sound).unwrap_or("my-zos");
    let edition = ctx.manifest.edition.as_ref().map(|edition| edition.span);
    let section = format!("image {} version=\"1.0\"", super::word(name));
    let title = format!("add `{section}`");
    match edition.filter(|edition| edition.source == source) {
        Some(edition) => problem.replace(title, edition.behind(), format!("\n{section}")),
        None => problem.replace(title, Span::new(source, 0, 0), format!("{section}\n")),
    }
}

/// The latest time that an archive can hold: its times have 32 bits.
const LATEST: i64 = u32::MAX as i64;

/// Seconds since 1970 of a time in UTC, or why it is no time stamp.
pub(crate) fn timestamp(text: &str) -> Result<u64, &'static str> {
    match text
        .parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_second)
    {
        Err(_) => Err("it is no time in UTC"),
        Ok(time) if time < 0 => Err("it is before 1970"),
        Ok(time) if time > LATEST => Err("it is after 2106, where archives end"),
        Ok(time) => Ok(time.cast_unsigned()),
    }
}

/// The value of `SOURCE_DATE_EPOCH`: whole seconds since 1970.
pub(crate) fn whole_seconds(text: &str) -> Option<u64> {
    let time = text.parse::<u64>().ok();
    time.filter(|time| *time <= LATEST.cast_unsigned())
}

fn seconds(ctx: &mut Ctx<'_>, text: &str, span: Span) -> Option<u64> {
    timestamp(text)
        .map_err(|fault| {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::bad-epoch",
                    format!("`{text}` is no time stamp for an image: {fault}"),
                )
                .at(span)
                .help("write a date and time such as \"2026-11-01T00:00:00Z\""),
            );
        })
        .ok()
}

fn source_date_epoch(ctx: &mut Ctx<'_>, text: &str) -> Option<u64> {
    let time = whole_seconds(text);
    if time.is_none() {
        ctx.push(
            Diagnostic::error(
                "zosc::check::bad-epoch",
                format!("SOURCE_DATE_EPOCH is `{text}`, which is no time stamp for an image"),
            )
            .help("set it to whole seconds since 1970, such as 1793491200, or unset it"),
        );
    }
    time
}
