//! Promises of `zinit` and `boot` about units, scripts and what a console says.

use std::time::Duration;

use zosc::boot::{Expectation, Expected, Judge, UnitState};
use zosc::source::{SourceId, Span};
use zosc::zinit::{self, Command, Dialect, Unit, commands, lower};

/// Reads a unit in both dialects; what is accepted is written in either, and reads back the same.
pub fn unit(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for dialect in [Dialect::Yaml, Dialect::Toml] {
        let Ok(unit) = zinit::read("fuzz", &text, dialect) else {
            continue;
        };
        for other in [Dialect::Yaml, Dialect::Toml] {
            let lowered = lower(std::slice::from_ref(&unit), other);
            let [file] = lowered.files.as_slice() else {
                panic!("one unit is one file");
            };
            let again =
                zinit::read("fuzz", &file.text, other).expect("what was written can be read");
            assert_eq!(again.kind, unit.kind, "{}", file.text);
            assert_eq!(requires(&again), requires(&unit), "{}", file.text);
        }
    }
}

/// What a unit cannot start without; zinit 0.2 is told of no unit twice.
fn requires(unit: &Unit) -> Vec<&String> {
    let mut names: Vec<&String> = unit.requires.iter().collect();
    names.sort();
    names.dedup();
    names
}

/// Takes a script apart: its commands are parts of it, in its order.
pub fn script(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut end = 0;
    for command in commands(&text) {
        let start = command.as_ptr() as usize - text.as_ptr() as usize;
        assert!(start >= end && !command.is_empty(), "{command:?}");
        end = start + command.len();
    }
    let command = Command::Shell(text.clone().into_owned());
    zinit::daemonises_itself(&command);
    zinit::is_bare_getty(&command);
    zinit::looks_like_shell(&text);
    let quoted = zinit::quote(&text);
    if !text.contains('\0') {
        assert_eq!(
            shlex::split(&quoted),
            Some(vec![text.clone().into_owned()]),
            "{quoted}"
        );
    }
}

/// Judges a boot by what a console says: whatever that is, memory stays bounded, and what was decided stays so.
pub fn console(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let expectations = [
        Expected::Console("login:".to_owned()),
        Expected::Unit {
            name: "sshd".to_owned(),
            state: UnitState::Running,
        },
    ];
    let expectations = expectations.map(|what| Expectation {
        what,
        within: 1000,
        span: Span::new(SourceId(0), 0, 0),
    });
    let mut judge = Judge::new(&expectations, vec!["sshd".to_owned()]);
    for (number, line) in text.split('\n').enumerate() {
        let now = Duration::from_millis(number as u64 * 10);
        judge.line(line, now);
        judge.begun(line, now);
        judge.tick(now);
        judge.decided();
    }
    assert_eq!(judge.outcomes().len(), expectations.len());
    assert!(judge.last_lines().len() <= 30);
}
