//! The `size` section.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};

use crate::diagnostic::Diagnostic;
use crate::manifest::size::{Strippable, Upx};
use crate::source::{Span, Spanned};

use super::{
    Ctx, Dropping, OutputKind, OutputRequest, Packing, Source, Toolchain, ToolchainRoot, quoted,
};

/// What is made smaller or left out, and how large the result may be.
#[derive(Default)]
pub(super) struct Size {
    pub(super) strip: Vec<Spanned<Strippable>>,
    pub(super) upx: Vec<Packing>,
    pub(super) drop: Vec<Dropping>,
    pub(super) max_initramfs: Option<Spanned<u64>>,
    pub(super) max_efi: Option<Spanned<u64>>,
}

/// Names that the programs of zinit have had.
const ZINIT: &[&str] = &["my_init", "zinit", "zinit-pid1", "zinit-server"];

/// Where modules lie, one for each way in which kernels compress them.
const MODULES: &[&str] = &[
    "/lib/modules/6.12.0/kernel/drivers/net/e1000.ko",
    "/lib/modules/6.12.0/kernel/drivers/net/e1000.ko.gz",
    "/lib/modules/6.12.0/kernel/drivers/net/e1000.ko.xz",
    "/lib/modules/6.12.0/kernel/drivers/net/e1000.ko.zst",
];

/// Resolves the section.
pub(super) fn resolve(
    ctx: &mut Ctx<'_>,
    sources: &[Source],
    toolchains: &BTreeMap<String, Toolchain>,
    outputs: &[OutputRequest],
) -> Size {
    let manifest = ctx.manifest;
    let Some(size) = &manifest.size else {
        return Size::default();
    };
    let mut strip: Vec<Spanned<Strippable>> = Vec::new();
    for what in &size.strip {
        if !strip.contains(what) {
            strip.push(*what);
        }
    }
    let zinit = zinit(sources);
    let upx = size.upx.iter();
    let upx = upx
        .filter_map(|upx| packing(ctx, upx, &zinit, toolchains))
        .collect();
    let max = size.max.as_ref();
    let initramfs = max.and_then(|max| max.initramfs.as_ref());
    let efi = max.and_then(|max| max.efi.as_ref());
    if let Some(efi) = efi {
        needs_efi(ctx, efi, outputs);
    }
    Size {
        strip,
        upx,
        drop: drop(ctx, &size.drop),
        max_initramfs: initramfs.and_then(|max| limit(ctx, max)),
        max_efi: efi.and_then(|max| limit(ctx, max)),
    }
}

fn limit(ctx: &mut Ctx<'_>, max: &Spanned<String>) -> Option<Spanned<u64>> {
    Some(Spanned::new(ctx.positive_size(max)?, max.span))
}

fn needs_efi(ctx: &mut Ctx<'_>, max: &Spanned<String>, outputs: &[OutputRequest]) {
    let has_efi = outputs.iter().any(|output| output.kind == OutputKind::Efi);
    let sure = ctx.is_whole("outputs") && ctx.is_whole("kernel");
    if has_efi || !sure {
        return;
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::limit-without-output",
            "the EFI program has a largest size, and none is made",
        )
        .at(max.span)
        .help("add `efi \"vmlinuz.efi\"` to `outputs`, or limit `initramfs`"),
    );
}

/// Where the image's zinit is, as far as sources say.
fn zinit(sources: &[Source]) -> Vec<String> {
    let installed = sources.iter().flat_map(|source| &source.install);
    let mut paths: Vec<String> = installed
        .map(|file| file.to.value.as_str().to_owned())
        .filter(|path| {
            path.rsplit('/')
                .next()
                .is_some_and(|name| ZINIT.contains(&name))
        })
        .collect();
    if paths.is_empty() {
        paths.push("/sbin/zinit".to_owned());
    }
    paths
}

