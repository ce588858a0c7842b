//! Whether container engines are there and run a container.

use crate::build::executor::Choice;
use crate::build::sandbox::Identity;
use crate::io::Engine;

use super::looking::Looking;
use super::needs::Wanted;
use super::programs::version;
use super::report::{Finding, Section, State};
use super::sandbox::refused;

const ENGINES: [(Engine, Choice); 2] = [
    (Engine::Podman, Choice::Podman),
    (Engine::Docker, Choice::Docker),
];

/// Where one works, nobody has to install the other, unless that one is meant.
pub(super) fn look(looking: &mut Looking<'_>) {
    let mut found = Vec::new();
    for (engine, choice) in ENGINES {
        let own = Wanted::Named(engine.program());
        if looking.counts(&own) || looking.counts(&Wanted::Engine) {
            found.push((own, one(looking, engine, choice)));
        }
    }
    let works = found
        .iter()
        .any(|(_, finding)| finding.state == State::Works);
    for (at, (own, mut finding)) in found.into_iter().enumerate() {
        let is_meant = looking.need(&own).is_some();
        let is_second = works || at > 0;
        if finding.state == State::Missing && is_second && !is_meant {
            finding.state = State::Aside;
        }
        let wanted = if is_meant { own } else { Wanted::Engine };
        looking.add(&wanted, finding);
    }
}

fn one(looking: &Looking<'_>, engine: Engine, choice: Choice) -> Finding {
    let name = engine.program();
    if looking.machine.program(name).is_none() {
        return looking.absent(Section::Engines, name, name);
    }
    let version = version(looking.machine, name, &["--version"]);
    let version = version.unwrap_or_else(|| format!("{name} without a version"));
    match looking.machine.run(choice, Identity::Root) {
        Ok(()) => Finding::works(
            Section::Engines,
            name,
            format!("{version}; a container ran"),
        ),
        Err(problem) => {
            let mut finding = refused(looking, Section::Engines, name, problem);
            finding.fact = format!("{version}; {}", finding.fact);
            finding
        }
    }
}
