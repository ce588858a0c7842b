//! Programs, headers and files that zosc or its toolchains may need of a machine, and the packages that have them.
//!
//! Plain data, and the one place that knows: errors about something missing and `zosc doctor` name what stands here. Nothing is looked for here.

/// Distributions whose packages are known, by what installs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Debian, Ubuntu and what is made of them: apt.
    Debian,
    /// Alpine: apk.
    Alpine,
    /// Fedora and its relatives: dnf.
    Fedora,
    /// Arch and its relatives: pacman.
    Arch,
}

/// A distribution as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// What installs its packages.
    pub family: Family,
    /// Its release: `VERSION_ID`.
    pub release: String,
}

impl System {
    /// The one that a text in the format of os-release(5) tells of, where its family is known.
    pub fn of(os_release: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = os_release.lines();
            let line = lines.find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
            Some(line.trim_matches(['"', '\'']).to_owned())
        };
        let names = [value("ID"), value("ID_LIKE")];
        let names: Vec<String> = names.into_iter().flatten().collect();
        let family = names
            .iter()
            .flat_map(|name| name.split(' '))
            .find_map(|name| match name {
                "debian" | "ubuntu" => Some(Family::Debian),
                "alpine" => Some(Family::Alpine),
                "fedora" | "rhel" | "centos" => Some(Family::Fedora),
                "arch" => Some(Family::Arch),
                _ => None,
            })?;
        Some(Self {
            family,
            release: value("VERSION_ID").unwrap_or_default(),
        })
    }
}

impl Family {
    /// What installs packages, without their names.
    pub fn installer(self) -> &'static str {
        match self {
            Self::Debian => "apt-get install",
            Self::Alpine => "apk add",
            Self::Fedora => "dnf install",
            Self::Arch => "pacman -S",
        }
    }
}

/// Something that may be missing, and the packages that have it, an empty text where a family has none.
struct Tool {
    /// A program, a header, a folder of headers with a slash at its end, or what people call it.
    name: &'static str,
    debian: &'static str,
    alpine: &'static str,
    fedora: &'static str,
    arch: &'static str,
}

/// One whose package is called the same everywhere.
const fn same(name: &'static str) -> Tool {
    tool(name, name, name, name, name)
}

const fn tool(
    name: &'static str,
    debian: &'static str,
    alpine: &'static str,
    fedora: &'static str,
    arch: &'static str,
) -> Tool {
    Tool {
        name,
        debian,
        alpine,
        fedora,
        arch,
    }
}

