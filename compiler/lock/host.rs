//! The building machine's own compilers, as facts and folders.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::diagnostic::Diagnostic;
use crate::io;

use super::HostToolchain;

/// Folders of the system that compilers, linkers and their libraries live in.
const SYSTEM: [&str; 6] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/sbin",
    "/etc/alternatives",
];

/// Looks at the machine's `rustc`, `cargo` and `cc`, and at its `upx` where programs are packed with that.
///
/// # Errors
/// There is no Rust toolchain, no C compiler (which Rust links with), or no `upx`.
pub(super) fn toolchain(cancel: &AtomicBool, packs: bool) -> Result<HostToolchain, Diagnostic> {
    let ask = |program: &str, arguments: &[&str], package: &str| {
        let finished = io::run_program(program, arguments, Path::new("/"), &[], cancel);
        match finished {
            Ok(finished) if finished.success => Ok(finished.output),
            Ok(finished) => Err(missing(program, package).note(finished.errors.trim().to_owned())),
            Err(error) => Err(missing(program, package).note(error.to_string())),
        }
    };
    let compiler = ask("rustc", &["-vV"], "a Rust toolchain")?;
    let builder = ask("cargo", &["-V"], "a Rust toolchain")?;
    let root = ask("rustc", &["--print", "sysroot"], "a Rust toolchain")?;
    let linker = ask("cc", &["--version"], "gcc")?;
    let mut facts = format!(
        "{compiler}{builder}{}\n",
        linker.lines().next().unwrap_or_default()
    );
    if packs {
        let packer = ask("upx", &["--version"], "UPX (Debian's package `upx-ucl`)")?;
        facts.push_str(packer.lines().next().unwrap_or_default());
        facts.push('\n');
    }

    let root = PathBuf::from(root.trim());
    let mut folders: Vec<String> = SYSTEM
        .iter()
        .filter(|folder| Path::new(folder).is_dir())
        .map(|folder| (*folder).to_owned())
        .collect();
    if !root.starts_with("/usr") {
        folders.push(root.display().to_string());
    }
    let mut path = vec![root.join("bin").display().to_string()];
    path.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(str::to_owned));
    Ok(HostToolchain {
        facts,
        path,
        folders,
    })
}

fn missing(program: &str, package: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::no-toolchain",
        format!("`toolchain … {{ host }}` needs `{program}`, which does not run here"),
    )
    .help(format!("install {package} on this machine"))
}
