//! The pass: what an image needs, from packages up to outputs.

use std::collections::BTreeMap;

use crate::check::{Image, KernelOrigin, OutputKind, Packed};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lock::{Inputs, LockedKernel};
use crate::manifest::kernel::Embed;
use crate::sbom::{Bill, Format};
use crate::source::Span;
use crate::tree::{Conflict, ImagePath};

use super::bill::{About, Materials, bill, known};
use super::content::{accounts, base, branding, files, os_release_text, overlays, programs, units};
use super::flists::{embedded, left};
use super::identity::{identity, stamped};
use super::kernel::{BootParts, boot_parts, firmware, kernel_tree, modules};
use super::kernel_build::{Compiled, linked};
use super::packages::packages;
use super::shrinking::shrunk;
use super::signing::signed;
use super::sources::source;
use super::templates::filled;
use super::toolchains::Toolchain;
use super::{Action, Input, Output, Plan, Stage};

/// What all parts of the lowering see and add to.
pub(super) struct Lowering<'a> {
    pub(super) image: &'a Image,
    pub(super) inputs: &'a Inputs,
    pub(super) plan: Plan,
    pub(super) problems: Diagnostics,
    /// Toolchains that have been lowered, by name.
    pub(super) toolchains: BTreeMap<String, Toolchain>,
    /// The kernel's sources and what was compiled of them, once they are in the plan.
    pub(super) compiled: Option<Compiled>,
    /// What tells more of the image's parts than the lock does.
    pub(super) materials: Materials,
}

impl Lowering<'_> {
    /// The locked kernel; a plan that gets here without one has said so already.
    pub(super) fn kernel(&self) -> Option<&LockedKernel> {
        self.inputs.lock.kernel.as_ref()
    }

    /// Says which revision of a source an output depends on; of a hash, the beginning.
    pub(super) fn say_source(&mut self, of: Input, source: &str, field: &str, value: &str) {
        let is_hash = value.len() >= 40 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = value.get(..12).filter(|_| is_hash).unwrap_or(value);
        self.plan.say(of, &format!("source {source}"), field, value);
    }
}

/// Lowers an image and its locked inputs to a plan.
///
/// # Errors
/// Requests that only the lock can refute: a kernel of another release, a source that is not in it.
pub fn lower(image: &Image, inputs: &Inputs) -> Result<Plan, Diagnostics> {
    Ok(lowered(image, inputs)?.plan)
}

/// As [`lower`], with a list of what the image is made of, whether or not that is one of its outputs.
///
/// # Errors
/// As [`lower`].
pub fn lower_bill(
    image: &Image,
    inputs: &Inputs,
    format: Format,
    about: About,
) -> Result<(Plan, Input), Diagnostics> {
    let mut lowering = lowered(image, inputs)?;
    let list = bill(&mut lowering, format, about);
    Ok((lowering.plan, list))
}

/// A plan, and what is known of the image's parts before it is performed.
///
/// # Errors
/// As [`lower`].
pub fn lower_with_parts(image: &Image, inputs: &Inputs) -> Result<(Plan, Bill), Diagnostics> {
    let lowering = lowered(image, inputs)?;
    let parts = known(&lowering);
    Ok((lowering.plan, parts))
}

fn lowered<'a>(image: &'a Image, inputs: &'a Inputs) -> Result<Lowering<'a>, Diagnostics> {
    let mut lowering = Lowering {
        image,
        inputs,
        plan: Plan {
            manifest: image.manifest.clone(),
            arch: image.arch,
            ..Plan::default()
        },
        problems: Diagnostics::new(),
        toolchains: BTreeMap::new(),
        compiled: None,
        materials: Materials::default(),
    };
    sites(&mut lowering);
    check_release(&mut lowering);
    let kernel = kernel_tree(&mut lowering);
    let tree = image_tree(&mut lowering, kernel);
    let parts = boot_parts(&mut lowering, kernel);
    let identity = identity(&mut lowering, tree, &parts);
    let tree = stamped(&mut lowering, tree, identity);
    lowering.plan.tree = Some(tree);
    let initramfs = initramfs(&mut lowering, tree);
    outputs(&mut lowering, &parts, identity, tree, initramfs);
    if lowering.problems.has_errors() {
        return Err(lowering.problems);
    }
    Ok(lowering)
}

