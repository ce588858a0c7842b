//! zosc's own program, as a container can start it.
//!
//! A root filesystem for a build need not have the libraries that zosc was linked with, so those of this very process come
//! along, with their loader.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::job::FOLDER;
use super::refusal;
use crate::diagnostic::Diagnostic;

/// The program and what it needs.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::build) struct Program {
    /// Files and folders of the host, and where the container has them.
    pub(super) binds: Vec<(PathBuf, String)>,
    /// The command that starts it.
    pub(super) arguments: Vec<String>,
    /// Its file.
    #[cfg(feature = "remote")]
    file: PathBuf,
    /// The libraries that it is linked with, its loader among them.
    #[cfg(feature = "remote")]
    libraries: BTreeSet<PathBuf>,
}

impl Program {
    /// This process's program.
    pub(in crate::build) fn own() -> Result<Self, Diagnostic> {
        let program = fs::read_link("/proc/self/exe")
            .ok()
            .filter(|path| path.exists())
            .ok_or_else(refusal::replaced)?;
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        Ok(Self::new(program, &maps))
    }

    /// A program with the files that its process has mapped, in the format of `/proc/PID/maps`.
    pub(super) fn new(program: PathBuf, maps: &str) -> Self {
        let guest = format!("{FOLDER}/zosc");
        let libraries = mapped(maps, &program);
        let folders: BTreeSet<&Path> = libraries.iter().filter_map(|path| path.parent()).collect();
        let place = |number: usize| format!("{FOLDER}/libraries/{number}");
        let loader = libraries.iter().find(|path| is_loader(path));
        let mut arguments = vec![guest.clone()];
        if let Some(loader) = loader {
            let within = folders
                .iter()
                .position(|folder| loader.parent() == Some(folder));
            let name = loader.file_name().unwrap_or_default().to_string_lossy();
            let places: Vec<String> = (0..folders.len()).map(place).collect();
            arguments = vec![
                format!("{}/{name}", place(within.unwrap_or_default())),
                "--library-path".to_owned(),
                places.join(":"),
                guest.clone(),
            ];
        }
        let folders = folders.into_iter().map(Path::to_owned);
        let mut binds: Vec<_> = folders
            .enumerate()
            .map(|(number, folder)| (folder, place(number)))
            .collect();
        binds.push((program.clone(), guest));
        Self {
            binds,
            arguments,
            #[cfg(feature = "remote")]
            file: program,
            #[cfg(feature = "remote")]
            libraries,
        }
    }

    /// Its file, and those of its libraries.
    #[cfg(feature = "remote")]
    pub(in crate::build) fn files(&self) -> (&Path, impl Iterator<Item = &Path>) {
        (&self.file, self.libraries.iter().map(PathBuf::as_path))
    }

    /// The command that starts it as `guest`, with its libraries in the folder `libraries`.
    #[cfg(feature = "remote")]
    pub(in crate::build) fn command(&self, guest: &str, libraries: &str) -> Vec<String> {
        let loader = self.libraries.iter().find(|path| is_loader(path));
        let Some(name) = loader.and_then(|loader| loader.file_name()) else {
            return vec![guest.to_owned()];
        };
        let loader = format!("{libraries}/{}", name.to_string_lossy());
        let option = "--library-path".to_owned();
        vec![loader, option, libraries.to_owned(), guest.to_owned()]
    }
}

/// Files with code that a process has mapped, besides its program.
fn mapped(maps: &str, program: &Path) -> BTreeSet<PathBuf> {
    let files = maps.lines().filter_map(|line| {
        let mut fields = line.splitn(6, ' ');
        let rights = fields.nth(1)?;
        let path = fields.nth(3)?.trim_start();
        (rights.contains('x') && path.starts_with('/')).then(|| PathBuf::from(path))
    });
    files.filter(|path| path != program).collect()
}

fn is_loader(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("ld-") || name.starts_with("ld.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0-55d1 r-xp 00001000 fe:00 42                         /opt/zosc
7f00-7f01 r-xp 00001000 fe:00 43                         /usr/lib/x/libc.so.6
7f02-7f03 r--p 00000000 fe:00 44                         /usr/share/data
7f04-7f05 r-xp 00001000 fe:00 45                         /lib/x/ld-linux-x86-64.so.2
7ffc-7ffd r-xp 00000000 00:00 0                          [vdso]
";

    #[test]
    fn a_program_with_libraries_is_started_by_its_loader() {
        let program = Program::new("/opt/zosc".into(), MAPS);
        let bind = |host: &str, guest: &str| (PathBuf::from(host), guest.to_owned());
        assert_eq!(
            program.binds,
            [
                bind("/lib/x", "/.zosc/libraries/0"),
                bind("/usr/lib/x", "/.zosc/libraries/1"),
                bind("/opt/zosc", "/.zosc/zosc"),
            ]
        );
        let expected = "/.zosc/libraries/0/ld-linux-x86-64.so.2 --library-path \
             /.zosc/libraries/0:/.zosc/libraries/1 /.zosc/zosc";
        assert_eq!(program.arguments.join(" "), expected);
    }

    #[test]
    fn a_static_program_starts_by_itself() {
        let maps = MAPS.lines().next().expect("a line");
        let program = Program::new("/opt/zosc".into(), maps);
        assert_eq!(program.arguments, ["/.zosc/zosc"]);
        assert_eq!(program.binds.len(), 1);
    }
}
