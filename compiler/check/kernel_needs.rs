//! What a kernel must have in it to boot the image, as far as its configuration says.
//!
//! A symbol counts as off where the configuration says so, or where a file that Kconfig wrote whole (its first lines say so) does not
//! name it and nothing that the symbol depends on was turned on after that file. Everything else is left to Kconfig and
//! its defaults. Which symbol makes which module is left alone: no rule leads from one to the other.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::initramfs::Compress;
use crate::manifest::kernel::Embed;

use super::kernel::Purpose;
use super::kernel_config::{Decisions, Known};
use super::{Arch, Ctx};

/// A symbol that must be `y`.
struct Need {
    symbol: &'static str,
    /// Symbols that it depends on.
    parents: &'static [&'static str],
    /// Why, as the second half of a sentence.
    why: String,
}

impl Ctx<'_> {
    /// Refuses a configuration with which the image cannot boot; returns what must hold in the end, since Kconfig has the last word.
    pub(super) fn kernel_boots(
        &mut self,
        decisions: &Decisions,
        purpose: Purpose<'_>,
    ) -> BTreeMap<String, String> {
        // What depends on these follows from what has been said of them, or is left to Kconfig as they are.
        let mut settled: Vec<&str> = Vec::new();
        let mut all = BTreeMap::new();
        for need in self.needs(purpose) {
            all.insert(need.symbol.to_owned(), need.why.clone());
            let depends = need.parents.iter().any(|parent| settled.contains(parent));
            let problem = match decisions.of(need.symbol, need.parents) {
                Known::Decided(decision) if decision.value == "y" => continue,
                Known::Absent(_) | Known::Open if depends => continue,
                Known::Open => {
                    settled.push(need.symbol);
                    continue;
                }
                Known::Decided(decision) => {
                    let state = match decision.value.as_str() {
                        "m" => "a module",
                        "n" => "off",
                        _ => "not `y`",
                    };
                    Diagnostic::error(
                        "zosc::check::cannot-boot",
                        format!("`{}` is {state}, and {}", need.symbol, need.why),
                    )
                    .at(decision.span)
                    .help(format!("write `{}=y`", need.symbol))
                    .replace("turn it on", decision.span, decision.on.clone())
                }
                Known::Absent(file) => Diagnostic::error(
                    "zosc::check::cannot-boot",
                    format!(
                        "`{}` has no `{}`, and {}",
                        file.value, need.symbol, need.why
                    ),
                )
                .at(file.span)
                .help(format!(
                    "add `{{ set {}=y }}` behind the files, with what it depends on",
                    need.symbol
                )),
            };
            settled.push(need.symbol);
            self.push(problem);
        }
        all
    }

    fn needs(&self, purpose: Purpose<'_>) -> Vec<Need> {
        let need = |symbol, parents, why: &str| Need {
            symbol,
            parents,
            why: why.to_owned(),
        };
        let mut needs = vec![
            need("CONFIG_BLK_DEV_INITRD", &[], "the image is an initramfs"),
            need("CONFIG_BINFMT_ELF", &[], "programs are ELF files"),
            need("CONFIG_BINFMT_SCRIPT", &[], "`/init` is a script"),
            need("CONFIG_PROC_FS", &[], "`/init` mounts /proc"),
            need("CONFIG_SYSFS", &[], "`/init` mounts /sys"),
            need("CONFIG_DEVTMPFS", &[], "`/init` mounts it as /dev"),
            need(
                "CONFIG_TMPFS",
                &["CONFIG_SHMEM"],
                "`/init` mounts it as /run",
            ),
        ];
        needs.extend(self.compression_need());
        if self.makes_efi(purpose.embed) {
            let why = "an EFI program is made";
            let parents: &[&str] = match purpose.arch {
                Arch::X86_64 => &["CONFIG_ACPI", "CONFIG_PCI"],
                Arch::Aarch64 => &["CONFIG_OF"],
            };
            needs.push(need("CONFIG_EFI", parents, why));
            needs.push(need("CONFIG_EFI_STUB", &["CONFIG_EFI"], why));
        }
        let modules = self.manifest.modules.iter();
        if modules
            .flat_map(|list| list.stage1.iter().chain(&list.stage2))
            .next()
            .is_some()
        {
            needs.push(need("CONFIG_MODULES", &[], "the image has modules"));
        }
        for console in purpose
            .cmdline
            .split(' ')
            .filter_map(|word| word.strip_prefix("console="))
        {
            let why = format!("the console is `{console}`");
            let serial = console.starts_with("ttyS");
            let of_arm = console.starts_with("ttyAMA");
            let screen = console
                .strip_prefix("tty")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            let pairs: &[(&str, &[&str])] = match (serial, of_arm, screen) {
                (true, ..) => &[
                    ("CONFIG_SERIAL_8250", &["CONFIG_TTY"]),
                    ("CONFIG_SERIAL_8250_CONSOLE", &["CONFIG_SERIAL_8250"]),
                ],
                (_, true, _) => &[
                    (
                        "CONFIG_SERIAL_AMBA_PL011",
                        &["CONFIG_TTY", "CONFIG_ARM_AMBA"],
                    ),
                    (
                        "CONFIG_SERIAL_AMBA_PL011_CONSOLE",
                        &["CONFIG_SERIAL_AMBA_PL011"],
                    ),
                ],
                (.., true) => &[
                    ("CONFIG_VT", &["CONFIG_TTY"]),
                    ("CONFIG_VT_CONSOLE", &["CONFIG_VT"]),
                ],
                _ => &[],
            };
            for (symbol, parents) in pairs {
                needs.push(need(symbol, parents, &why));
            }
        }
        needs
    }

    /// The symbol that unpacks the initramfs.
    fn compression_need(&self) -> Option<Need> {
        let initramfs = self.manifest.initramfs.as_ref();
        let compress = initramfs.and_then(|initramfs| initramfs.compress.as_ref());
        let (symbol, name) = match compress.map_or(Compress::Xz, |compress| compress.value) {
            Compress::None => return None,
            Compress::Gzip => ("CONFIG_RD_GZIP", "gzip"),
            Compress::Xz => ("CONFIG_RD_XZ", "xz"),
            Compress::Zstd => ("CONFIG_RD_ZSTD", "zstd"),
        };
        Some(Need {
            symbol,
            parents: &["CONFIG_BLK_DEV_INITRD"],
            why: format!("the initramfs is compressed with {name}"),
        })
    }

    /// Whether the build yields an EFI program.
    fn makes_efi(&self, embed: Embed) -> bool {
        let outputs = self.manifest.outputs.as_ref();
        embed != Embed::None
            && outputs
                .is_none_or(|outputs| outputs.efi.is_some() || outputs.efi_versioned.is_some())
    }
}
