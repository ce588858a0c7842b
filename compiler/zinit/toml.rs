//! zinit 0.3: `/etc/zinit/services/NAME.toml`.
//!
//! Commands go through `/bin/sh -c`. A oneshot counts as up once it is spawned, unless a health check holds it back: so
//! each one gets a check that cannot pass, first tried when its time is over. Until then it is starting; its end with 0
//! releases what requires it, any other end leaves that blocked.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use super::lower::{Feature, Losses, present};
use super::quote::{quote, quote_all};
use super::unit::{Command, Kind, Log, Probe, Restart, Signal, Unit};

/// How long a oneshot may take where nothing is said: an hour, in place of 0.2's for ever.
pub(super) const ONESHOT_LIMIT: Duration = Duration::from_hours(1);

/// How long a probed daemon may take to become ready where nothing is said; it is killed then.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(30);

/// The pause between two probes, as 0.2 has it.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// zinit 0.3 gives each unit this long at shutdown, and sends `SIGTERM` whatever is asked.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// The text of one unit's file.
pub(super) fn write(unit: &Unit, known: &BTreeSet<&str>, losses: &mut Losses<'_>) -> String {
    let mut text = String::new();
    match (unit.kind, &unit.command) {
        (Kind::Target, _) | (_, None) => {
            text.push_str("[target]\n");
            field(&mut text, "name", &string(&unit.name));
            dependencies(&mut text, unit, known);
        }
        (_, Some(command)) => {
            text.push_str("[service]\n");
            field(&mut text, "name", &string(&unit.name));
            field(&mut text, "exec", &string(&exec(unit, command)));
            if let Some(directory) = &unit.directory {
                field(&mut text, "dir", &string(directory));
            }
            if unit.kind == Kind::Oneshot {
                field(&mut text, "oneshot", "true");
            }
            if !unit.environment.is_empty() {
                text.push_str("\n[service.env]\n");
                for (name, value) in &unit.environment {
                    field(&mut text, &key(name), &string(value));
                }
            }
            dependencies(&mut text, unit, known);
            lifecycle(&mut text, unit, losses);
            health(&mut text, unit, losses);
        }
    }
    text
}

fn field(text: &mut String, name: &str, value: &str) {
    writeln!(text, "{name} = {value}").expect("writing to a String does not fail");
}

fn milliseconds(duration: Duration) -> u128 {
    // zinit drops a file whose times are 0.
    duration.as_millis().clamp(1, u128::from(u32::MAX))
}

/// The command line for `/bin/sh -c`.
///
/// The program itself stays the first word: after a soft restart zinit looks for that word in `/proc/PID/cmdline`, so an
/// `exec` in front would make it start everything a second time.
fn exec(unit: &Unit, command: &Command) -> String {
    let target = match unit.log {
        Log::Ring => None,
        Log::None => Some("/dev/null"),
        Log::Stdout => Some("/dev/console"),
    };
    match (command, target) {
        (Command::Argv(argv), None) => quote_all(argv),
        (Command::Argv(argv), Some(target)) => format!("{} >{target} 2>&1", quote_all(argv)),
        (Command::Shell(script), None) => script.clone(),
        (Command::Shell(script), Some(target)) => {
            format!("{{\n{}\n}} >{target} 2>&1", script.trim_end())
        }
    }
}

fn dependencies(text: &mut String, unit: &Unit, known: &BTreeSet<&str>) {
    let mut requires: Vec<&str> = Vec::new();
    for name in &unit.requires {
        if !requires.contains(&name.as_str()) {
            requires.push(name);
        }
    }
    let edges = [
        ("requires", requires),
        ("after", present(&unit.after, known)),
        ("wants", present(&unit.wants, known)),
        ("conflicts", present(&unit.conflicts, known)),
    ];
    if edges.iter().all(|(_, names)| names.is_empty()) {
        return;
    }
    text.push_str("\n[dependencies]\n");
    for (kind, names) in edges.iter().filter(|(_, names)| !names.is_empty()) {
        let names: Vec<String> = names.iter().map(|name| string(name)).collect();
        field(text, kind, &format!("[{}]", names.join(", ")));
    }
}