const TOOLS: &[Tool] = &[
    // Compiling.
    same("make"),
    tool("gcc", "gcc", "gcc musl-dev", "gcc", "gcc"),
    tool("cc", "gcc", "gcc musl-dev", "gcc", "gcc"),
    tool("ld", "binutils", "binutils", "binutils", "binutils"),
    tool("as", "binutils", "binutils", "binutils", "binutils"),
    tool("ar", "binutils", "binutils", "binutils", "binutils"),
    tool("objcopy", "binutils", "binutils", "binutils", "binutils"),
    same("flex"),
    same("bison"),
    same("bc"),
    same("perl"),
    tool("python3", "python3", "python3", "python3", "python"),
    same("bash"),
    same("gawk"),
    tool("awk", "gawk", "gawk", "gawk", "gawk"),
    tool("find", "findutils", "findutils", "findutils", "findutils"),
    same("cpio"),
    same("gzip"),
    tool("xz", "xz-utils", "xz", "xz", "xz"),
    same("zstd"),
    same("lz4"),
    same("lzop"),
    tool("depmod", "kmod", "kmod", "kmod", "kmod"),
    tool("pahole", "dwarves", "pahole", "dwarves", "pahole"),
    tool(
        "gelf.h",
        "libelf-dev",
        "elfutils-dev",
        "elfutils-libelf-devel",
        "libelf",
    ),
    tool(
        "libelf.h",
        "libelf-dev",
        "elfutils-dev",
        "elfutils-libelf-devel",
        "libelf",
    ),
    tool(
        "openssl/",
        "libssl-dev",
        "openssl-dev",
        "openssl-devel",
        "openssl",
    ),
    tool(
        "linux/",
        "linux-libc-dev",
        "linux-headers",
        "kernel-headers",
        "linux-api-headers",
    ),
    tool("cargo", "cargo", "cargo", "cargo", "rust"),
    tool("rustc", "rustc", "rust", "rust", "rust"),
    tool(
        "Rust for x86_64-unknown-linux-musl",
        "",
        "",
        "",
        "rust-musl",
    ),
    tool(
        "Rust for aarch64-unknown-linux-gnu",
        "",
        "",
        "",
        "rust-aarch64-gnu",
    ),
    tool(
        "Rust for aarch64-unknown-linux-musl",
        "",
        "",
        "",
        "rust-aarch64-musl",
    ),
    tool("go", "golang-go", "go", "golang", "go"),
    tool("upx", "upx-ucl", "upx", "upx", "upx"),
    // Fetching and verifying.
    same("git"),
    tool(
        "ssh",
        "openssh-client",
        "openssh-client-default",
        "openssh-clients",
        "openssh",
    ),
    tool("gpgv", "gpgv", "gpgv", "gnupg2", "gnupg"),
    same("openssl"),
    tool(
        "pkcs11",
        "libengine-pkcs11-openssl",
        "libp11",
        "openssl-pkcs11",
        "libp11",
    ),
    // Running foreign code.
    tool(
        "newuidmap",
        "uidmap",
        "shadow-subids",
        "shadow-utils",
        "shadow",
    ),
    tool(
        "newgidmap",
        "uidmap",
        "shadow-subids",
        "shadow-utils",
        "shadow",
    ),
    tool("podman", "podman runc uidmap", "podman", "podman", "podman"),
    tool("docker", "docker.io", "docker", "moby-engine", "docker"),
    same("runc"),
    same("fuse-overlayfs"),
    // Booting.
    tool(
        "linuxx64.efi.stub",
        "systemd-boot-efi",
        "systemd-efistub",
        "systemd-boot-unsigned",
        "systemd",
    ),
    tool(
        "linuxaa64.efi.stub",
        "systemd-boot-efi",
        "systemd-efistub",
        "systemd-boot-unsigned",
        "systemd",
    ),
    tool(
        "qemu-system-x86_64",
        "qemu-system-x86",
        "qemu-system-x86_64",
        "qemu-system-x86-core",
        "qemu-system-x86",
    ),
    tool(
        "qemu-system-aarch64",
        "qemu-system-arm",
        "qemu-system-aarch64",
        "qemu-system-aarch64-core",
        "qemu-system-aarch64",
    ),
    tool(
        "qemu-user",
        "qemu-user-static binfmt-support",
        "",
        "qemu-user-static",
        "qemu-user-static-binfmt",
    ),
    tool("OVMF", "ovmf", "ovmf", "edk2-ovmf", "edk2-ovmf"),
    tool(
        "AAVMF",
        "qemu-efi-aarch64",
        "aavmf",
        "edk2-aarch64",
        "edk2-aarch64",
    ),
    tool("mformat", "mtools", "mtools", "mtools", "mtools"),
    tool("mmd", "mtools", "mtools", "mtools", "mtools"),
    tool("mcopy", "mtools", "mtools", "mtools", "mtools"),
    same("swtpm"),
    tool(
        "cloud-hypervisor",
        "",
        "cloud-hypervisor",
        "cloud-hypervisor",
        "cloud-hypervisor",
    ),
    tool(
        "aarch64-linux-gnu-gcc",
        "gcc-aarch64-linux-gnu",
        "",
        "gcc-aarch64-linux-gnu",
        "aarch64-linux-gnu-gcc",
    ),
    // Writing.
    tool("nvim", "neovim", "neovim", "neovim", "neovim"),
];

/// What a release of Debian has in its backports alone: the tool, `VERSION_ID`, and the backports as apt calls them.
const BACKPORTED: [(&str, &str, &str); 1] = [("upx", "12", "bookworm-backports")];