/// Remembers where the manifest names what actions can fail over.
fn sites(lowering: &mut Lowering<'_>) {
    let image = lowering.image;
    let sites = &mut lowering.plan.sites;
    for module in image.stage1.iter().chain(&image.stage2) {
        sites.insert(format!("module {}", module.name.value), module.name.span);
    }
    for package in &image.packages.install {
        sites.insert(format!("package {}", package.name.value), package.name.span);
    }
    for pattern in &image.firmware.keep {
        sites.insert(format!("firmware {}", pattern.value), pattern.span);
    }
    for source in &image.sources {
        sites.insert(format!("source {}", source.name.value), source.name.span);
        for file in &source.install {
            sites.insert(format!("file {}", file.to.value), file.to.span);
        }
        for word in &source.verify {
            let key = format!("verify {} {}", source.name.value, word.value.name());
            sites.insert(key, word.span);
        }
    }
    for flist in &image.flists {
        let name = &flist.name.value;
        sites.insert(format!("flist {name}"), flist.pack.span());
        if let Packed::Firmware(package) = &flist.pack {
            let subject = format!("package {}", package.value);
            sites.entry(subject).or_insert(package.span);
        }
    }
    for unit in &image.units {
        sites.insert(format!("unit {}", unit.unit.name), unit.span);
    }
    for file in &image.files {
        sites.insert(format!("file {}", file.to.value), file.to.span);
    }
    if let Some(limit) = &image.max_initramfs {
        sites.insert("initramfs".to_owned(), limit.span);
    }
    if let Some(kernel) = &image.kernel {
        sites.insert("kernel".to_owned(), kernel.span);
        if let KernelOrigin::Built(built) = &kernel.from {
            sites.insert("kernel version".to_owned(), built.version.span);
            for (symbol, place) in &built.config.places {
                sites.insert(format!("config {symbol}"), *place);
            }
            for pattern in &built.firmware {
                sites.insert(format!("firmware {}", pattern.value), pattern.span);
            }
        }
    }
}

fn check_release(lowering: &mut Lowering<'_>) {
    let asked = lowering
        .image
        .kernel
        .as_ref()
        .and_then(|kernel| kernel.version.as_ref());
    if let (Some(asked), Some(locked)) = (asked, lowering.kernel())
        && asked.value != locked.release
    {
        let problem = Diagnostic::error(
            "zosc::plan::kernel-release",
            format!(
                "the kernel is release `{}`, not `{}`",
                locked.release, asked.value
            ),
        )
        .at(asked.span)
        .help("write the release that the package brings, or leave it out")
        .replace(
            format!("write \"{}\"", locked.release),
            asked.span,
            format!("\"{}\"", locked.release),
        );
        lowering.problems.push(problem);
    }
}

/// Everything that is in the image: packages and components may not clash; files of the manifest win over both.
fn image_tree(lowering: &mut Lowering<'_>, kernel: Option<Input>) -> Input {
    let mut parts = vec![base(lowering)];
    parts.extend(packages(lowering));
    for index in 0..lowering.image.sources.len() {
        parts.push(source(lowering, index));
    }
    parts.extend(modules(lowering, kernel));
    parts.extend(firmware(lowering, kernel));
    parts.extend(units(lowering));
    let parts = lowering.plan.add(
        Stage::ComponentsCopy,
        "merge components",
        None,
        Action::Merge {
            trees: parts,
            conflict: Conflict::Refuse,
        },
    );
    let mut layers = vec![parts];
    layers.extend(overlays(lowering));
    layers.extend(branding(lowering));
    layers.extend(files(lowering));
    let mut tree = match layers.as_slice() {
        [only] => *only,
        _ => lowering.plan.add(
            Stage::AlpineConfigure,
            "merge files",
            None,
            Action::Merge {
                trees: layers,
                conflict: Conflict::Replace,
            },
        ),
    };
    tree = accounts(lowering, tree);
    tree = shrunk(lowering, kernel, tree);
    tree = embedded(lowering, tree);
    let action = Action::Validate {
        tree,
        programs: programs(lowering.image),
        left: left(&lowering.plan),
    };
    lowering
        .plan
        .add(Stage::Validation, "validate", None, action)
}

/// The segments of an initramfs: origins by kind, the rest last.
const SEGMENTS: [&str; 7] = [
    "packages",
    "components",
    "firmware",
    "modules",
    LISTS,
    "files",
    "units",
];
/// The segment of flists' lists, where the image has any.
const LISTS: &str = "flists";

fn initramfs(lowering: &mut Lowering<'_>, tree: Input) -> Input {
    let compression = lowering.image.compression;
    let epoch = lowering.inputs.epoch;
    let plan = &mut lowering.plan;
    let mut parts = Vec::new();
    if lowering.image.segments {
        let has_lists = !plan.flists.is_empty();
        for name in SEGMENTS
            .into_iter()
            .filter(|name| has_lists || *name != LISTS)
        {
            let select = Action::Segment {
                tree,
                name: name.to_owned(),
            };
            let tree = plan.add(
                Stage::InitramfsCreate,
                format!("segment {name}"),
                None,
                select,
            );
            let pack = Action::Cpio {
                tree,
                compression,
                epoch,
            };
            parts.push(plan.add(Stage::InitramfsCreate, format!("pack {name}"), None, pack));
        }
    } else {
        let pack = Action::Cpio {
            tree,
            compression,
            epoch,
        };
        parts.push(plan.add(Stage::InitramfsCreate, "pack image", None, pack));
    }
    let limit = lowering.image.max_initramfs.as_ref();
    let join = Action::Concat {
        parts,
        limit: limit.map(|limit| limit.value),
        content: limit.map(|_| tree),
    };
    plan.add(
        Stage::InitramfsCreate,
        "initramfs",
        limit.map(|limit| limit.span),
        join,
    )
}

