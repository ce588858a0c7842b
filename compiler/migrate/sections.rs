//! The sections of the manifest, in the order in which one is read best.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::syntax::write::{NewNode, Piece};

use super::assignments::{self, Variables};
use super::components::{self, Components};
use super::folder::{Folder, Text, Whole};
use super::packages::{self, Packages};
use super::settings::{self, Settings};
use super::units::{self, Units};
use super::{Ctx, Init, firmware, kernel, library, modules, stores};

/// What every file of the folder becomes.
struct Carried {
    settings: Settings,
    packages: Packages,
    components: Components,
    kernel: Option<NewNode>,
    modules: Option<NewNode>,
    firmware: Option<NewNode>,
    units: Units,
    stores: Vec<Piece>,
}

/// Carries the folder over: the manifest, and the files that it names.
pub(super) fn carry(
    folder: &Folder,
    init: Init,
    ctx: &mut Ctx<'_>,
) -> (Vec<Piece>, BTreeMap<String, Vec<u8>>) {
    let carried = read(folder, ctx);
    let mut files = BTreeMap::new();
    let imports = library::imports(folder, init, &carried.units, &mut files, ctx);
    let scripts = scripts(&folder.scripts, &mut files);
    if let (Some(config), Some(_)) = (&folder.kernel_config, &carried.kernel) {
        files.insert(kernel::CONFIG.to_owned(), config.bytes.clone());
    }
    (write(carried, imports, scripts), files)
}

fn read(folder: &Folder, ctx: &mut Ctx<'_>) -> Carried {
    let list = |name: &str| folder.lists.get(name);
    let mut build = variables(list("build.conf"), &Variables::default(), ctx);
    let mut rfs = variables(list("rfs.conf"), &build, ctx);
    let target = build.take("RUST_TARGET").map(|target| target.value);
    let packages = list("packages.list").map(|text| packages::carry(text, ctx));
    let components =
        list("sources.conf").map(|text| components::carry(text, target.as_deref(), ctx));
    let components = components.unwrap_or_default();
    let has_zinit = components.names.iter().any(|name| name == "zinit");
    let units = units::carry(&folder.units, ctx);
    let carried = Carried {
        settings: settings::carry(&mut build, has_zinit, ctx),
        packages: packages.unwrap_or_default(),
        components,
        kernel: kernel::carry(&mut build, folder.kernel_config.as_ref(), ctx),
        modules: list("modules.conf").and_then(|text| modules::carry(text, ctx)),
        firmware: list("firmware.conf").and_then(|text| firmware::carry(text, &build, ctx)),
        stores: stores::carry(&mut build, &mut rfs, &units.names, ctx),
        units,
    };
    settings::tell_unused(&build, ctx);
    settings::tell_unused(&rfs, ctx);
    if !folder.unknown.is_empty() {
        ctx.note(format!(
            "no part of the configuration as it is known here, and left alone: {}",
            folder.unknown.join(", ")
        ));
    }
    carried
}

fn write(carried: Carried, imports: Vec<Piece>, scripts: Vec<Piece>) -> Vec<Piece> {
    let Carried {
        settings, packages, ..
    } = carried;
    let written = "Written by `zosc migrate`; `zosc check` tells what is still to be done.";
    let mut pieces = vec![
        Piece::Comment(written.to_owned()),
        NewNode::new("edition").arg(1).into(),
        Piece::Blank,
        settings.image.into(),
    ];
    pieces.extend(imports);
    let alpine = alpine(&settings.release, &settings.mirror, packages.repositories);
    section(&mut pieces, Some(alpine));
    let installed = NewNode::new("packages").children(packages.pieces);
    section(&mut pieces, (!installed.is_leaf()).then_some(installed));
    section(&mut pieces, toolchain(&carried.components.toolchain));
    pieces.push(Piece::Blank);
    pieces.extend(carried.components.pieces);
    section(
        &mut pieces,
        carried.kernel.is_some().then(kernel::toolchain),
    );
    section(&mut pieces, carried.kernel);
    section(&mut pieces, carried.modules);
    section(&mut pieces, carried.firmware);
    section(
        &mut pieces,
        Some(NewNode::new("zinit").prop("dialect", "yaml")),
    );
    pieces.extend(carried.units.pieces);
    pieces.extend(scripts);
    pieces.extend(settings.rest);
    pieces.extend(carried.stores);
    pieces
}

fn section(pieces: &mut Vec<Piece>, node: Option<NewNode>) {
    if let Some(node) = node {
        pieces.extend([Piece::Blank, node.into()]);
    }
}

fn variables(text: Option<&Text>, earlier: &Variables, ctx: &mut Ctx<'_>) -> Variables {
    text.map(|text| assignments::read(text, earlier, ctx.sink))
        .unwrap_or_default()
}

fn alpine(release: &str, mirror: &str, tagged: Vec<NewNode>) -> NewNode {
    NewNode::new("alpine")
        .arg(release)
        .child(NewNode::new("mirror").arg(mirror))
        .child(NewNode::new("repository").arg("main"))
        .child(NewNode::new("repository").arg("community"))
        .children(tagged)
        .child(NewNode::new("key").arg(library::KEY))
}

fn toolchain(packages: &BTreeSet<&str>) -> Option<NewNode> {
    let words: Vec<&str> = packages.iter().copied().collect();
    let alpine = NewNode::new("alpine").prop("packages", words.join(" "));
    (!words.is_empty()).then(|| NewNode::new("toolchain").arg("rust").child(alpine))
}

/// The scripts of units, copied to `scripts/` and put where they were.
fn scripts(scripts: &[Whole], files: &mut BTreeMap<String, Vec<u8>>) -> Vec<Piece> {
    let mut pieces = vec![Piece::Blank];
    for script in scripts {
        let name = script.name.rsplit('/').next().unwrap_or(&script.name);
        let from = format!("scripts/{name}");
        let is_script = Path::new(name).extension().is_some_and(|end| end == "sh");
        let runs = is_script || script.bytes.starts_with(b"#!");
        let node = NewNode::new("file")
            .arg(format!("/etc/zinit/init/{name}"))
            .prop("from", from.as_str())
            .prop_maybe("mode", runs.then_some("0755"));
        files.insert(from, script.bytes.clone());
        pieces.push(node.into());
    }
    pieces
}
