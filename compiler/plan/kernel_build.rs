//! A kernel from its sources: unpacked, configured, compiled once, linked with each initramfs.
//!
//! Compiling and linking are two actions. The first yields the kernel's modules and, where an initramfs is linked in, every
//! object as a tree, made with an empty initramfs; the second takes that tree and has `make` do what a changed initramfs
//! needs, which is a link. Both are always gone through, so that what is linked anew and what is built from scratch cannot
//! differ: there is only one way. No folder is kept and changed.
//!
//! Everything that a build could write into a kernel by itself is fixed: time (that of the sources), user, host, build
//! number, paths.

use std::collections::BTreeMap;

use crate::check::{BuiltKernel, Kernel, KernelSignature, KernelSource, SignatureOrigin};
use crate::diagnostic::Diagnostic;
use crate::lock::{LockedKernelSource, Role};
use crate::manifest::kernel::Embed;
use crate::tree::ImagePath;

use super::kernel::package_files;
use super::kernel_sources;
use super::lower::{Lowering, fixed};
use super::recipes::usual_environment;
use super::toolchains::{Toolchain, toolchain};
use super::{Action, Arguments, Capture, FileBody, Input, Mount, OwnedFile, Root, Stage};

/// Where the sources lie in the sandbox: compilers write it down.
const SOURCE: &str = "/build/source";
/// What the compilation leaves.
const BUILT: &str = "/build/built";
/// The initramfs that is linked in. Kbuild copies a file whose name holds `.cpio.` as it is (usr/Makefile).
const INITRAMFS: &str = "/build/initramfs.cpio.segments";
/// Firmware that is built in, as its packages have it.
const FIRMWARE: &str = "/build/firmware";

/// Begins every script: what `make` is told each time.
const MAKE: &str =
    "kbuild() { make -C /build/source O=/build/built/objects -j\"$(nproc)\" \"$@\"; }\n";

/// Lists firmware by the names that the kernel asks for.
const LIST_FIRMWARE: &str = "firmware() {
    for folder in /build/firmware/lib/firmware /build/firmware/usr/lib/firmware; do
        [ -d \"$folder\" ] || continue
        (cd \"$folder\" && find . ! -type d) | sed 's,^\\./,,'
    done | LC_ALL=C sort
}\n";

const CONFIGURE: &str = "mkdir -p built/objects
if [ \"$FROM_DEFAULT\" = y ]; then kbuild defconfig; fi
cat wanted.config >> built/objects/.config
if [ -d firmware ]; then
    names=$(firmware | sed 's,\\.xz$,,; s,\\.zst$,,' | tr '\\n' ' ')
    echo \"CONFIG_EXTRA_FIRMWARE=\\\"${names% }\\\"\" >> built/objects/.config
fi
kbuild olddefconfig
kbuild -s kernelrelease | tail -n 1 > output/release
cp built/objects/.config output/config
";

/// `*.mod` list the objects of modules, which only a build that trims the table of symbols looks at once more.
const COMPILE: &str = "mkdir -p built/objects/firmware
cp resolved.config built/objects/.config
[ -e initramfs.cpio.segments ] || : > initramfs.cpio.segments
if [ -d firmware ]; then
    firmware | while read -r name; do
        for folder in /build/firmware/lib/firmware /build/firmware/usr/lib/firmware; do
            [ -f \"$folder/$name\" ] || continue
            mkdir -p \"$(dirname \"built/objects/firmware/$name\")\"
            case $name in
            *.xz) xz -dc < \"$folder/$name\" > \"built/objects/firmware/${name%.xz}\" ;;
            *.zst) zstd -dcq < \"$folder/$name\" > \"built/objects/firmware/${name%.zst}\" ;;
            *) cat < \"$folder/$name\" > \"built/objects/firmware/$name\" ;;
            esac
        done
    done
fi
kbuild olddefconfig
if grep -q '^CONFIG_MODULES=y' resolved.config; then
    kbuild bzImage modules
    kbuild -s INSTALL_MOD_PATH=/build/built DEPMOD=true modules_install
    rm -f built/lib/modules/*/build built/lib/modules/*/source
