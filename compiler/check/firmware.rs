//! The `firmware` sections.

use crate::diagnostic::Diagnostic;
use crate::manifest::firmware::Stage;
use crate::source::{Span, Spanned};

use super::{Alpine, Ctx, Firmware};

/// Resolves the sections.
pub(super) fn resolve(ctx: &mut Ctx<'_>, alpine: Option<&Alpine>) -> Firmware {
    let manifest = ctx.manifest;
    let mut firmware = Firmware::default();
    let mut wanted: Option<Span> = None;
    for section in &manifest.firmware {
        for stage in &section.for_modules {
            wanted = wanted.or(Some(stage.span));
            match stage.value {
                Stage::Stage1 => firmware.for_stage1 = true,
                Stage::Stage2 => firmware.for_stage2 = true,
            }
        }
        let tag = section.tag.as_ref();
        if let Some(tag) = tag {
            ctx.known_tag(tag, alpine);
        }
        for package in &section.package {
            self::package(ctx, package, tag, &mut firmware);
        }
        for pattern in &section.keep {
            wanted = wanted.or(Some(pattern.span));
            if ctx.pattern(pattern) && !firmware.keep.contains(pattern) {
                firmware.keep.push(pattern.clone());
            }
        }
    }
    let built_in = manifest.kernel.as_ref();
    let built_in = built_in.and_then(|kernel| kernel.builtin_firmware.first());
    wanted = wanted.or(built_in.map(|pattern| pattern.span));
    let absent = firmware.packages.is_empty() && ctx.is_whole("firmware");
    if let Some(span) = wanted.filter(|_| absent) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::no-firmware-package",
                "firmware is selected, and no package is named that could hold it",
            )
            .at(span)
            .help("add `package linux-firmware-…` to the `firmware` section"),
        );
    }
    firmware
}

fn package(
    ctx: &mut Ctx<'_>,
    package: &Spanned<String>,
    tag: Option<&Spanned<String>>,
    firmware: &mut Firmware,
) {
    let tag = tag.map(|tag| tag.value.clone());
    let earlier = firmware.packages.iter().find(|known| *known == package);
    let Some(earlier) = earlier else {
        firmware.packages.push(package.clone());
        let tag = tag.map(|tag| (package.value.clone(), tag));
        firmware.tags.extend(tag);
        return;
    };
    if firmware.tags.get(&package.value) != tag.as_ref() {
        let message = format!("the package `{}` is asked for in two ways", package.value);
        ctx.clash(
            "zosc::check::duplicate-package",
            message,
            package.span,
            earlier.span,
            "keep one of them, with or without `tag`",
        );
    }
}

impl Ctx<'_> {
    /// Whether a pattern of paths can be understood; says so where it cannot.
    pub(super) fn pattern(&mut self, pattern: &Spanned<String>) -> bool {
        let fault = globset::GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| error.kind().to_string())
            .err()
            .or_else(|| {
                let steps_out = pattern.split('/').any(|part| part == "..");
                steps_out.then(|| "no path holds `..`".to_owned())
            });
        let sound = fault.is_none();
        if let Some(fault) = fault {
            self.push(
                Diagnostic::error(
                    "zosc::check::bad-pattern",
                    format!("`{}` is no pattern of paths: {fault}", pattern.value),
                )
                .at(pattern.span)
                .help("`*` stands for anything within a name, `**` for any folders, `{a,b}` for either"),
            );
        }
        sound
    }
}
