//! Commands that are known to fail under a supervisor.
//!
//! Rules of thumb over what is written; whether a program exists in the image is for others to find out.

use super::unit::Command;

/// A program that puts itself in the background, so that its supervisor takes it for dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemonises {
    /// The program.
    pub program: String,
    /// The argument that does it, where one does.
    pub because: Option<String>,
    /// The argument that keeps it in the foreground, where one is known.
    pub instead: Option<&'static str>,
}

/// Programs whose arguments are a language of their own, in which `$`, `;` and backticks mean something else.
const LANGUAGES: &[&str] = &["awk", "find", "grep", "jq", "lua", "perl", "python3", "sed"];

/// The first argument that only a shell would understand, in a command that no shell reads.
///
/// The text that a shell is given with `-c` is not judged.
pub fn looks_like_shell(argv: &[String]) -> Option<&str> {
    let words = without_busybox(argv);
    if words.iter().any(|word| word == "-c") && words.first().is_some_and(|word| is_shell(word)) {
        return None;
    }
    let assignment = words.first().filter(|word| {
        word.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && super::is_environment_name(name))
    });
    let foreign = words
        .first()
        .is_some_and(|word| LANGUAGES.contains(&base(word)));
    assignment
        .or_else(|| {
            words.iter().find(|word| {
                is_operator(word) || (!foreign && (*word == ";" || is_shell_word(word)))
            })
        })
        .map(String::as_str)
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
    let last = script
        .split(['\n', ';'])
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.starts_with('#'));
    let mut words = last
        .unwrap_or("")
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

/// Programs that go to the background unless told otherwise: the arguments that keep them, the one to recommend first.
const FOREGROUND: &[(&str, &[&str])] = &[
    ("acpid", &["-f", "--foreground", "-d"]),
    ("chronyd", &["-d", "-n", "-Q", "-q"]),
    ("crond", &["-f", "-d"]),
    (
        "dhcpcd",
        &["-B", "--nobackground", "-1", "--oneshot", "-T", "--test"],
    ),
    (
        "dnsmasq",
        &["-k", "--keep-in-foreground", "-d", "--no-daemon", "--test"],
    ),
    ("haveged", &["-F", "--Foreground", "-n"]),
    ("httpd", &["-f", "-DFOREGROUND", "-X"]),
    ("inetd", &["-f"]),
    ("klogd", &["-n"]),
    ("ntpd", &["-n", "-q"]),
    ("sshd", &["-D", "-d", "-i", "-t", "-T"]),
    ("syslogd", &["-n"]),
    ("telnetd", &["-F", "-i"]),
    ("udhcpc", &["-f", "-q"]),
    ("udhcpd", &["-f"]),
];

/// Arguments that send any program to the background.
const BACKGROUND: &[&str] = &["--daemon", "--daemonize", "--background", "--detach"];

/// Whether a daemon's command puts itself in the background.
pub fn daemonises_itself(argv: &[String]) -> Option<Daemonises> {
    let words = without_busybox(argv);
    let (program, arguments) = words.split_first()?;
    let program = base(program);
    let finding = |because: Option<&String>, instead| {
        Some(Daemonises {
            program: program.to_owned(),
            because: because.cloned(),
            instead,
        })
    };
    if let Some(because) = arguments
        .iter()
        .find(|word| BACKGROUND.contains(&word.as_str()))
    {
        return finding(Some(because), None);
    }
    let mount = program == "rfs" && arguments.iter().any(|word| word == "mount");
    if mount || matches!(program, "udevd" | "systemd-udevd") {
        let because = arguments.iter().find(|word| *word == "-d")?;
        return finding(Some(because), None);
    }
    if program == "start-stop-daemon" {
        let because = arguments.iter().find(|word| *word == "-b")?;
        return finding(Some(because), None);
    }
    if program == "mdev" {
        let background = arguments.iter().find(|word| is_given(word, &["-d"]))?;
        let stays = arguments.iter().any(|word| is_given(word, &["-f"]));
        return if stays {
            None
        } else {
            finding(Some(background), Some("-f"))
        };
    }
    if program == "nginx" {
        let stays = arguments.iter().any(|word| word.contains("daemon off"));
        return if stays {
            None
        } else {
            finding(None, Some("-g 'daemon off;'"))
        };
    }
    let (_, stay) = FOREGROUND.iter().find(|(name, _)| *name == program)?;
    if arguments.iter().any(|word| is_given(word, stay)) {
        return None;
    }
    finding(None, stay.first().copied())
}

/// Whether a word is one of the arguments, alone or in a cluster of single letters such as `-fv`.
fn is_given(word: &str, arguments: &[&str]) -> bool {
    let letters = word.strip_prefix('-').filter(|rest| {
        !rest.starts_with('-') && rest.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    arguments.iter().any(|argument| {
        let letter = argument.strip_prefix('-').filter(|rest| rest.len() == 1);
        word == *argument
            || letter
                .zip(letters)
                .is_some_and(|(letter, letters)| letters.contains(letter))
    })
}

/// The command without a leading `busybox`, which runs what its first argument names.
fn without_busybox(argv: &[String]) -> &[String] {
    match argv {
        [first, rest @ ..] if matches!(base(first), "busybox" | "busybox.static") => rest,
        _ => argv,
    }
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}
