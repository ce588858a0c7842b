//! What an image needs of the machine that builds it, and why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::build::executor::Choice;
use crate::check::{
    Arch, BuiltKernel, Image, KernelOrigin, KernelSource, Recipe, SigningKey, Source, SourceOrigin,
    StubOrigin, ToolchainRoot,
};
use crate::manifest::boot::Firmware;

/// Something that may be needed of a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// What is looked at on every machine, by its name.
    Named(&'static str),
    /// Any container engine.
    Engine,
    /// Rust's libraries for a target, of a release where one is asked for.
    RustTarget {
        /// The target.
        target: String,
        /// The release.
        release: Option<String>,
    },
    /// A release of Rust.
    Rust(String),
    /// That programs for a processor run.
    Programs(Arch),
    /// QEMU for an architecture.
    Qemu(String),
    /// systemd's stub in a file.
    Stub(PathBuf),
    /// A private key in a file.
    KeyFile(PathBuf),
    /// A private key in an environment variable.
    KeyVariable(String),
}

/// Why something is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// What needs it, in the words of the manifest.
    pub(super) by: Vec<String>,
    /// Whether nothing but `zosc boot` needs it.
    pub(super) only_boot: bool,
}

/// All that an image needs.
pub(super) type Needs = BTreeMap<Wanted, Need>;

/// What an image needs where foreign code runs in this way.
pub(super) fn of(image: &Image, executor: Choice) -> Needs {
    let mut list = List {
        image,
        executor,
        needs: Needs::new(),
    };
    list.packages();
    list.toolchains();
    for source in &image.sources {
        list.source(source);
    }
    list.kernel();
    list.packing();
    list.boot();
    list.needs
}

struct List<'a> {
    image: &'a Image,
    executor: Choice,
    needs: Needs,
}