else
    kbuild bzImage
fi
mkdir -p built/boot
cp built/objects/arch/x86/boot/bzImage \"built/boot/vmlinuz-$RELEASE\"
if [ \"$KEEP_OBJECTS\" != y ]; then
    rm -rf built/objects
elif ! grep -q '^CONFIG_TRIM_UNUSED_KSYMS=y' resolved.config; then
    cd built/objects
    find . -name '*.mod' -size +0 -exec cat {} + | tr ' ' '\\n' | xargs rm -f
    find . \\( -name '*.ko' -o -name '*.mod.o' \\) -exec rm -f {} +
fi
";

/// All objects get one time, later than that of every program and header and earlier than that of what is made now, so
/// that `make` finds nothing out of date but the initramfs.
const LINK: &str = "cd built/objects
touch /build/now
find . -exec touch -h -r /build/now {} +
rm -f usr/initramfs_inc_data usr/.initramfs_inc_data.cmd
kbuild bzImage
cp arch/x86/boot/bzImage /build/output/vmlinuz
";

const VERIFY: &str = "case $ARCHIVE in
*.xz) unpack='xz -dc' ;;
*.gz) unpack='gzip -dc' ;;
*.zst) unpack='zstd -dcq' ;;
*) unpack=cat ;;
esac
$unpack < archive > home/archive.tar
gpgv --homedir /build/home --keyring /build/keyring.gpg /build/signature home/archive.tar
cp archive output/archive
";

/// A kernel before an initramfs is linked in.
#[derive(Clone, Copy)]
pub(super) struct Compiled {
    source: Input,
    tree: Input,
}

/// The tree with `/boot/vmlinuz-RELEASE` and `/lib/modules/RELEASE` of a kernel that is built.
pub(super) fn compiled(
    lowering: &mut Lowering<'_>,
    kernel: &Kernel,
    built: &BuiltKernel,
) -> Option<Input> {
    let Some(locked) = lowering.inputs.lock.kernel_source.clone() else {
        let problem = Diagnostic::error(
            "zosc::plan::unlocked-source",
            "the kernel's sources are not in the lock",
        );
        let problem = problem.at(built.span).help("run `zosc lock`");
        lowering.problems.push(problem);
        return None;
    };
    let toolchain = toolchain(lowering, &built.toolchain, built.span)?;
    let mut making = Making {
        lowering,
        kernel,
        built,
        locked,
        toolchain,
    };
    let source = making.source();
    let firmware = making.firmware();
    let config = making.config(source, firmware);
    let tree = making.compile(source, firmware, config);
    lowering.compiled = Some(Compiled { source, tree });
    Some(tree)
}

/// The EFI program of a kernel that is built, with an initramfs linked in.
pub(super) fn linked(
    lowering: &mut Lowering<'_>,
    kernel: &Kernel,
    built: &BuiltKernel,
    initramfs: Input,
) -> Option<Input> {
    let Compiled { source, tree } = lowering.compiled?;
    let locked = lowering.inputs.lock.kernel_source.clone()?;
    let toolchain = toolchain(lowering, &built.toolchain, built.span)?;
    let mut making = Making {
        lowering,
        kernel,
        built,
        locked,
        toolchain,
    };
    Some(making.link(source, tree, initramfs))
}

/// What all steps need.
struct Making<'l, 'a> {
    lowering: &'l mut Lowering<'a>,
    kernel: &'l Kernel,
    built: &'l BuiltKernel,
    locked: LockedKernelSource,
    toolchain: Toolchain,
}

impl Making<'_, '_> {
    fn add(&mut self, label: &str, action: Action) -> Input {
        let site = Some(self.built.span);
        let plan = &mut self.lowering.plan;
        let is_command = matches!(action, Action::Run { .. });
        let made = plan.add(Stage::KernelBuild, label, site, action);
        if is_command {
            plan.runs_programs_of(made, self.toolchain.processor);
        }
        made
    }

    /// The sources as a tree.
    fn source(&mut self) -> Input {
        let locked = self.locked.clone();
        let (archive, name) =
            kernel_sources::archive(&locked, &mut |label, action| self.add(label, action));
        let archive = self.verified(archive, &name);
        self.add("unpack kernel", kernel_sources::unpack(archive, name))
    }

