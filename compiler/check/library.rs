//! The files that ship with zosc, imported as `std:NAME`.
//!
//! `std:zero-os/base` is `runtime-units/zero-os/base.kdl`. What such a file names with `from=` lies beside it and ships too.

use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/runtime-units");

/// The prefix of an import that names a file of the library.
pub(super) const PREFIX: &str = "std:";

/// The bytes of a file by its path in the library.
pub(super) fn read(path: &str) -> Option<&'static [u8]> {
    FILES.get_file(path).map(include_dir::File::contents)
}

/// Every manifest of the library as an import names it (`std:zero-os/base`), sorted.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    collect(&FILES, &mut names);
    names.sort();
    names
}

fn collect(folder: &Dir<'_>, names: &mut Vec<String>) {
    for file in folder.files() {
        let name = file
            .path()
            .to_str()
            .and_then(|path| path.strip_suffix(".kdl"));
        names.extend(name.map(|name| format!("{PREFIX}{name}")));
    }
    for inner in folder.dirs() {
        collect(inner, names);
    }
}