/// An EFI program that is not larger than the manifest allows.
fn limited(lowering: &mut Lowering<'_>, program: Input, initramfs: Input, tree: Input) -> Input {
    let Some(limit) = &lowering.image.max_efi else {
        return program;
    };
    let action = Action::Limit {
        program,
        limit: limit.value,
        initramfs,
        content: tree,
    };
    lowering
        .plan
        .add(Stage::KernelBuild, "size of efi", Some(limit.span), action)
}

fn outputs(
    lowering: &mut Lowering<'_>,
    parts: &BootParts,
    identity: Input,
    tree: Input,
    initramfs: Input,
) {
    let image = lowering.image;
    let release = lowering.kernel().cloned();
    let boot = image.kernel.as_ref().zip(parts.kernel).zip(release);
    let mut measured = None;
    let efi = match &boot {
        Some(((request, kernel), locked)) => parts.stub.map(|stub| {
            let uki = Action::Uki {
                stub,
                kernel: *kernel,
                initramfs,
                microcode: parts.microcode,
                cmdline: request.cmdline.clone(),
                os_release: os_release_text(image),
                identity,
                release: locked.release.clone(),
            };
            let site = Some(request.span);
            let uki = lowering.plan.add(Stage::KernelBuild, "efi", site, uki);
            measured = Some(lowering.plan.add(
                Stage::KernelBuild,
                "measure efi",
                None,
                Action::Measure { image: uki },
            ));
            signed(lowering, uki, "sign efi")
        }),
        _ => None,
    };
    let linked = linked_kernel(lowering, initramfs);
    let efi = efi.or_else(|| linked.map(|efi| signed(lowering, efi, "sign efi")));
    let efi = efi.map(|program| limited(lowering, program, initramfs, tree));
    let mut names = BTreeMap::new();
    for output in &image.outputs {
        let content = match output.kind {
            OutputKind::Efi => efi,
            OutputKind::Initramfs => Some(with_microcode(lowering, parts, initramfs)),
            OutputKind::Kernel => linked
                .or(parts.kernel)
                .map(|kernel| signed(lowering, kernel, "sign kernel")),
            // It tells of all others, so it comes after them: `check` has put it last.
            OutputKind::Sbom(format) => Some(bill(lowering, format, About::Built)),
        };
        if let Some(content) = content {
            let name = filled(&output.name.value, lowering.image, &lowering.inputs.lock);
            if let Some(earlier) = names.insert(name.clone(), output.name.span) {
                lowering
                    .problems
                    .push(same_name(&name, output.name.span, earlier));
            }
            lowering.plan.outputs.push(Output {
                name,
                kind: output.kind.name(),
                content,
                pcr11: measured.filter(|_| output.kind == OutputKind::Efi),
            });
        }
    }
}

/// The kernel with the initramfs inside, where that is asked for.
fn linked_kernel(lowering: &mut Lowering<'_>, initramfs: Input) -> Option<Input> {
    let kernel = lowering.image.kernel.as_ref()?;
    let boots = |kind| matches!(kind, OutputKind::Efi | OutputKind::Kernel);
    let wanted = lowering
        .image
        .outputs
        .iter()
        .any(|output| boots(output.kind));
    match &kernel.from {
        KernelOrigin::Built(built) if wanted && kernel.embed == Embed::Builtin => {
            linked(lowering, kernel, built, initramfs)
        }
        _ => None,
    }
}

/// The initramfs for a kernel that is loaded beside it: microcode comes first, uncompressed.
fn with_microcode(lowering: &mut Lowering<'_>, parts: &BootParts, initramfs: Input) -> Input {
    let Some(microcode) = parts.microcode else {
        return initramfs;
    };
    let join = Action::Concat {
        parts: vec![microcode, initramfs],
        limit: None,
        content: None,
    };
    lowering
        .plan
        .add(Stage::InitramfsCreate, "microcode first", None, join)
}

fn same_name(name: &str, later: Span, earlier: Span) -> Diagnostic {
    Diagnostic::error(
        "zosc::plan::output-clash",
        format!("two outputs come to be named `{name}`"),
    )
    .label(later, "again here")
    .label(earlier, "first here")
    .help("rename one of them")
}

/// A path that is known to be sound because it stands in this program.
pub(super) fn fixed(path: &str) -> ImagePath {
    ImagePath::new(path).expect("a literal path is a sound one")
}
