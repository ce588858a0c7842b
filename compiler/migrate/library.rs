//! What of the library that ships with zosc takes the place of the old builder's own parts.

use std::collections::{BTreeMap, BTreeSet};

use crate::syntax::write::{NewNode, Piece};

use super::folder::Folder;
use super::units::Units;
use super::{Ctx, Init};

/// The key that signs Alpine's packages; it ships with zosc.
pub(super) const KEY: &str = "std:alpine/6165ee59";

/// A part of the library: its units, and the parts that hold what these require.
struct Part {
    name: &'static str,
    units: &'static [&'static str],
    needs: &'static [&'static str],
}

const PARTS: &[Part] = &[
    Part {
        name: "init",
        units: &["sysctl"],
        needs: &["modules"],
    },
    Part {
        name: "modules",
        units: &["depmod", "stage1-modules", "stage2-modules"],
        needs: &["network"],
    },
    Part {
        name: "network",
        units: &["network"],
        needs: &["devices"],
    },
    Part {
        name: "devices",
        units: &["device-manager", "coldplug"],
        needs: &["modules"],
    },
];

/// The imports that a manifest needs, or its own `/init`.
pub(super) fn imports(
    folder: &Folder,
    init: Init,
    units: &Units,
    files: &mut BTreeMap<String, Vec<u8>>,
    ctx: &mut Ctx<'_>,
) -> Vec<Piece> {
    let mut pieces = vec![Piece::Blank];
    let mut wanted = Vec::new();
    match (&folder.init, init) {
        (Some(own), Init::Own) => {
            let from = "rootfs/init";
            files.insert(from.to_owned(), own.bytes.clone());
            pieces.push(
                NewNode::new("file")
                    .arg("/init")
                    .prop("from", from)
                    .prop("mode", "0755")
                    .into(),
            );
            ctx.note("/init is the one of the configuration, copied to rootfs/init".to_owned());
        }
        (own, _) => {
            wanted.push("init");
            if own.is_some() {
                ctx.note("/init is the one that ships with zosc; `zosc migrate --keep-init` keeps the one of the configuration".to_owned());
            }
        }
    }
    if folder.lists.contains_key("modules.conf") {
        wanted.push("modules");
    }
    let parts = closure(&wanted, &units.names);
    for part in &parts {
        let own: Vec<&str> = part
            .units
            .iter()
            .copied()
            .filter(|unit| units.names.contains(*unit))
            .collect();
        if !own.is_empty() {
            ctx.note(format!(
                "std:zero-os/{} is not imported: the unit `{}` is your own",
                part.name,
                own.join("`, `")
            ));
        }
    }
    let taken = parts
        .iter()
        .filter(|part| !part.units.iter().any(|unit| units.names.contains(*unit)));
    pieces.extend(taken.map(|part| {
        NewNode::new("import")
            .arg(format!("std:zero-os/{}", part.name))
            .into()
    }));
    pieces
}

/// The wanted parts and all that they need; what the needs of a part with own units are is up to these units.
fn closure(wanted: &[&'static str], own: &BTreeSet<String>) -> Vec<&'static Part> {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut waiting = wanted.to_vec();
    while let Some(name) = waiting.pop() {
        let Some(part) = PARTS.iter().find(|part| part.name == name) else {
            continue;
        };
        let replaced = part.units.iter().all(|unit| own.contains(*unit));
        if taken.insert(part.name) && !replaced {
            waiting.extend(part.needs);
        }
    }
    PARTS
        .iter()
        .filter(|part| taken.contains(part.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::SourceId;
    use crate::syntax::{self, Value};

    #[test]
    fn parts_are_as_the_library_has_them() {
        for part in PARTS {
            let path = format!(
                "{}/runtime-units/zero-os/{}.kdl",
                env!("CARGO_MANIFEST_DIR"),
                part.name
            );
            let text = std::fs::read_to_string(path).unwrap();
            let document = syntax::parse(SourceId(0), &text, &mut Diagnostics::new());
            let units = document
                .nodes
                .iter()
                .filter(|node| node.name.value == "unit");
            let mut needed = BTreeSet::new();
            let mut names = Vec::new();
            for unit in units {
                let text = |value: &Value| match value {
                    Value::String(text) => text.clone(),
                    other => panic!("{other:?} is no name"),
                };
                names.extend(unit.arguments().map(|entry| text(&entry.value)));
                let edges = unit
                    .children()
                    .iter()
                    .filter(|child| child.name.value == "requires");
                needed.extend(
                    edges.flat_map(|edge| edge.arguments().map(|entry| text(&entry.value))),
                );
            }
            assert_eq!(names, part.units, "{}", part.name);
            let held = |unit: &str| PARTS.iter().find(|part| part.units.contains(&unit));
            for unit in needed {
                let holder = held(&unit).unwrap_or_else(|| panic!("no part has `{unit}`"));
                assert!(
                    holder.name == part.name || part.needs.contains(&holder.name),
                    "{} needs {}",
                    part.name,
                    holder.name
                );
            }
        }
    }
}