/// One `upx` node; `None` where a pattern of it cannot be used.
fn packing(
    ctx: &mut Ctx<'_>,
    upx: &Upx,
    zinit: &[String],
    toolchains: &BTreeMap<String, Toolchain>,
) -> Option<Packing> {
    let except = match &upx.except {
        Some(except) if ctx.pattern(except) => Some(except),
        Some(_) => return None,
        None => None,
    };
    let spared = except.and_then(|except| matcher(except));
    let mut sound = true;
    for pattern in &upx.patterns {
        sound &= ctx.pattern(pattern);
        let Some(matcher) = matcher(pattern).filter(|_| has_wildcard(pattern)) else {
            continue;
        };
        let caught = |path: &&str| -> bool {
            matcher.is_match(path) && !spared.as_ref().is_some_and(|spared| spared.is_match(path))
        };
        if MODULES.iter().any(caught) {
            sound = false;
            ctx.push(
                reaches(pattern.span, "kernel modules, which UPX cannot pack")
                    .help("name the folders of programs, such as \"/usr/bin/*\""),
            );
        }
        let zinit = zinit.iter().map(String::as_str);
        if let Some(path) = zinit.into_iter().find(caught) {
            sound = false;
            ctx.push(reaches_zinit(pattern.span, except, path));
        }
    }
    let toolchain = packer(ctx, upx, toolchains)?;
    sound.then(|| Packing {
        patterns: upx.patterns.clone(),
        except: except.cloned(),
        toolchain,
    })
}

/// The toolchain whose `upx` is meant. Of one that is assembled here it is known whether it has one.
fn packer(
    ctx: &mut Ctx<'_>,
    upx: &Upx,
    toolchains: &BTreeMap<String, Toolchain>,
) -> Option<String> {
    let named = upx.toolchain.as_ref();
    let place = named
        .map(|name| name.span)
        .or_else(|| upx.patterns.first().map(|pattern| pattern.span))?;
    let name = ctx.toolchain(named, ("size", place))?;
    let toolchain = toolchains.get(&name);
    if let Some(toolchain) = toolchain
        && let ToolchainRoot::Alpine { packages, .. } = &toolchain.root
        && !packages.iter().any(|package| package.value == "upx")
    {
        ctx.push(
            Diagnostic::error(
                "zosc::check::no-upx",
                format!("the toolchain `{name}` has no `upx` to pack programs with"),
            )
            .at(place)
            .label(toolchain.span, "its packages are named here")
            .help("add `upx` to its packages"),
        );
        return None;
    }
    Some(name)
}

fn reaches(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::check::upx-reaches",
        format!("the pattern reaches {what}"),
    )
    .at(span)
}

fn reaches_zinit(span: Span, except: Option<&Spanned<String>>, path: &str) -> Diagnostic {
    let problem = reaches(span, &format!("`{path}`, on which the whole system hangs"));
    let (value, place) = match except {
        None => (quoted(path), span.behind()),
        Some(except) => (quoted(&either(except, path)), except.span),
    };
    let help = format!("write `except={value}`; or name `{path}` in full if it is to be packed");
    let text = match except {
        None => format!(" except={value}"),
        Some(_) => value,
    };
    problem.help(help).replace("leave it as it is", place, text)
}

/// A pattern for what one pattern stands for, and a path.
fn either(pattern: &str, path: &str) -> String {
    let relative = |path: &str| path.trim_start_matches('/').to_owned();
    format!("/{{{},{}}}", relative(pattern), relative(path))
}

fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

fn matcher(pattern: &str) -> Option<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.ok().map(|glob| glob.compile_matcher())
}

/// What is left out.
fn drop(ctx: &mut Ctx<'_>, words: &[Spanned<String>]) -> Vec<Dropping> {
    let mut drop: Vec<Dropping> = Vec::new();
    for word in words {
        let sound = !word.starts_with('/') || ctx.pattern(word);
        let is_new = !drop.iter().any(|earlier| earlier.word.value == word.value);
        if sound && is_new {
            drop.push(Dropping {
                word: word.clone(),
                patterns: patterns(word),
            });
        }
    }
    drop
}

/// The patterns that a word of `drop` stands for.
fn patterns(word: &str) -> Vec<String> {
    let patterns: &[&str] = match word {
        "docs" => &[
            "/usr/share/doc/**",
            "/usr/share/info/**",
            "/usr/share/gtk-doc/**",
        ],
        "man" => &["/usr/share/man/**"],
        "locales" => &["/usr/share/locale/**", "/usr/share/i18n/**"],
        "static-libs" => &[
            "/lib/**/*.{a,la}",
            "/usr/lib/**/*.{a,la}",
            "/usr/local/lib/**/*.{a,la}",
        ],
        pattern => return vec![pattern.to_owned()],
    };
    patterns
        .iter()
        .map(|pattern| (*pattern).to_owned())
        .collect()
}