    /// The archive once more, after its signature was verified.
    fn verified(&mut self, archive: Input, name: &str) -> Input {
        let KernelSource::Tarball {
            signature: Some(KernelSignature { from, keyring }),
            ..
        } = &self.built.source
        else {
            return archive;
        };
        let files = &self.lowering.inputs.files;
        let keyring = files.get(&keyring.value).map(|file| file.digest);
        let signature = match &from.value {
            SignatureOrigin::File(path) => {
                let file = files.get(path);
                file.map(|file| Input::Known(file.digest))
            }
            SignatureOrigin::Url(_) => self.locked.signature.clone().map(|signature| {
                let fetch = Action::Fetch {
                    urls: vec![signature.url],
                    sha256: signature.sha256,
                    size: signature.size,
                };
                self.add("fetch kernel signature", fetch)
            }),
        };
        let (Some(keyring), Some(signature)) = (keyring, signature) else {
            return archive;
        };
        let mut run = self.run(VERIFY, Vec::new());
        run.files.insert(fixed("/build/archive"), archive);
        run.files
            .insert(fixed("/build/keyring.gpg"), Input::Known(keyring));
        run.files.insert(fixed("/build/signature"), signature);
        run.set("ARCHIVE", name);
        let tree = self.add("verify kernel signature", run.capturing("/build/output"));
        let pick = Action::PickFile {
            tree,
            path: fixed("/archive"),
        };
        self.add("verified kernel", pick)
    }

    /// The firmware that is built in, where there is any.
    fn firmware(&mut self) -> Option<Input> {
        if self.built.firmware.is_empty() {
            return None;
        }
        let keep = self.built.firmware.iter();
        let action = Action::Firmware {
            pool: package_files(self.lowering, Role::Firmware),
            kernel: None,
            release: String::new(),
            modules: Vec::new(),
            keep: keep.map(|pattern| pattern.value.clone()).collect(),
            all: false,
        };
        Some(self.add("builtin firmware", action))
    }

    /// The resolved configuration, verified.
    fn config(&mut self, source: Input, firmware: Option<Input>) -> Input {
        let wanted = self.wanted(firmware.is_some());
        let mut lines = String::new();
        for (symbol, value) in &wanted {
            lines.push_str(&match value.as_str() {
                "n" => format!("# {symbol} is not set\n"),
                value => format!("{symbol}={value}\n"),
            });
        }
        let text = OwnedFile {
            path: fixed("/wanted.config"),
            body: FileBody::Text(lines),
            mode: 0o644,
            uid: 0,
            gid: 0,
            origin: "kernel config".to_owned(),
        };
        let files = Action::WriteFiles {
            files: vec![text],
            epoch: 0,
        };
        let tree = self.add("kernel wishes", files);
        let pick = Action::PickFile {
            tree,
            path: fixed("/wanted.config"),
        };
        let text = self.add("kernel wishes as a file", pick);
        let mut run = self.run(&format!("{LIST_FIRMWARE}{CONFIGURE}"), Vec::new());
        run.mount(source, SOURCE);
        run.mount_all(firmware, FIRMWARE);
        run.files.insert(fixed("/build/wanted.config"), text);
        let from_default = self.built.config.from_default;
        run.set("FROM_DEFAULT", if from_default { "y" } else { "n" });
        let made = self.add("configure kernel", run.capturing("/build/output"));
        let verify = Action::KernelConfig {
            source,
            made,
            wanted,
            needs: self.built.needs.clone(),
            release: self.built.release(),
            arch: self.lowering.image.arch.to_string(),
        };
        let config = self.add("verify kernel config", verify);
        self.lowering.materials.kernel_config = Some(config);
        config
    }

