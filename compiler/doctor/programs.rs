//! Programs that only have to be there, and say which version they are.

use super::looking::Looking;
use super::machine::Machine;
use super::needs::Wanted;
use super::report::{Finding, Section};

/// How long a version may be.
const LONGEST: usize = 72;

/// A program, and what makes it say its version.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) question: &'static [&'static str],
    /// Whether one that cannot say its version is of no use: rustup's without a toolchain.
    pub(super) must_answer: bool,
}

/// A program that is asked in the usual way.
pub(super) const fn usual(name: &'static str) -> Program {
    Program {
        name,
        question: &["--version"],
        must_answer: false,
    }
}

/// A program that is asked in its own way, and must answer.
pub(super) const fn answering(name: &'static str, question: &'static [&'static str]) -> Program {
    Program {
        name,
        question,
        must_answer: true,
    }
}

/// Looks for a program.
pub(super) fn look(looking: &mut Looking<'_>, section: Section, program: &Program) {
    let wanted = Wanted::Named(program.name);
    if looking.counts(&wanted) {
        let finding = find(looking, section, program, program.name);
        looking.add(&wanted, finding);
    }
}

/// A program, whose packages are those of `tool`.
pub(super) fn find(
    looking: &Looking<'_>,
    section: Section,
    program: &Program,
    tool: &str,
) -> Finding {
    let name = program.name;
    let Some(place) = looking.machine.program(name) else {
        return looking.absent(section, name, tool);
    };
    match version(looking.machine, name, program.question) {
        Some(version) => Finding::works(section, name, version),
        None if program.must_answer => {
            let shown = format!("{name} {}", program.question.join(" "));
            Finding::missing(
                section,
                name,
                format!("{} does not answer", place.display()),
            )
            .remedy(format!("see what `{shown}` says"))
        }
        None => Finding::works(section, name, place.display().to_string()),
    }
}

/// The first line that a program says of itself.
pub(super) fn version(machine: &dyn Machine, name: &str, question: &[&str]) -> Option<String> {
    let said = machine
        .ask(name, question)
        .ok()
        .filter(|said| said.success)?;
    let mut lines = said
        .output
        .lines()
        .chain(said.errors.lines())
        .map(str::trim);
    let line = lines.find(|line| !line.is_empty())?;
    Some(line.chars().take(LONGEST).collect())
}

/// Editors with a part for the language; one is enough.
pub(super) fn editors(looking: &mut Looking<'_>) {
    let (nvim, code) = (Wanted::Named("nvim"), Wanted::Named("code"));
    if !looking.counts(&nvim) {
        return;
    }
    let section = Section::Editors;
    let has_code = looking.machine.program("code").is_some();
    let mut finding = find(looking, section, &usual("nvim"), "nvim");
    if has_code && finding.state == super::State::Missing {
        finding.state = super::State::Aside;
    }
    looking.add(&nvim, finding);
    let finding = if has_code {
        // Asked for its version, it might open a window.
        Finding::works(section, "code", "Visual Studio Code")
    } else {
        Finding::aside(
            section,
            "code",
            "not found: Visual Studio Code comes from its makers",
        )
    };
    looking.add(&code, finding);
}
