//! `runtime-units/README.md` against the units themselves.

use std::collections::BTreeSet;
use std::path::Path;

use zosc::check::{self, Image};
use zosc::diagnostic::Diagnostics;
use zosc::source::SourceMap;
use zosc::{io, zinit};

use super::root;

/// Two modules that do the same: an image has one of them.
const ALTERNATIVES: [&str; 2] = ["std:zero-os/devices", "std:zero-os/udev"];

/// A unit as the README or the library has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    unit: String,
    from: String,
    waits_for: Vec<String>,
}

/// Words in backticks.
fn quoted(cell: &str) -> Vec<String> {
    let words = cell.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// The rows of the table of units.
fn told() -> Vec<Row> {
    let text =
        std::fs::read_to_string(root().join("runtime-units/README.md")).expect("it is there");
    let table = text.split("| unit | from |").nth(1).expect("the table");
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let cell = |index: usize| quoted(cells.get(index).copied().unwrap_or_default());
            Row {
                unit: cell(1).concat(),
                from: cell(2).concat(),
                waits_for: cell(3),
            }
        })
        .collect()
}

/// An image of all of the library but one of the alternatives.
fn image_without(left_out: &str) -> (Image, SourceMap) {
    let mut text = String::from("edition 1\nimage all version=\"1\"\nzinit dialect=toml\n");
    // `base` brings the other alternative.
    for name in check::library_names() {
        if name != left_out && name != "std:zero-os/base" {
            text.push_str(&format!("import \"{name}\"\n"));
        }
    }
    text.push_str("outputs { initramfs \"initramfs.cpio.xz\"; }\n");
    let files = io::Memory::new([("/all/zos.kdl", text)]);
    let settings = check::Settings {
        current_directory: "/all".into(),
        ..check::Settings::default()
    };
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    let image = check::check(
        Path::new("zos.kdl"),
        &settings,
        &files,
        &mut sources,
        &mut sink,
    );
    assert!(sink.is_empty(), "the library is sound: {sink:#?}");
    (image.expect("an image"), sources)
}

/// The units of an image in the order in which they may start.
fn in_order(image: &Image, sources: &SourceMap) -> Vec<Row> {
    let units: Vec<zinit::Unit> = image.units.iter().map(|unit| unit.unit.clone()).collect();
    let order = zinit::order(&units, zinit::Dialect::Toml).expect("no rings");
    let rows = order.units.into_iter().map(|start| {
        let unit = image.units.iter().find(|unit| unit.unit.name == start.unit);
        let unit = unit.expect("a unit of the image");
        let source = sources.get(unit.span.source).expect("a file");
        Row {
            unit: start.unit,
            from: source.name.clone(),
            waits_for: start.waits.into_iter().map(|wait| wait.unit).collect(),
        }
    });
    rows.collect()
}

#[test]
fn the_readme_tells_every_unit_in_the_order_of_the_boot() {
    let told = told();
    let mut all = BTreeSet::new();
    for left_out in ALTERNATIVES {
        let (image, sources) = image_without(left_out);
        let are = in_order(&image, &sources);
        let told: Vec<&Row> = told.iter().filter(|row| row.from != left_out).collect();
        assert_eq!(told, are.iter().collect::<Vec<_>>(), "without {left_out}");
        all.extend(are);
    }
    assert_eq!(told.len(), all.len(), "no unit is told twice");
}

#[test]
fn nothing_that_comes_from_afar_holds_the_machine_up() {
    let (image, _) = image_without("std:zero-os/devices");
    for unit in &image.units {
        let unit = &unit.unit;
        let waits = unit.requires.iter().any(|other| other.starts_with("rfs-"));
        assert!(
            !waits || unit.name == "udev-rfs",
            "`{}` requires an flist",
            unit.name
        );
    }
}
