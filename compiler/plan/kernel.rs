//! The kernel, its modules, firmware and the EFI stub.

use crate::check::{Arch, Kernel, KernelOrigin, ModuleRequest, OutputKind, StubOrigin};
use crate::lock::{LockedPackage, Role};

use super::kernel_build::compiled;
use super::lower::{Lowering, fixed};
use super::packages::{role, unpack};
use super::{Action, Input, Stage};

/// The tree with `/boot/vmlinuz-RELEASE` and `/lib/modules/RELEASE`, where the manifest has a kernel.
pub(super) fn kernel_tree(lowering: &mut Lowering<'_>) -> Option<Input> {
    let kernel = lowering.image.kernel.as_ref()?;
    match &kernel.from {
        KernelOrigin::Package(_) => package_files(lowering, Role::Kernel).into_iter().next(),
        KernelOrigin::Prebuilt { .. } => lowering.inputs.kernel.map(Input::Known),
        KernelOrigin::Built(built) => compiled(lowering, kernel, built),
    }
}

/// The files of every package of a role, one tree each.
pub(super) fn package_files(lowering: &mut Lowering<'_>, wanted: Role) -> Vec<Input> {
    let packages = role(lowering, wanted).collect();
    files_of(lowering, packages)
}

/// The files of packages, one tree each.
pub(super) fn files_of(lowering: &mut Lowering<'_>, packages: Vec<&LockedPackage>) -> Vec<Input> {
    packages
        .into_iter()
        .map(|package| {
            let unpacked = unpack(lowering, package);
            let label = format!("files of {}", package.name);
            lowering.plan.add(
                Stage::AlpineExtract,
                label,
                None,
                Action::PackageFiles { package: unpacked },
            )
        })
        .collect()
}

/// The modules of both stages with their indexes, where the manifest asks for any.
pub(super) fn modules(lowering: &mut Lowering<'_>, kernel: Option<Input>) -> Option<Input> {
    let image = lowering.image;
    if image.stage1.is_empty() && image.stage2.is_empty() {
        return None;
    }
    let release = lowering.kernel()?.release.clone();
    let names = |requests: &[ModuleRequest], in_flist: bool| {
        requests
            .iter()
            .filter(|request| request.flist.is_some() == in_flist)
            .map(|request| (request.name.value.clone(), request.optional))
            .collect()
    };
    let action = Action::Modules {
        kernel: kernel?,
        release,
        stage1: names(&image.stage1, false),
        stage2: names(&image.stage2, false),
        flist: names(&image.stage2, true),
        epoch: lowering.inputs.epoch,
    };
    Some(
        lowering
            .plan
            .add(Stage::KernelModules, "select modules", None, action),
    )
}

/// The firmware that the manifest selects, where it has any.
pub(super) fn firmware(lowering: &mut Lowering<'_>, kernel: Option<Input>) -> Option<Input> {
    let wanted = &lowering.image.firmware;
    let pool = package_files(lowering, Role::Firmware);
    if pool.is_empty() {
        return None;
    }
    let by_modules = wanted.for_stage1 || wanted.for_stage2;
    let mut modules = Vec::new();
    if wanted.for_stage1 {
        modules.extend(
            lowering
                .image
                .stage1
                .iter()
                .map(|module| module.name.value.clone()),
        );
    }
    if wanted.for_stage2 {
        modules.extend(
            lowering
                .image
                .stage2
                .iter()
                .map(|module| module.name.value.clone()),
        );
    }
    let action = Action::Firmware {
        pool,
        kernel: kernel.filter(|_| by_modules),
        release: lowering
            .kernel()
            .map(|kernel| kernel.release.clone())
            .unwrap_or_default(),
        modules,
        keep: wanted
            .keep
            .iter()
            .map(|pattern| pattern.value.clone())
            .collect(),
        all: !by_modules && wanted.keep.is_empty(),
    };
    Some(
        lowering
            .plan
            .add(Stage::AlpineFirmware, "select firmware", None, action),
    )
}

/// What the kernel's boot takes besides the initramfs.
pub(super) struct BootParts {
    /// The kernel's image.
    pub(super) kernel: Option<Input>,
    /// The EFI stub, where an EFI program is made with one.
    pub(super) stub: Option<Input>,
    /// The joined archives of microcode packages.
    pub(super) microcode: Option<Input>,
}

/// The parts of a boot, from the kernel's tree and packages.
pub(super) fn boot_parts(lowering: &mut Lowering<'_>, kernel: Option<Input>) -> BootParts {
    let image = lowering.image;
    let request = image.kernel.as_ref();
    let path = lowering.kernel().map(|locked| locked.image.clone());
    let kernel = kernel.zip(path).map(|(tree, path)| {
        let pick = Action::PickFile { tree, path };
        let span = request.map(|kernel| kernel.span);
        let kernel = lowering.plan.add(Stage::KernelBuild, "kernel", span, pick);
        // Distributions pack kernels for Arm with gzip, which neither firmware nor stubs unpack; those of x86 do it themselves.
        let is_built = |kernel: &Kernel| matches!(kernel.from, KernelOrigin::Built(_));
        if image.arch == Arch::X86_64 || request.is_some_and(is_built) {
            return kernel;
        }
        let unpack = Action::UnpackKernel { kernel };
        lowering
            .plan
            .add(Stage::KernelBuild, "kernel as a program", span, unpack)
    });
    let mut outputs = image.outputs.iter();
    let wants_efi = outputs.any(|output| output.kind == OutputKind::Efi);
    let stub = if wants_efi && kernel.is_some() {
        stub(lowering)
    } else {
        None
    };
    let packages = package_files(lowering, Role::Microcode);
    let span = request.and_then(|kernel| kernel.microcode.first());
    let microcode = (!packages.is_empty()).then(|| {
        let join = Action::Microcode { packages };
        let span = span.map(|name| name.span);
        lowering
            .plan
            .add(Stage::AlpineFirmware, "microcode", span, join)
    });
    BootParts {
        kernel,
        stub,
        microcode,
    }
}

/// The EFI stub's bytes.
fn stub(lowering: &mut Lowering<'_>) -> Option<Input> {
    match lowering.image.kernel.as_ref()?.stub.as_ref()? {
        StubOrigin::File(_) => lowering.inputs.stub.map(|file| Input::Known(file.digest)),
        StubOrigin::Package(name) => {
            let tree = package_files(lowering, Role::Stub).into_iter().next()?;
            let pick = Action::PickFile {
                tree,
                path: fixed(lowering.image.arch.stub()),
            };
            Some(
                lowering
                    .plan
                    .add(Stage::KernelBuild, "stub", Some(name.span), pick),
            )
        }
    }
}