impl List<'_> {
    fn add(&mut self, wanted: Wanted, by: &str) {
        let need = self.needs.entry(wanted).or_default();
        if !need.by.iter().any(|known| known == by) {
            need.by.push(by.to_owned());
        }
    }

    fn named(&mut self, names: &[&'static str], by: &str) {
        for name in names {
            self.add(Wanted::Named(name), by);
        }
    }

    /// Foreign code runs.
    fn runs(&mut self, by: &str) {
        let name = match self.executor {
            Choice::Podman => "podman",
            Choice::Docker => "docker",
            Choice::Sandbox | Choice::Remote => super::sandbox::NAMESPACES,
        };
        self.named(&[name], by);
    }

    /// Programs for the image's own processor run.
    fn runs_its_own(&mut self, by: &str) {
        self.add(Wanted::Programs(self.image.arch), by);
    }

    /// Foreign code runs that gives files to users.
    fn runs_with_accounts(&mut self, by: &str) {
        self.runs(by);
        if self.executor != Choice::Docker {
            self.named(&[super::sandbox::ACCOUNTS], by);
        }
    }

    fn packages(&mut self) {
        let packages = &self.image.packages;
        let some_run =
            packages.run_scripts || packages.script_exceptions.values().any(|runs| *runs);
        if !packages.install.is_empty() && some_run {
            self.runs_with_accounts("scripts of packages");
            self.runs_its_own("scripts of packages");
        }
    }

    fn toolchains(&mut self) {
        for (name, toolchain) in self.image.used_toolchains() {
            let by = format!("toolchain {name}");
            match toolchain.root {
                ToolchainRoot::Alpine { .. } => {
                    self.runs_with_accounts(&by);
                    self.runs_its_own(&by);
                }
                ToolchainRoot::Container { .. } => self.add(Wanted::Engine, &by),
                ToolchainRoot::Download { .. } | ToolchainRoot::Local(_) | ToolchainRoot::Host => {}
            }
        }
    }

    fn is_host(&self, toolchain: &str) -> bool {
        let toolchain = self.image.toolchains.get(toolchain);
        toolchain.is_some_and(|toolchain| toolchain.root == ToolchainRoot::Host)
    }

    fn source(&mut self, source: &Source) {
        let by = format!("source {}", source.name.value);
        match &source.from {
            SourceOrigin::Git { url, .. } => {
                self.named(&["git"], &by);
                if url.starts_with("ssh://") || !url.contains("://") {
                    self.named(&["ssh"], &by);
                }
            }
            SourceOrigin::Crate { .. } => self.named(&["cargo"], &by),
            SourceOrigin::Path(_) | SourceOrigin::Release { .. } => {}
        }
        let Some(build) = &source.build else { return };
        self.runs(&by);
        let fetches = matches!(
            source.from,
            SourceOrigin::Git { .. } | SourceOrigin::Path(_)
        );
        let here = self.is_host(&build.toolchain);
        match &build.recipe {
            Recipe::Cargo { target, rust, .. } => {
                if fetches || here {
                    self.named(&["cargo"], &by);
                }
                if here {
                    let release = rust.as_ref().map(|rust| rust.value.as_str());
                    self.rust(target.as_deref(), release, &by);
                }
            }
            Recipe::Go { cgo, .. } => {
                if fetches || here {
                    self.named(&["go"], &by);
                }
                if here && *cgo {
                    self.named(&["cc"], &by);
                }
            }
            Recipe::Make { .. } if here => self.named(&["make"], &by),
            Recipe::Make { .. } | Recipe::Script(_) => {}
        }
    }

    /// What this machine's own Rust needs to compile for a target.
    fn rust(&mut self, target: Option<&str>, release: Option<&str>, by: &str) {
        self.named(&["rustc", "cc"], by);
        if let Some(release) = release {
            self.add(Wanted::Rust(release.to_owned()), by);
        }
        let Some(target) = target else { return };
        let wanted = Wanted::RustTarget {
            target: target.to_owned(),
            release: release.map(str::to_owned),
        };
        self.add(wanted, by);
        let arch = self.image.arch;
        let is_for_image = target.starts_with(arch.name()) && target.ends_with("-gnu");
        if let Some(compiler) = arch.cross_compiler().filter(|_| is_for_image) {
            self.named(&[compiler], by);
        }
    }

    fn kernel(&mut self) {
        let Some(kernel) = &self.image.kernel else {
            return;
        };
        if let KernelOrigin::Built(built) = &kernel.from {
            self.runs("kernel");
            if self.is_host(&built.toolchain) {
                self.kernel_build(built);
            }
        }
        if let Some(StubOrigin::File(path)) = &kernel.stub {
            self.add(Wanted::Stub(path.value.clone()), "kernel, stub");
        }
        let by = "kernel, sign";
        match kernel.sign.as_ref().map(|sign| &sign.key.value) {
            Some(SigningKey::Environment(name)) => self.add(Wanted::KeyVariable(name.clone()), by),
            Some(SigningKey::File(path)) => self.add(Wanted::KeyFile(path.clone()), by),
            Some(SigningKey::Token(_)) => self.named(&["openssl", "pkcs11"], by),
            None => {}
        }
    }

    /// What the kernel's own build starts.
    fn kernel_build(&mut self, built: &BuiltKernel) {
        let always = [
            "make", "cc", "ld", "flex", "bison", "bc", "perl", "gelf.h", "xz",
        ];
        self.named(&always, "kernel");
        let is_on = |symbol: &str| {
            built
                .config
                .values
                .get(symbol)
                .is_some_and(|value| value == "y")
        };
        for (symbol, name) in [
            ("CONFIG_DEBUG_INFO_BTF", "pahole"),
            ("CONFIG_MODULE_SIG", "openssl/ssl.h"),
            ("CONFIG_SYSTEM_TRUSTED_KEYRING", "openssl/ssl.h"),
            ("CONFIG_KERNEL_ZSTD", "zstd"),
            ("CONFIG_IKHEADERS", "cpio"),
        ] {
            if is_on(symbol) {
                self.named(&[name], &format!("kernel, {symbol}"));
            }
        }
        if let KernelSource::Tarball {
            signature: Some(_), ..
        } = &built.source
        {
            self.named(&["gpgv"], "kernel, signature");
        }
    }

    fn packing(&mut self) {
        let image = self.image;
        for packing in &image.upx {
            self.runs("size, upx");
            if self.is_host(&packing.toolchain) {
                self.named(&["upx"], "size, upx");
            }
        }
    }

    fn boot(&mut self) {
        if self.image.kernel.is_none() {
            return;
        }
        let arch = self.image.arch;
        let firmware = match self.image.boot.firmware {
            Firmware::Direct => None,
            Firmware::Uefi => Some(super::boot::UEFI),
            Firmware::SecureBoot => Some(super::boot::SECURE_BOOT),
        };
        let named = firmware.into_iter().chain(["KVM"]).map(Wanted::Named);
        for wanted in named.chain([Wanted::Qemu(arch.to_string())]) {
            let need = self.needs.entry(wanted).or_default();
            need.by.push("zosc boot".to_owned());
            need.only_boot = true;
        }
    }
}
