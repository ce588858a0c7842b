//! apk's database of installed packages, read back: who is there, what they need, whose a file is.

use crate::tree::ImagePath;

/// Where apk 2 and apk 3 keep the database.
pub const INSTALLED: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// A package that a database lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstalledPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as its maker wrote it; may be empty.
    pub licence: String,
    /// Bytes that its files take, as its maker counted them.
    pub installed_size: u64,
    /// What it needs, as written.
    pub depends: Vec<String>,
    /// What it is besides its name, as written.
    pub provides: Vec<String>,
    /// The directories that it brings.
    pub directories: Vec<ImagePath>,
    /// The files that it owns.
    pub files: Vec<ImagePath>,
}

impl InstalledPackage {
    /// `busybox-1.36.1-r15`
    pub fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// Reads `/lib/apk/db/installed`. Lines that make no sense are passed over: the text may come from any image.
pub fn read_installed(text: &str) -> Vec<InstalledPackage> {
    let records = text.split("\n\n").map(record);
    let mut packages: Vec<InstalledPackage> = records.flatten().collect();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    packages
}

fn record(text: &str) -> Option<InstalledPackage> {
    let mut package = InstalledPackage::default();
    let mut folder = None;
    for line in text.lines() {
        let Some((letter, value)) = line.split_once(':') else {
            continue;
        };
        let words = || value.split_ascii_whitespace().map(str::to_owned);
        match letter {
            "P" => value.clone_into(&mut package.name),
            "V" => value.clone_into(&mut package.version),
            "L" => value.clone_into(&mut package.licence),
            "I" => package.installed_size = value.parse().unwrap_or(0),
            "D" => package.depends.extend(words()),
            "p" => package.provides.extend(words()),
            "F" => {
                folder = ImagePath::new(value).ok();
                let inner = folder.iter().filter(|folder| !folder.is_root());
                package.directories.extend(inner.cloned());
            }
            "R" => {
                let path = folder.as_ref().and_then(|folder| folder.join(value).ok());
                package.files.extend(path);
            }
            _ => {}
        }
    }
    (!package.name.is_empty()).then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_its_files_and_needs() {
        let text = "C:Q1x=\nP:musl\nV:1.2.4-r2\nI:634880\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1y=\n\n\
                    P:busybox\nV:1.36.1-r15\nL:GPL-2.0-only\nD:so:libc.musl-x86_64.so.1 !old\nF:\nF:bin\nM:0:0:755\nR:busybox\nF:etc/../x\nR:lost\n\n";
        let [busybox, musl] = <[_; 2]>::try_from(read_installed(text)).expect("two packages");
        assert_eq!(busybox.full_name(), "busybox-1.36.1-r15");
        assert_eq!(busybox.licence, "GPL-2.0-only");
        assert_eq!(busybox.depends, ["so:libc.musl-x86_64.so.1", "!old"]);
        let shown = |paths: &[ImagePath]| -> Vec<String> {
            paths.iter().map(ImagePath::to_string).collect()
        };
        assert_eq!(shown(&busybox.files), ["/bin/busybox"]);
        assert_eq!(shown(&busybox.directories), ["/bin"]);
        assert_eq!(musl.installed_size, 634_880);
        assert_eq!(shown(&musl.files), ["/lib/ld-musl-x86_64.so.1"]);
        assert_eq!(musl.provides, ["so:libc.musl-x86_64.so.1=1"]);
    }

    #[test]
    fn a_text_of_another_kind_lists_nothing() {
        assert!(read_installed("hello\n\nF:bin\nR:x\n").is_empty());
    }
}
