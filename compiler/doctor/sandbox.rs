//! Whether the embedded sandbox works for this user.

use crate::build::executor::Choice;
use crate::build::sandbox::Identity;

use super::looking::Looking;
use super::needs::Wanted;
use super::report::{Finding, Section};

/// Namespaces of one's own.
pub(super) const NAMESPACES: &str = "user namespaces";
/// Files of other users than root.
pub(super) const ACCOUNTS: &str = "subordinate ids";

pub(super) fn look(looking: &mut Looking<'_>) {
    let (namespaces, accounts) = (Wanted::Named(NAMESPACES), Wanted::Named(ACCOUNTS));
    let mut works = true;
    if looking.counts(&namespaces) {
        let ran = looking.machine.run(Choice::Sandbox, Identity::Root);
        works = ran.is_ok();
        let finding = match ran {
            Ok(()) => Finding::works(Section::Sandbox, NAMESPACES, "a command ran in a sandbox"),
            Err(problem) => refused(Section::Sandbox, NAMESPACES, problem),
        };
        looking.add(&namespaces, finding);
    }
    if looking.counts(&accounts) {
        let finding = owners(looking, works);
        looking.add(&accounts, finding);
    }
}

/// Whether package scripts can give files to users.
fn owners(looking: &Looking<'_>, works: bool) -> Finding {
    if looking.machine.is_root() {
        return Finding::works(Section::Sandbox, ACCOUNTS, "root needs none");
    }
    for helper in ["newuidmap", "newgidmap"] {
        if looking.machine.program(helper).is_none() {
            let fact = format!("{helper} not found, which gives files to users other than root");
            let finding = Finding::missing(Section::Sandbox, ACCOUNTS, fact);
            return looking.installable(finding, helper);
        }
    }
    if !works {
        return Finding::aside(Section::Sandbox, ACCOUNTS, "not tried: there is no sandbox");
    }
    match looking.machine.run(Choice::Sandbox, Identity::Accounts) {
        Ok(()) => Finding::works(Section::Sandbox, ACCOUNTS, "65536 of them are mapped"),
        Err(problem) => refused(Section::Sandbox, ACCOUNTS, problem),
    }
}

/// What a build would say.
pub(super) fn refused(
    section: Section,
    name: &str,
    problem: crate::diagnostic::Diagnostic,
) -> Finding {
    let finding = Finding::missing(section, name, problem.message);
    match problem.help {
        Some(help) => finding.remedy(help),
        None => finding,
    }
}