fn lifecycle(text: &mut String, unit: &Unit, losses: &mut Losses<'_>) {
    let mut fields = Vec::new();
    if unit.kind == Kind::Daemon {
        match unit.restart {
            Restart::Always => {
                fields.push(("restart", string("always")));
                fields.push(("restart_delay_ms", "2000".to_owned()));
                fields.push(("restart_delay_max_ms", "2000".to_owned()));
            }
            Restart::OnFailure => fields.push(("restart", string("on-failure"))),
            Restart::Never => fields.push(("restart", string("never"))),
        }
        if unit.restart != Restart::Never {
            fields.push(("max_restarts", "0".to_owned()));
        }
    }
    if let Some(signal) = &unit.stop_signal {
        fields.push(("stop_signal", string(signal.name())));
        if *signal != Signal::TERMINATE {
            losses.push(
                Feature::StopSignal,
                format!("`zinit stop` sends {signal}, but at shutdown it gets SIGTERM"),
            );
        }
    }
    if let Some(timeout) = unit.stop_timeout {
        fields.push(("stop_timeout_ms", milliseconds(timeout).to_string()));
        if timeout > SHUTDOWN_GRACE {
            losses.push(
                Feature::StopTimeout,
                "`zinit stop` waits that long, but at shutdown it is killed after 5 s",
            );
        }
    }
    if fields.is_empty() {
        return;
    }
    text.push_str("\n[lifecycle]\n");
    for (name, value) in fields {
        field(text, name, &value);
    }
}

fn health(text: &mut String, unit: &Unit, losses: &mut Losses<'_>) {
    if unit.kind == Kind::Oneshot {
        if unit.probe.is_some() {
            losses.push(
                Feature::Probe,
                "it is not probed, since it counts as up once it has ended with success",
            );
        }
        text.push_str("\n# Starting until it ends: only then do units that require it go on.\n");
        text.push_str("[health]\ntype = \"exec\"\ntarget = \"false\"\n");
        let limit = unit.start_timeout.unwrap_or(ONESHOT_LIMIT);
        field(text, "start_period_ms", &milliseconds(limit).to_string());
        field(text, "retries", "1");
        return;
    }
    let Some(probe) = &unit.probe else { return };
    let (kind, target) = match probe {
        Probe::Tcp(address) => ("tcp", address.clone()),
        Probe::Exec(command) => ("exec", probe_line(unit, command)),
    };
    let limit = unit.start_timeout.unwrap_or(READY_LIMIT);
    let interval = PROBE_INTERVAL.min(limit);
    let retries = milliseconds(limit).div_ceil(milliseconds(interval)) + 1;
    text.push_str("\n[health]\n");
    field(text, "type", &string(kind));
    field(text, "target", &string(&target));
    field(text, "interval_ms", &milliseconds(interval).to_string());
    field(text, "retries", &retries.to_string());
}

/// The probe's command line. zinit 0.3 runs it with neither the unit's environment nor its folder, so both are set here.
fn probe_line(unit: &Unit, command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in &unit.environment {
        write!(line, "export {name}={}; ", quote(value))
            .expect("writing to a String does not fail");
    }
    if let Some(directory) = &unit.directory {
        write!(line, "cd {} && ", quote(directory)).expect("writing to a String does not fail");
    }
    match command {
        Command::Argv(argv) => line.push_str(&quote_all(argv)),
        Command::Shell(script) if line.is_empty() => line.push_str(script),
        Command::Shell(script) => {
            write!(line, "{{\n{}\n}}", script.trim_end())
                .expect("writing to a String does not fail");
        }
    }
    line
}

fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { string(name) }
}

/// A TOML string: over several lines where the text has several, else on one.
fn string(text: &str) -> String {
    let literal = text.contains('\n')
        && !text.contains("'''")
        && !text.ends_with('\'')
        && text
            .chars()
            .all(|character| !character.is_control() || matches!(character, '\n' | '\t'));
    if literal {
        // The line break after the opening quotes is not part of the string.
        return format!("'''\n{text}'''");
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(control))
                    .expect("writing to a String does not fail");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