/// Where a system has a package that it does not offer by itself: `apt-get install -t` takes it from there.
pub fn backports(name: &str, system: &System) -> Option<&'static str> {
    let is_it = |(tool, release, _): &&(&str, &str, &str)| {
        system.family == Family::Debian && *tool == name && *release == system.release
    };
    BACKPORTED.iter().find(is_it).map(|(_, _, from)| *from)
}

/// The packages that have something in a family; `None` where nothing is known of it.
pub fn packages(name: &str, family: Family) -> Option<&'static str> {
    let is_it = |tool: &&Tool| match tool.name.strip_suffix('/') {
        Some(folder) => name
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/')),
        None => tool.name == name,
    };
    let tool = TOOLS.iter().find(is_it)?;
    let packages = match family {
        Family::Debian => tool.debian,
        Family::Alpine => tool.alpine,
        Family::Fedora => tool.fedora,
        Family::Arch => tool.arch,
    };
    (!packages.is_empty()).then_some(packages)
}

/// How something is installed where the machine's distribution is not looked at, as errors say it.
pub fn installing(name: &str) -> String {
    let on = |family: Family, called: &str| {
        let packages = packages(name, family)?;
        let installer = family.installer();
        Some(format!("`sudo {installer} {packages}` ({called})"))
    };
    let backported = BACKPORTED.iter().find(|(tool, ..)| *tool == name);
    let debian = match backported {
        Some((_, release, from)) => format!("Debian; in Debian {release} from `{from}`"),
        None => "Debian".to_owned(),
    };
    let ways = [on(Family::Debian, &debian), on(Family::Alpine, "Alpine")];
    ways.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_read_from_what_they_say_of_themselves() {
        for (text, family) in [
            ("PRETTY_NAME=\"Debian\"\nID=debian\n", Some(Family::Debian)),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Some(Family::Debian),
            ),
            ("ID=alpine\nVERSION_ID=3.22.0\n", Some(Family::Alpine)),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                Some(Family::Fedora),
            ),
            ("ID=manjaro\nID_LIKE=arch\n", Some(Family::Arch)),
            ("ID=nixos\n", None),
            ("", None),
        ] {
            let system = System::of(text);
            assert_eq!(system.map(|system| system.family), family, "{text}");
        }
        let alpine = System::of("ID=alpine\nVERSION_ID=3.22.0\n").expect("known");
        assert_eq!(alpine.release, "3.22.0");
    }

    #[test]
    fn what_only_backports_have_is_said() {
        let system = |release: &str| System {
            family: Family::Debian,
            release: release.to_owned(),
        };
        assert_eq!(backports("upx", &system("12")), Some("bookworm-backports"));
        assert_eq!(backports("upx", &system("13")), None);
        assert_eq!(backports("make", &system("12")), None);
        assert_eq!(
            installing("upx"),
            "`sudo apt-get install upx-ucl` (Debian; in Debian 12 from `bookworm-backports`), `sudo apk add upx` (Alpine)"
        );
    }

    #[test]
    fn packages_are_those_of_the_family_and_headers_count_for_their_folder() {
        assert_eq!(
            packages("openssl/ssl.h", Family::Debian),
            Some("libssl-dev")
        );
        assert_eq!(packages("openssl", Family::Debian), Some("openssl"));
        assert_eq!(packages("pahole", Family::Fedora), Some("dwarves"));
        assert_eq!(packages("cloud-hypervisor", Family::Debian), None);
        assert_eq!(packages("opensslx", Family::Arch), None);
        assert_eq!(
            installing("newuidmap"),
            "`sudo apt-get install uidmap` (Debian), `sudo apk add shadow-subids` (Alpine)"
        );
    }

    #[test]
    fn nothing_stands_twice() {
        for (at, tool) in TOOLS.iter().enumerate() {
            let again = TOOLS
                .iter()
                .skip(at + 1)
                .any(|other| other.name == tool.name);
            assert!(!again, "{}", tool.name);
        }
    }
}
