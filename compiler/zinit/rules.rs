//! Commands that are known to fail under a supervisor.
//!
//! Rules of thumb over what is written; whether a program exists in the image is for others to find out.

use super::script::{last_command, without_quoted};
use super::unit::{Command, Unit};

/// Folders in which a program that is named without one is looked for, as the image's `/init` sets it.
pub const SEARCHED: &[&str] = &[
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The program that a running zinit is asked with; both generations call it so.
pub const CLIENT: &str = "zinit";

/// How an image gets [`CLIENT`], which zinit 0.3 can do without.
pub const CLIENT_HELP: &str = "zinit 0.3 has it beside `zinit-server` and `zinit-pid1`: let its source build it, too, and `install zinit to=\"/sbin/zinit\"`";

/// Programs whose arguments are a language of their own, in which `$`, `;` and backticks mean something else.
const LANGUAGES: &[&str] = &["awk", "find", "grep", "jq", "lua", "perl", "python3", "sed"];

/// The first word that only a shell would understand, in a command that no shell reads; quoted, it is meant as it stands.
///
/// The text that a shell is given with `-c` is not judged.
pub fn looks_like_shell(command: &str) -> Option<String> {
    let words = shlex::split(command)?;
    // The same words, with nothing left of what is quoted.
    let bare = shlex::split(&without_quoted(command))?;
    let skipped = words.len() - without_busybox(&words).len();
    let (words, bare) = (words.get(skipped..)?, bare.get(skipped..)?);
    if words.iter().any(|word| word == "-c") && words.first().is_some_and(|word| is_shell(word)) {
        return None;
    }
    let is_assignment = |word: &String| {
        word.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && super::is_environment_name(name))
    };
    let foreign = words
        .first()
        .is_some_and(|word| LANGUAGES.contains(&base(word)));
    let found = match bare.first() {
        Some(first) if is_assignment(first) => Some(0),
        _ => bare.iter().position(|word| {
            is_operator(word) || (!foreign && (*word == ";" || is_shell_word(word)))
        }),
    };
    words.get(found?).cloned()
}

fn is_shell_word(word: &str) -> bool {
    is_operator(word)
        || word.starts_with("~/")
        || (word.len() > 1 && word.ends_with(';'))
        || word.contains('`')
        || word
            .match_indices('$')
            .any(|(at, _)| means_expansion(word.get(at + 1..).unwrap_or("")))
}

/// Operators and redirections, which no program takes as an argument.
fn is_operator(word: &str) -> bool {
    let redirection = word.trim_start_matches(|first: char| first.is_ascii_digit());
    matches!(word, "&&" | "||" | "|" | "&" | "|&" | ";;")
        || redirection.starts_with('>')
        || redirection.starts_with('<')
        || word.starts_with("&>")
}

/// Whether a `$` with this behind it would be expanded.
fn means_expansion(rest: &str) -> bool {
    rest.starts_with(|next: char| {
        next.is_ascii_alphanumeric()
            || matches!(next, '_' | '(' | '{' | '@' | '*' | '#' | '?' | '!')
    })
}

/// What zinit 0.3 does by itself: it takes no program for a command that starts with this.
const BUILTIN: &str = "@builtin:";

/// The one thing that it can do: it partitions and formats the first empty disk, as btrfs.
pub const FORMATS_DISK: &str = "sysvol";

/// What a unit asks zinit itself to do, where it does: the command behind the prefix.
pub fn builtin(unit: &Unit) -> Option<String> {
    let line = match unit.command.as_ref()? {
        Command::Argv(argv) => argv.join(" "),
        Command::Shell(script) => script.trim().to_owned(),
    };
    line.strip_prefix(BUILTIN).map(str::to_owned)
}

/// Whether a command is a getty and nothing else.
///
/// zinit makes each unit the leader of its process group, and a leader cannot start the session a getty needs. A shell
/// that has the getty as a child, and something to do after it, can.
pub fn is_bare_getty(command: &Command) -> bool {
    match command {
        Command::Argv(argv) => {
            let words = without_busybox(argv);
            match words {
                [shell, rest @ ..] if is_shell(shell) => rest
                    .iter()
                    .skip_while(|word| *word != "-c")
                    .nth(1)
                    .is_some_and(|script| ends_in_getty(script)),
                [first, ..] => is_getty(first),
                [] => false,
            }
        }
        Command::Shell(script) => ends_in_getty(script),
    }
}

/// Whether a shell would put a getty in its own place: it is the last thing the shell does.
fn ends_in_getty(script: &str) -> bool {
    let Some((last, _)) = last_command(script) else {
        return false;
    };
    let mut words = last
        .split_whitespace()
        .skip_while(|word| matches!(*word, "exec" | "busybox" | "/bin/busybox"));
    words.next().is_some_and(is_getty)
}

fn is_getty(program: &str) -> bool {
    matches!(
        base(program),
        "getty" | "agetty" | "mingetty" | "fgetty" | "mgetty"
    )
}

fn is_shell(program: &str) -> bool {
    matches!(
        base(program),
        "sh" | "ash" | "bash" | "dash" | "zsh" | "hush"
    )
}

/// The command without a leading `busybox`, which runs what its first argument names.
pub(super) fn without_busybox(argv: &[String]) -> &[String] {
    match argv {
        [first, rest @ ..] if matches!(base(first), "busybox" | "busybox.static") => rest,
        _ => argv,
    }
}

pub(super) fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}
