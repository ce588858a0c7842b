//! The `flist` sections: what is packed, where the list lies, where it is mounted, where contents are kept.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::flist as written;
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;

use super::{Ctx, Flist, Kernel, KernelOrigin, Packed};

/// Folders over which nothing can be mounted without taking the running system away.
const NEEDED: &[&str] = &[
    "/",
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib/modules",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
];

/// Folders that the kernel fills.
const KERNELS: &[&str] = &["/dev", "/proc", "/sys"];

/// Resolves the sections.
pub(super) fn resolve(ctx: &mut Ctx<'_>, kernel: Option<&Kernel>) -> Vec<Flist> {
    let manifest = ctx.manifest;
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    let mut mounts: Vec<Spanned<ImagePath>> = Vec::new();
    let mut flists = Vec::new();
    for flist in &manifest.flist {
        if let Some(earlier) = names.insert(&flist.name, flist.name.span) {
            ctx.namesakes("flists", &flist.name, earlier);
        }
        let pack = pack(ctx, flist, kernel);
        let embed = embed(ctx, flist);
        let mount = match &flist.mount {
            Some(mount) => self::mount(ctx, flist, mount, embed.as_ref(), &mut mounts),
            None => None,
        };
        let write = ctx.write_store(&flist.store);
        let read = ctx.route(&flist.store.read);
        if let (Some(pack), Some(embed), Some(write), Some(read)) = (pack, embed, write, read) {
            flists.push(Flist {
                name: flist.name.clone(),
                pack,
                embed,
                mount,
                tag: flist.tag.clone(),
                write,
                read,
            });
        }
    }
    flists
}

fn pack(ctx: &mut Ctx<'_>, flist: &written::Flist, kernel: Option<&Kernel>) -> Option<Packed> {
    let pack = &flist.pack;
    let (fact, span) = match (&pack.path, &pack.firmware) {
        (Some(path), None) => return folder(ctx, path, kernel).map(Packed::Folder),
        (None, Some(package)) => return Some(Packed::Firmware(package.clone())),
        (Some(_), Some(package)) => (
            "an flist packs a folder or a package, not both",
            package.span,
        ),
        (None, None) if !ctx.is_whole("flist") => return None,
        (None, None) => ("nothing says what the flist holds", pack.span),
    };
    ctx.push(
        Diagnostic::error("zosc::check::flist-content", fact)
            .at(span)
            .help("write `pack \"/lib/modules/{kernel}\"` or `pack firmware=\"linux-firmware\"`; two flists can hold both"),
    );
    None
}

/// A folder of the image to be packed.
fn folder(
    ctx: &mut Ctx<'_>,
    path: &Spanned<String>,
    kernel: Option<&Kernel>,
) -> Option<Spanned<String>> {
    let known = kernel_variable(ctx);
    ctx.template(path, &known)?;
    let image = ctx.image_path(path)?;
    if image.is_root() {
        ctx.push(
            Diagnostic::error("zosc::check::flist-content", "the flist would hold the whole image, with itself in it")
                .at(path.span)
                .help("name the folder that is to stay out of the image, such as \"/lib/modules/{kernel}\""),
        );
        return None;
    }
    let modules = ImagePath::new("/lib/modules").ok()?;
    let lacks_modules = kernel
        .is_some_and(|kernel| matches!(&kernel.from, KernelOrigin::Prebuilt { modules: None, .. }));
    if image.starts_with(&modules) && lacks_modules {
        let kernel = kernel.map(|kernel| kernel.span);
        let problem = Diagnostic::error(
            "zosc::check::flist-content",
            "the flist would hold the kernel's modules, and the kernel comes without any",
        )
        .at(path.span);
        let problem = kernel
            .into_iter()
            .fold(problem, |problem, span| problem.label(span, "this kernel"));
        ctx.push(problem.help("name their folder: `prebuilt image=… modules=…`"));
        return None;
    }
    Some(Spanned::new(image.value.as_str().to_owned(), path.span))
}

fn embed(ctx: &mut Ctx<'_>, flist: &written::Flist) -> Option<Spanned<String>> {
    let text = in_system(ctx, flist, &flist.embed)?;
    let path = ctx.image_file(&text)?;
    ctx.claim(&path, &format!("flist `{}`", flist.name.value));
    Some(path.map(|path| path.as_str().to_owned()))
}

fn mount(
    ctx: &mut Ctx<'_>,
    flist: &written::Flist,
    mount: &Spanned<String>,
    embed: Option<&Spanned<String>>,
    mounts: &mut Vec<Spanned<ImagePath>>,
) -> Option<Spanned<String>> {
    let text = in_system(ctx, flist, mount)?;
    let path = ctx.image_path(&text)?;
    let below =
        |folder: &&&str| ImagePath::new(folder).is_ok_and(|folder| path.starts_with(&folder));
    let list = embed.and_then(|embed| Some(Spanned::new(ImagePath::new(embed).ok()?, embed.span)));
    let fault = if NEEDED.contains(&path.as_str()) {
        format!(
            "a mount over `{}` would hide what the system runs from",
            path.value
        )
    } else if let Some(folder) = KERNELS.iter().find(below) {
        format!("nothing can be mounted in `{folder}`: it belongs to the kernel")
    } else if list.is_some_and(|list| list.starts_with(&path)) {
        "the mount would hide the flist itself".to_owned()
    } else {
        clash(ctx, &path, mounts);
        mounts.push(path.clone());
        return Some(path.map(|path| path.as_str().to_owned()));
    };
    ctx.push(
        Diagnostic::error("zosc::check::bad-mount", fault)
            .at(mount.span)
            .help(
                "name a folder of its own, such as \"/lib/firmware\" or \"/lib/modules/{kernel}\"",
            ),
    );
    None
}

/// Says that two flists would be mounted over one another.
fn clash(ctx: &mut Ctx<'_>, path: &Spanned<ImagePath>, mounts: &[Spanned<ImagePath>]) {
    let earlier = mounts
        .iter()
        .find(|other| path.starts_with(other) || other.starts_with(path));
    let Some(earlier) = earlier else { return };
    let message = if earlier.value == path.value {
        format!("two flists are mounted at `{}`", path.value)
    } else {
        format!(
            "`{}` and `{}` lie inside one another",
            path.value, earlier.value
        )
    };
    ctx.clash(
        "zosc::check::mount-clash",
        message,
        path.span,
        earlier.span,
        "mount one of them elsewhere: which one is seen would depend on which comes first",
    );
}

/// A path of the running system, with the tag filled in; the kernel's release is for the lock to tell.
fn in_system(
    ctx: &mut Ctx<'_>,
    flist: &written::Flist,
    path: &Spanned<String>,
) -> Option<Spanned<String>> {
    let mut known = kernel_variable(ctx);
    known.push("tag".to_owned());
    ctx.template(path, &known)?;
    match &flist.tag {
        Some(tag) => Some(Spanned::new(path.replace("{tag}", tag), path.span)),
        None if path.contains("{tag}") => {
            if ctx.is_whole("flist") {
                let message = format!("the flist `{}` has no tag", flist.name.value);
                ctx.push(
                    Diagnostic::error("zosc::check::unknown-variable", message)
                        .at(ctx.within(path.span, "{tag}"))
                        .help("give it one: `tag \"20250908\"`"),
                );
            }
            None
        }
        None => Some(path.clone()),
    }
}

fn kernel_variable(ctx: &Ctx<'_>) -> Vec<String> {
    let has_kernel = ctx.declared.has_section("kernel");
    let variables = has_kernel.then(|| "kernel".to_owned());
    variables.into_iter().collect()
}
