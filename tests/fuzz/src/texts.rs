//! Promises about texts that are no manifests: recipes, the user's configuration, what is set from outside, the configuration
//! of a bash builder, patches, and what sources say of themselves.

use std::path::Path;

use zosc::check::{self, Settings, VARIABLES};
use zosc::diagnostic::Diagnostics;
use zosc::io::Memory;
use zosc::migrate::{Init, migrate};
use zosc::source::{SourceId, SourceMap};
use zosc::tree::{Entry, ImagePath, Node, Origin, Tree};
use zosc::{configuration, patch, repository, sbom, syntax};

use super::stored::files_below;
use super::unpacking::is_one_tree;
use super::{archives, can_be_shown, settings};

/// What is said lies within the texts that it is said of.
fn lies_inside(problems: &Diagnostics, sources: &SourceMap) {
    for problem in problems {
        let edits = problem.fixes.iter().flat_map(|fix| &fix.edits);
        let spans = edits.map(|edit| edit.span);
        for span in spans.chain(problem.labels.iter().map(|label| label.span)) {
            let source = sources.get(span.source).expect("a text that was read");
            assert!(source.text.get(span.range()).is_some(), "{span:?}");
        }
    }
}

/// Reads a recipe of a package.
pub fn recipe(bytes: &[u8]) {
    let files = Memory::new([("/fuzz/recipe.kdl", bytes), ("/fuzz/tool", b"#!/bin/sh\n")]);
    let settings = repository::Settings {
        current_directory: "/fuzz".into(),
        ..repository::Settings::default()
    };
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let entry = Path::new("recipe.kdl");
    let read = repository::read_recipe(entry, &settings, &files, &mut sources, &mut problems);
    assert_eq!(read.is_none(), problems.has_errors(), "{problems:#?}");
    lies_inside(&problems, &sources);
}

/// Reads the user's configuration.
pub fn user_file(bytes: &[u8]) {
    let files = Memory::new([("/fuzz/config.kdl", bytes)]);
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    configuration::check(
        Path::new("/fuzz/config.kdl"),
        &files,
        &mut sources,
        &mut problems,
    );
    lies_inside(&problems, &sources);
}

/// Sets what the lines say over a manifest, as `--set` does for those with `=` and the environment for the others.
pub fn overrides(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let manifest = "edition 1\nimage fuzz version=\"1\"\nkernel { package linux-virt; cmdline \"a\" }\nunit x { exec \"/bin/x\" }\n";
    let files = Memory::new([("/fuzz/zos.kdl", manifest)]);
    let (set, environment) = text.split_once('\0').unwrap_or((&text, ""));
    let values = environment.lines().zip(VARIABLES);
    let settings = Settings {
        overrides: set.lines().map(str::to_owned).collect(),
        environment: values
            .map(|(value, name)| ((*name).to_owned(), value.to_owned()))
            .collect(),
        ..settings()
    };
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let entry = Path::new("zos.kdl");
    let image = check::check(entry, &settings, &files, &mut sources, &mut problems);
    assert_eq!(image.is_none(), problems.has_errors(), "{problems:#?}");
    lies_inside(&problems, &sources);
}

/// Carries a bash builder's configuration over: the manifest that comes out is sound as a text, and laid out.
pub fn old_configuration(bytes: &[u8]) {
    let files = files_below("/fuzz/config", bytes);
    for init in [Init::Library, Init::Own] {
        let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
        let folder = Path::new("/fuzz/config");
        let made = migrate(folder, init, &files, &mut sources, &mut problems);
        lies_inside(&problems, &sources);
        let Some(made) = made else { continue };
        let mut faults = Diagnostics::new();
        syntax::parse(SourceId(0), &made.manifest, &mut faults);
        assert!(faults.is_empty(), "{}\n{faults:#?}", made.manifest);
        let laid_out = syntax::format(SourceId(0), &made.manifest);
        assert_eq!(
            laid_out.as_ref(),
            Ok(&made.manifest),
            "as `zosc fmt` writes it"
        );
        for name in made.files.keys() {
            let plain = |part: &str| !["", ".", ".."].contains(&part);
            assert!(name.split('/').all(plain), "{name}");
        }
    }
}

/// Applies a patch to a small tree: it does not fit, or what comes out is one tree of stored contents; the other files stay.
pub fn patched(bytes: &[u8]) {
    let (_folder, store) = archives::store();
    let mut tree = Tree::new();
    let origin = Origin::new("source fuzz");
    for (path, content) in [
        ("/a", &b"one\ntwo\nthree\n"[..]),
        ("/dir/b", b"x\n"),
        ("/kept", b"kept"),
    ] {
        let digest = store.put(content).expect("stored");
        let file = Entry::file(digest, content.len() as u64, 0o644, 0, origin.clone());
        tree.insert_with_parents(ImagePath::new(path).expect("a path"), file);
    }
    let path = |text: &str| ImagePath::new(text).expect("a path");
    tree.insert(path("/out"), Entry::symlink("/etc", 0, origin.clone()));
    let mut further = tree.get(&path("/a")).expect("there").clone();
    further.node = Node::Hardlink { to: path("/a") };
    tree.insert(path("/further"), further);
    let after = match patch::apply(tree.clone(), "fuzz.patch", bytes, &origin, &store) {
        Ok(after) => after,
        Err(problem) => return can_be_shown(&problem),
    };
    is_one_tree(&after, &store);
    if !bytes.windows(4).any(|part| part == b"kept") {
        let kept = path("/kept");
        assert_eq!(after.get(&kept), tree.get(&kept));
    }
}

/// Reads what a source says of its crates and modules.
pub fn crates(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let locked = sbom::locked_crates(&text);
    for found in &locked.crates {
        let of_purl = sbom::purl(
            "cargo",
            "",
            &found.name,
            &found.version,
            &[("checksum", &found.from)],
        );
        assert!(
            of_purl.is_ascii() && !of_purl.contains(char::is_whitespace),
            "{of_purl}"
        );
    }
    sbom::crate_manifest(&text);
    assert!(sbom::vendored_modules(&text).is_sorted());
    for line in text.lines() {
        if let Some(module) = sbom::module_of_archive(line) {
            assert!(module.path.len() + module.version.len() <= line.len());
        }
    }
}
