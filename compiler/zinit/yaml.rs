//! zinit 0.2: `/etc/zinit/NAME.yaml`.
//!
//! Its only edge is `after`: met when a daemon runs (its `test` passed) or a oneshot has ended with 0. It runs no shell, and
//! every field it does not know it ignores, so nothing else may be written.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::lower::{Feature, Losses, present};
use super::quote::{quote, quote_all};
use super::unit::{Command, Kind, Log, Probe, Restart, Unit};
use crate::diagnostic::listed;

/// The text of one unit's file.
pub(super) fn write(unit: &Unit, known: &BTreeSet<&str>, losses: &mut Losses<'_>) -> String {
    let mut text = String::new();
    field(&mut text, "exec", &scalar(&exec(unit, losses)));
    if let Some(test) = test(unit, losses) {
        field(&mut text, "test", &scalar(&test));
    }
    if runs_once(unit) {
        field(&mut text, "oneshot", "true");
    }
    let after = edges(unit, known, losses);
    if !after.is_empty() {
        text.push_str("after:\n");
        for name in after {
            writeln!(text, "  - {}", scalar(name)).expect("writing to a String does not fail");
        }
    }
    if let Some(signal) = &unit.stop_signal {
        text.push_str("signal:\n  ");
        field(&mut text, "stop", &signal.name().to_ascii_lowercase());
    }
    if let Some(timeout) = unit.stop_timeout {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        if timeout.subsec_nanos() > 0 {
            losses.push(
                Feature::StopTimeout,
                format!("it has whole seconds only, so it gets {seconds} s to stop"),
            );
        }
        field(&mut text, "shutdown_timeout", &seconds.to_string());
    }
    match unit.log {
        Log::None => field(&mut text, "log", "none"),
        Log::Ring => {}
        Log::Stdout => field(&mut text, "log", "stdout"),
    }
    if !unit.environment.is_empty() {
        text.push_str("env:\n");
        for (name, value) in &unit.environment {
            text.push_str("  ");
            // A block's lines would have to stand deeper here.
            field(&mut text, &scalar(name), &on_one_line(value));
        }
    }
    if let Some(directory) = &unit.directory {
        field(&mut text, "dir", &scalar(directory));
    }
    text
}

fn field(text: &mut String, name: &str, value: &str) {
    writeln!(text, "{name}: {value}").expect("writing to a String does not fail");
}

/// Whether the unit becomes a oneshot: targets are barriers, and a daemon that must not come back has no other way.
fn runs_once(unit: &Unit) -> bool {
    unit.kind != Kind::Daemon || unit.restart == Restart::Never
}

fn exec(unit: &Unit, losses: &mut Losses<'_>) -> String {
    let Some(command) = unit.command.as_ref().filter(|_| unit.kind != Kind::Target) else {
        return "true".to_owned();
    };
    match (unit.kind, unit.restart) {
        (Kind::Daemon, Restart::OnFailure) => {
            losses.push(
                Feature::Restart,
                "after an end with success it stays listed as running, held by a shell",
            );
            until_success(&unit.name, command)
        }
        (Kind::Daemon, Restart::Never) => {
            losses.push(
                Feature::Restart,
                "it becomes a oneshot, so units that require it start after it has ended",
            );
            line(command)
        }
        _ => line(command),
    }
}

/// A command as one line for shlex.
fn line(command: &Command) -> String {
    match command {
        Command::Argv(argv) => quote_all(argv),
        Command::Shell(script) => format!("sh -c {}", quote(script)),
    }
}

/// A shell that starts the command until it ends with 0 and then stays, so that zinit does not start it again.
fn until_success(name: &str, command: &Command) -> String {
    const LOOP: &str = "until \"$@\"; do sleep 2; done; while :; do sleep 86400; done";
    format!("sh -c {} {} {}", quote(LOOP), quote(name), line(command))
}

fn test(unit: &Unit, losses: &mut Losses<'_>) -> Option<String> {
    if unit.start_timeout.is_some() && (unit.kind == Kind::Oneshot || unit.probe.is_some()) {
        losses.push(
            Feature::StartTimeout,
            "it may take as long as it likes to start",
        );
    }
    let probe = unit.probe.as_ref()?;
    if runs_once(unit) {
        losses.push(
            Feature::Probe,
            "it is not probed, since it counts as up once it has ended with success",
        );
        return None;
    }
    Some(match probe {
        Probe::Exec(command) => line(command),
        Probe::Tcp(address) => {
            let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let words = ["nc", "-z", host, port].map(str::to_owned);
            // Through a shell: a missing test program makes zinit 0.2 spin, a shell that misses it does not.
            format!("sh -c {}", quote(&quote_all(&words)))
        }
    })
}

fn edges<'a>(unit: &'a Unit, known: &BTreeSet<&str>, losses: &mut Losses<'_>) -> Vec<&'a str> {
    let mut after: Vec<&str> = Vec::new();
    for name in unit.requires.iter().map(String::as_str) {
        if !after.contains(&name) {
            after.push(name);
        }
    }
    let mut hardened = present(&unit.after, known);
    hardened.retain(|name| !after.contains(name));
    if !hardened.is_empty() {
        let names = listed(hardened.iter().copied());
        losses.push(
            Feature::After,
            format!("it waits until {names} is up, and for ever if that fails"),
        );
    }
    after.extend(hardened);
    let mut wants = present(&unit.wants, known);
    wants.retain(|name| !after.contains(name));
    if !wants.is_empty() {
        let names = listed(wants.iter().copied());
        losses.push(Feature::Wants, format!("it and {names} start in any order"));
    }
    let conflicts = present(&unit.conflicts, known);
    if !conflicts.is_empty() {
        let names = listed(conflicts.iter().copied());
        losses.push(
            Feature::Conflicts,
            format!("nothing keeps it from running beside {names}"),
        );
    }
    after
}

/// A string as a YAML 1.2 scalar: plain where nothing but a string can be meant, a block where it has several lines of
/// plain text, else double-quoted.
fn scalar(text: &str) -> String {
    if is_block(text) && !is_plain(text) {
        return format!("|-\n  {}", text.replace('\n', "\n  "));
    }
    on_one_line(text)
}

/// Whether a text written bare is read back as the same string.
fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.chars().all(|character| {
            character.is_ascii_alphanumeric()
                || matches!(
                    character,
                    ' ' | '_' | '-' | '.' | '/' | ',' | '@' | '+' | '=' | '\''
                )
        })
        && !text.ends_with(' ')
        && !is_word(text)
}

/// A string as a double-quoted scalar, or plain where that is safe.
fn on_one_line(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Controls, and the two that YAML takes for line breaks or marks.
            control
                if control.is_control()
                    || matches!(control, '\u{2028}' | '\u{2029}' | '\u{feff}') =>
            {
                write!(quoted, "\\u{:04x}", u32::from(control))
                    .expect("writing to a String does not fail");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text of several lines survives as a block scalar, indented by two.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && text
            .chars()
            .all(|character| (' '..='~').contains(&character) || matches!(character, '\n' | '\t'))
}

/// Whether a plain scalar would be read as something other than a string by some YAML reader.
fn is_word(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    )
}
