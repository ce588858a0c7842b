//! Whether the embedded sandbox works for this user.

use crate::build::executor::Choice;
use crate::build::sandbox::Identity;
use crate::diagnostic::Diagnostic;

use super::looking::Looking;
use super::needs::Wanted;
use super::report::{Finding, Section};

/// Namespaces of one's own.
pub(super) const NAMESPACES: &str = "user namespaces";
/// Files of other users than root.
pub(super) const ACCOUNTS: &str = "subordinate ids";

/// Container engines have been looked at: one of them may be who runs commands.
pub(super) fn look(looking: &mut Looking<'_>, executor: Choice) {
    let (namespaces, accounts) = (Wanted::Named(NAMESPACES), Wanted::Named(ACCOUNTS));
    if looking.counts(&namespaces) {
        let finding = match looking.machine.run(Choice::Sandbox, Identity::Root) {
            Ok(()) => Finding::works(Section::Sandbox, NAMESPACES, "a command ran in a sandbox"),
            Err(problem) => refused(looking, Section::Sandbox, NAMESPACES, problem),
        };
        looking.add(&namespaces, finding);
    }
    if looking.counts(&accounts) {
        let finding = owners(looking, executor);
        looking.add(&accounts, finding);
    }
}

/// Whether package scripts can give files to users, in what runs them.
fn owners(looking: &Looking<'_>, executor: Choice) -> Finding {
    let is_root = looking.machine.is_root();
    if let Some(helper) = missing_helper(looking).filter(|_| !is_root) {
        let fact = format!("{helper} not found, which gives files to users other than root");
        let finding = Finding::missing(Section::Sandbox, ACCOUNTS, fact);
        return looking.installable(finding, helper);
    }
    let (executor, works, absent) = match executor {
        Choice::Podman => (executor, "podman", "podman does not work"),
        _ => (Choice::Sandbox, NAMESPACES, "there is no sandbox"),
    };
    if !looking.works(works) {
        let fact = format!("not tried: {absent}");
        return Finding::aside(Section::Sandbox, ACCOUNTS, fact);
    }
    match looking.machine.run(executor, Identity::Accounts) {
        Ok(()) if is_root => Finding::works(
            Section::Sandbox,
            ACCOUNTS,
            "root needs none: it gave a file to another user",
        ),
        Ok(()) => Finding::works(Section::Sandbox, ACCOUNTS, "65536 of them are mapped"),
        Err(problem) => refused(looking, Section::Sandbox, ACCOUNTS, problem),
    }
}

/// The first of the programs that map ids which is not there.
fn missing_helper(looking: &Looking<'_>) -> Option<&'static str> {
    let mut helpers = ["newuidmap", "newgidmap"].into_iter();
    helpers.find(|helper| looking.machine.program(helper).is_none())
}

/// What a build would say.
pub(super) fn refused(
    looking: &Looking<'_>,
    section: Section,
    name: &str,
    problem: Diagnostic,
) -> Finding {
    let finding = Finding::missing(section, name, problem.message);
    // Root maps no ids by those programs.
    let is_root = looking.machine.is_root();
    let (finding, help) = match problem.code {
        // The help knows a second way as well: the runtime may be there by another name.
        "zosc::build::engine-runtime" => (looking.installable(finding, "runc"), problem.help),
        "zosc::build::no-subordinate-ids" if !is_root => match missing_helper(looking) {
            Some(helper) => (looking.installable(finding, helper), None),
            None => (finding, problem.help),
        },
        _ => (finding, problem.help),
    };
    match help {
        Some(help) => finding.remedy(help),
        None => finding,
    }
}
