//! Programs that are packed with UPX: picked out of the image, packed in a toolchain, put back.

use std::collections::BTreeMap;

use crate::check::Packing;

use super::lower::{Lowering, fixed};
use super::recipes::usual_environment;
use super::toolchains::toolchain;
use super::{Action, Arguments, Capture, Input, Mount, Reduction, Stage};

/// Where the programs lie.
const PROGRAMS: &str = "/build/programs";
/// Where the packed ones go.
const OUTPUT: &str = "/build/output";
/// Packs every program by itself, as many at a time as the command has processors. One that UPX refuses leaves a note in place of
/// a result: too small, packed already, or of a kind that it does not know.
const SCRIPT: &str = r#"
command -v upx >/dev/null || {
    echo 'there is no `upx` in this toolchain: Alpine has it in the package `upx`, Debian in `upx-ucl`' >&2
    exit 127
}
ls /build/programs | xargs -r -n 1 -P "$(nproc)" sh -c '
    packed=/build/output/$1
    if ! upx -qqq --best --no-color --no-progress -o "$packed" "/build/programs/$1" >"$packed.why" 2>&1; then
        rm -f "$packed"
        cat "$packed.why"
    else
        rm -f "$packed.why"
    fi
' pack
"#;

/// The image with packed programs.
pub(super) fn packed(lowering: &mut Lowering<'_>, mut tree: Input) -> Input {
    for packing in &lowering.image.upx {
        tree = one(lowering, tree, packing).unwrap_or(tree);
    }
    tree
}

/// One `upx` node; `None` where its toolchain is not locked, which is told.
fn one(lowering: &mut Lowering<'_>, before: Input, packing: &Packing) -> Option<Input> {
    let span = packing.patterns.first()?.span;
    let toolchain = toolchain(lowering, &packing.toolchain, span)?;
    let patterns = packing.patterns.iter().map(|pattern| pattern.value.clone());
    let patterns: Vec<String> = patterns.collect();
    let named = patterns.join(" ");
    let select = Action::Programs {
        tree: before,
        patterns,
        except: packing.except.as_ref().map(|except| except.value.clone()),
    };
    let (stage, site) = (Stage::Cleanup, Some(span));
    let epoch = lowering.inputs.epoch;
    let plan = &mut lowering.plan;
    let programs = plan.add(stage, format!("programs {named}"), site, select);
    let run = Action::Run {
        root: toolchain.root,
        mounts: vec![Mount {
            tree: programs,
            at: fixed(PROGRAMS),
            writable: true,
        }],
        files: BTreeMap::new(),
        arguments: Arguments {
            fixed: ["/bin/sh", "-c", SCRIPT].map(str::to_owned).into(),
            further: None,
        },
        environment: usual_environment(&toolchain.path, epoch).into(),
        directory: fixed("/build"),
        capture: Capture::Directory(fixed(OUTPUT)),
        origin: "packed programs".to_owned(),
        epoch,
    };
    let packed = plan.add(stage, format!("upx {named}"), site, run);
    plan.runs_programs_of(packed, toolchain.processor);
    let exchange = Action::Exchange {
        tree: before,
        programs,
        packed,
    };
    let after = plan.add(stage, format!("put back {named}"), site, exchange);
    plan.reductions.push(Reduction {
        what: "upx".to_owned(),
        patterns: Vec::new(),
        before,
        after,
    });
    Some(after)
}
