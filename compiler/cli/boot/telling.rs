//! What `zosc boot` says while a machine runs, and of what became of it.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use crate::boot::{self, Boot, Ending, Event, Settings, Verdict};
use crate::cli::progress::seconds;
use crate::cli::render::Style;
use crate::cli::session::Session;
use crate::cli::{Failed, Outcome};
use crate::diagnostic::bytes;

/// Shows remarks, and the console where that is wanted, line by line.
pub(in crate::cli) fn teller(style: Style, remarks: bool, console: bool) -> impl FnMut(Event<'_>) {
    move |event| match event {
        Event::Note(note) if remarks => eprintln!("{} {note}", style.verb("note")),
        Event::Line(line) if console => eprintln!("{} {line}", style.faint("│")),
        Event::Note(_) | Event::Line(_) | Event::Bytes(_) | Event::Starting(_) | Event::Ssh(_) => {}
    }
}

/// Shows the console as it comes to somebody who sits at it.
pub(super) fn companion(
    session: &Session,
    image: &Path,
    boot: &Boot,
    settings: &Settings,
    console: bool,
) -> impl FnMut(Event<'_>) {
    let (style, remarks) = (session.style(), session.for_people());
    let start = started(image, boot, settings);
    let has_keyboard = console && std::io::stdin().is_terminal();
    move |event| match event {
        Event::Bytes(bytes) if console => {
            let mut output = std::io::stdout().lock();
            // Where nobody reads it any more, the file still gets it.
            let _ = output.write_all(bytes).and_then(|()| output.flush());
        }
        Event::Note(note) if remarks => eprintln!("{} {note}", style.verb("note")),
        Event::Starting(accelerator) if remarks => {
            eprintln!("{} {start}, {accelerator}", style.verb("boot"));
            if has_keyboard {
                eprintln!(
                    "{} Ctrl-A X ends the machine; what you type goes to its console",
                    style.verb("keys")
                );
            }
        }
        Event::Ssh(port) if remarks => eprintln!(
            "{} ssh -p {port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1",
            style.verb("ssh")
        ),
        Event::Note(_) | Event::Starting(_) | Event::Ssh(_) | Event::Bytes(_) | Event::Line(_) => {}
    }
}

/// What is started, in a few words.
fn started(image: &Path, boot: &Boot, settings: &Settings) -> String {
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    format!(
        "{} in {}: {}, {}, {}",
        image.display(),
        settings.hypervisor,
        count(boot.cpus as usize, "processor"),
        bytes(boot.memory),
        count(boot.disks.len(), "disk")
    )
}

/// Says what became of a boot; fails where it was no good one.
pub(in crate::cli) fn conclude(session: &Session, image: &Path, verdict: &Verdict) -> Outcome {
    let style = session.style();
    for outcome in &verdict.outcomes {
        let line = match &outcome.result {
            boot::ExpectationResult::Met(after) => {
                format!(
                    "{} {} {}",
                    style.good("✓"),
                    outcome.what(),
                    style.faint(&format!("after {}", seconds(*after)))
                )
            }
            boot::ExpectationResult::Missed(instead) => {
                format!("{} {}: {instead}", style.bad("✗"), outcome.what())
            }
        };
        session.tell(&line);
    }
    if !session.for_people() {
        for record in verdict.records(image, &session.sources) {
            let line = serde_json::to_string(&record).map_err(|_| Failed)?;
            session.print(&format!("{line}\n"))?;
        }
    }
    if !verdict.is_good() {
        session.report(&verdict.diagnostics());
        return Err(Failed);
    }
    let time = seconds(verdict.elapsed);
    let accelerator = verdict.accelerator;
    session.tell(&match (verdict.is_test, &verdict.ending) {
        (true, _) => format!("{} a good boot in {time} ({accelerator})", style.good("ok")),
        (false, Ending::Off { .. }) => {
            format!("\n{} the machine went off after {time}", style.good("ok"))
        }
        (false, _) => format!("\n{} the machine was ended after {time}", style.good("ok")),
    });
    Ok(())
}
