//! What fuzzing found and started from, once more; `tests/run fuzz` looks for more.

use super::{gather_all, root, shown};

#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Runs a fuzz target on every file of its corpus.
fn replay(name: &str, target: fn(&[u8])) {
    let mut files = Vec::new();
    gather_all(&root().join("tests/fuzz/corpus").join(name), &mut files);
    files.sort();
    assert!(!files.is_empty(), "the corpus is where it should be");
    for file in files {
        let bytes = std::fs::read(&file).expect("a file of this package");
        let run = std::panic::catch_unwind(|| target(&bytes));
        assert!(run.is_ok(), "{} breaks a promise", shown(&file));
    }
}

/// A test a target, of its name.
macro_rules! replayed {
    ($($(#[$condition:meta])? $name:ident,)*) => {
        $($(#[$condition])? #[test] fn $name() { replay(stringify!($name), targets::$name); })*

        /// The targets with a test.
        const REPLAYED: &[&str] = &[$($(#[$condition])? stringify!($name)),*];
    };
}

replayed! {
    scanner,
    manifest,
    format,
    lock,
    recipe,
    user_file,
    overrides,
    old_configuration,
    #[cfg(feature = "lsp")]
    editor,
    index,
    package_info,
    tarball,
    version,
    dependency,
    signature,
    members,
    installed,
    initramfs,
    source_archive,
    image_file,
    program,
    strip,
    module,
    module_lists,
    alias,
    kernel_config,
    efi_program,
    certificate,
    unit,
    script,
    console,
    patched,
    crates,
    tree,
    record,
    plan,
    #[cfg(feature = "remote")]
    output_tree,
    #[cfg(feature = "publish")]
    published,
    flist,
    block,
}

#[test]
fn every_target_has_a_corpus_and_a_test() {
    let mut files = Vec::new();
    gather_all(&root().join("tests/fuzz/fuzz_targets"), &mut files);
    for file in files {
        let name = file.file_stem().expect("a file's name").to_string_lossy();
        let is_left_out =
            !cfg!(feature = "lsp") || !cfg!(feature = "publish") || !cfg!(feature = "remote");
        assert!(REPLAYED.contains(&&*name) || is_left_out, "{name}");
    }
}

#[test]
fn the_corpus_is_small() {
    let mut files = Vec::new();
    gather_all(&root().join("tests/fuzz/corpus"), &mut files);
    let size: u64 = files
        .iter()
        .map(|file| file.metadata().expect("a file of this package").len())
        .sum();
    assert!(
        files.len() < 1200 && size < 1_000_000,
        "{} files, {size} bytes: merge them",
        files.len()
    );
}
