//! Commands that run programs of another processor than this machine's.
//!
//! What a machine can run is known when something is built and at no time before: a plan is the same everywhere. So it is looked up
//! here, for all commands at once, before the first of them starts.

use std::collections::BTreeSet;

use super::Options;
use super::engine::Errand;
use super::ledger;
use super::status::{Reason, Status, status};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Running, runs_programs_of};
use crate::plan::{Action, PlannedAction};
use crate::tools;
use crate::tree::Store;

/// Refuses what would have to run here and cannot, each package and each build once.
///
/// What has a stored result does not run. A command that has run before and waits for others may turn out to be the same again; where it
/// does not, it is refused when it comes to it. The same goes for what others may have a result of.
pub(super) fn refuse(
    errands: &[Errand<'_>],
    store: &Store,
    options: &Options<'_>,
) -> Result<(), Diagnostics> {
    let mut problems = Diagnostics::new();
    for errand in errands {
        let foreign: Vec<(usize, Diagnostic)> = errand
            .plan
            .actions
            .iter()
            .enumerate()
            .filter(|(index, planned)| errand.wanted[*index] && stays(planned, options))
            .filter_map(|(index, planned)| Some((index, cannot_run(planned)?)))
            .collect();
        if foreign.is_empty() {
            continue;
        }
        let known = status(errand.plan, store);
        let again = options.selection.again(errand.plan);
        let mut told = BTreeSet::new();
        for (index, problem) in foreign {
            let planned = &errand.plan.actions[index];
            let runs = match &known[index] {
                Status::Cached(_) => again[index],
                Status::Stale(Reason::Behind(_)) => {
                    ledger::last(store, errand.plan, planned).is_none()
                }
                Status::Stale(_) => true,
            };
            if runs && told.insert(problem.message.clone()) {
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        problems.sort();
        Err(problems)
    }
}

/// Whether a command runs on this machine for sure, if it runs.
fn stays(planned: &PlannedAction, options: &Options<'_>) -> bool {
    options.remote.is_none() || !planned.action.goes_remote()
}

/// Why this machine cannot run a command; `None` where it can.
pub(super) fn cannot_run(planned: &PlannedAction) -> Option<Diagnostic> {
    let processor = planned.processor?;
    let running = runs_programs_of(processor.name());
    let Action::Run { origin, .. } = &planned.action else {
        return None;
    };
    let package = planned.label.split_once(" of ").map(|(_, name)| name);
    let package = package.filter(|_| origin.starts_with("package "));
    let toolchain = package.and_then(|name| name.split_once(" in toolchain "));
    let who = match (package, toolchain) {
        (_, Some((_, toolchain))) => format!("the packages of the toolchain `{toolchain}` run"),
        (Some(name), None) => format!("the scripts of `{name}` run"),
        (None, None) => format!("`{}` runs", planned.label),
    };
    let problem = Diagnostic::error(
        "zosc::build::foreign-programs",
        format!("{who} programs for {processor}, which this machine cannot run"),
    )
    .at_maybe(planned.site);
    let installing = tools::installing("qemu-user");
    let emulator = match running {
        Running::Everywhere => return None,
        Running::OnlyOutside => format!(
            "the emulator that is registered has no flag `F`, so it is not there in a sandbox; install one in its place: {installing}"
        ),
        Running::Nowhere => format!("install an emulator: {installing}"),
    };
    let instead = match package.filter(|_| toolchain.is_none()) {
        Some(name) => format!("leave them out: `scripts skip {name}` in `packages`"),
        None => "build with this machine's own compilers: `toolchain NAME { host }`".to_owned(),
    };
    Some(problem.help(format!("{emulator}; or {instead}")))
}