    /// The symbols that the manifest decides, and those that follow from the rest of it.
    fn wanted(&self, firmware: bool) -> BTreeMap<String, String> {
        let mut wanted = self.built.config.values.clone();
        let mut set = |symbol: &str, value: String| {
            wanted.insert(format!("CONFIG_{symbol}"), value);
        };
        set("LOCALVERSION", quoted(&self.built.localversion));
        set("LOCALVERSION_AUTO", "n".to_owned());
        if self.kernel.embed == Embed::Builtin {
            set("INITRAMFS_SOURCE", quoted(INITRAMFS));
            if !self.kernel.cmdline.is_empty() {
                set("CMDLINE_BOOL", "y".to_owned());
                set("CMDLINE", quoted(&self.kernel.cmdline));
            }
        } else {
            set("INITRAMFS_SOURCE", quoted(""));
        }
        if firmware {
            let folder = format!("{BUILT}/objects/firmware");
            set("EXTRA_FIRMWARE_DIR", quoted(&folder));
        }
        wanted
    }

    fn compile(&mut self, source: Input, firmware: Option<Input>, config: Input) -> Input {
        let mut run = self.run(&format!("{LIST_FIRMWARE}{COMPILE}"), Vec::new());
        run.mount(source, SOURCE);
        run.mount_all(firmware, FIRMWARE);
        run.files.insert(fixed("/build/resolved.config"), config);
        run.set("RELEASE", &self.built.release());
        let keep = self.kernel.embed == Embed::Builtin;
        run.set("KEEP_OBJECTS", if keep { "y" } else { "n" });
        self.add("build kernel", run.capturing(BUILT))
    }

    fn link(&mut self, source: Input, tree: Input, initramfs: Input) -> Input {
        let objects = Mount {
            tree,
            at: fixed(BUILT),
            writable: true,
        };
        let mut run = self.run(LINK, vec![objects]);
        run.mount(source, SOURCE);
        run.files.insert(fixed(INITRAMFS), initramfs);
        let tree = self.add("link kernel", run.capturing("/build/output"));
        let pick = Action::PickFile {
            tree,
            path: fixed("/vmlinuz"),
        };
        self.add("efi", pick)
    }

    fn run(&self, script: &str, mounts: Vec<Mount>) -> Run {
        Run {
            root: self.toolchain.root.clone(),
            environment: self.environment(),
            mounts,
            files: BTreeMap::new(),
            script: format!("{MAKE}{script}"),
            epoch: self.locked.made,
        }
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let made = self.locked.made;
        let mut environment = self.toolchain.variables.clone();
        let own = [
            ("LANG", "C".to_owned()),
            ("ARCH", self.lowering.image.arch.to_string()),
            // Set and empty: without it, a sign is added to the release.
            ("LOCALVERSION", String::new()),
            ("KBUILD_BUILD_TIMESTAMP", date(made)),
            ("KBUILD_BUILD_USER", "zosc".to_owned()),
            ("KBUILD_BUILD_HOST", "zosc".to_owned()),
            ("KBUILD_BUILD_VERSION", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        environment.extend(usual_environment(&self.toolchain.path, made));
        environment.extend(own);
        environment
    }
}

/// A command before it is an action.
struct Run {
    root: Root,
    environment: BTreeMap<String, String>,
    mounts: Vec<Mount>,
    files: BTreeMap<ImagePath, Input>,
    script: String,
    epoch: u64,
}

impl Run {
    fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    fn mount(&mut self, tree: Input, at: &str) {
        self.mounts.push(Mount {
            tree,
            at: fixed(at),
            writable: false,
        });
    }

    fn mount_all(&mut self, tree: Option<Input>, at: &str) {
        if let Some(tree) = tree {
            self.mount(tree, at);
        }
    }

    fn capturing(self, directory: &str) -> Action {
        let arguments = ["/bin/sh", "-e", "-c", &self.script];
        Action::Run {
            root: self.root,
            mounts: self.mounts,
            files: self.files,
            arguments: Arguments {
                fixed: arguments.map(str::to_owned).into(),
                further: None,
            },
            environment: self.environment,
            directory: fixed("/build"),
            capture: Capture::Directory(fixed(directory)),
            origin: "kernel".to_owned(),
            epoch: self.epoch,
        }
    }
}

/// A text as `.config` has it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The day of a time in a form that every `date` reads.
fn date(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d").to_string()
}
