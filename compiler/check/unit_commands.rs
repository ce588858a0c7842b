//! What a unit runs, and how it is found to be ready.

use std::time::Duration;

use crate::diagnostic::{Diagnostic, TextEdit};
use crate::manifest::unit as written;
use crate::source::{Span, Spanned};
use crate::zinit::{self, Command, Kind, Probe};

use super::{Ctx, unit_habits};

/// The kind of a unit and its command; a harmless one where it is not sound.
pub(super) fn command(ctx: &mut Ctx<'_>, unit: &written::Unit) -> (Kind, Option<Command>) {
    let exec = unit.exec.as_ref().map(|exec| ("exec", exec.span));
    let shell = unit.shell.as_ref().map(|shell| ("shell", shell.span));
    let target = unit.target.then_some(("target", unit.name.span));
    let given: Vec<(&str, Span)> = [exec, shell, target].into_iter().flatten().collect();
    if unit.external {
        return (Kind::External, None);
    }
    if given.len() > 1 || given.is_empty() && ctx.is_whole("unit") {
        one_of(ctx, unit, &given);
    }
    let kind = match (unit.target, unit.oneshot) {
        (true, oneshot) => {
            if oneshot && given.len() == 1 {
                contradiction(ctx, unit);
            }
            return (Kind::Target, None);
        }
        (false, true) => Kind::Oneshot,
        (false, false) => Kind::Daemon,
    };
    let command = match (&unit.exec, &unit.shell) {
        (Some(exec), _) => arguments(ctx, exec, "exec").map(Command::Argv),
        (None, Some(shell)) => script(ctx, shell),
        (None, None) => None,
    };
    if let Some(command) = &command {
        unit_habits::check(ctx, unit, command, kind);
    }
    (kind, command)
}

fn one_of(ctx: &mut Ctx<'_>, unit: &written::Unit, given: &[(&str, Span)]) {
    let name = &unit.name;
    let mut problem = match given {
        [] => Diagnostic::error(
            "zosc::check::unit-command",
            format!("the unit `{}` runs nothing and is no target", name.value),
        )
        .at(name.span),
        _ => Diagnostic::error(
            "zosc::check::unit-command",
            format!("the unit `{}` has more than one command", name.value),
        ),
    };
    for (word, span) in given.iter().rev() {
        problem = problem.label(*span, *word);
    }
    ctx.push(problem.help("give it one of `exec \"…\"`, `shell \"…\"` and `target`"));
}

fn contradiction(ctx: &mut Ctx<'_>, unit: &written::Unit) {
    ctx.push(
        Diagnostic::error(
            "zosc::check::target-setting",
            format!("`{}` is a target and a oneshot", unit.name.value),
        )
        .at(unit.name.span)
        .help("remove `oneshot`: a target runs nothing"),
    );
}

fn script(ctx: &mut Ctx<'_>, shell: &Spanned<String>) -> Option<Command> {
    if shell.trim().is_empty() || shell.contains('\0') {
        bad(
            ctx,
            shell.span,
            "the shell gets nothing to do",
            "write a command",
        );
        return None;
    }
    Some(Command::Shell(shell.value.clone()))
}

fn bad(ctx: &mut Ctx<'_>, span: Span, fact: &str, help: &str) {
    ctx.push(
        Diagnostic::error("zosc::check::bad-command", fact)
            .at(span)
            .help(help),
    );
}

/// A command as its words; `word` is the name of its node.
fn arguments(ctx: &mut Ctx<'_>, text: &Spanned<String>, word: &str) -> Option<Vec<String>> {
    let Some(arguments) = shlex::split(text) else {
        bad(
            ctx,
            text.span,
            "a quote or a backslash in the command is left open",
            "close it, or put a backslash before it",
        );
        return None;
    };
    if arguments.is_empty() || text.contains('\0') {
        bad(
            ctx,
            text.span,
            "the command is empty",
            "write a program and its arguments",
        );
        return None;
    }
    if ends_in_comment(text) {
        bad(
            ctx,
            text.span,
            "`#` starts a comment, so the rest of the command is lost",
            "put the word that starts with `#` in quotes: '#…'",
        );
        return None;
    }
    if let Some(found) = zinit::looks_like_shell(text) {
        let span = ctx.within(text.span, &found);
        let problem = Diagnostic::error(
            "zosc::check::shell-syntax",
            format!("`{found}` means something to a shell, and `{word}` runs none"),
        )
        .at(span);
        let problem = match word {
            "exec" => problem
                .help("write `shell` in place of `exec`, or quote the word if it is meant as it stands: 'word'"),
            _ => problem.help("write `sh -c '…'`, or quote the word if it is meant as it stands"),
        };
        let problem = match node_name(ctx, text.span, word).filter(|_| word == "exec") {
            Some(span) => problem.fix(
                "write `shell`",
                vec![TextEdit {
                    span,
                    text: "shell".to_owned(),
                }],
            ),
            None => problem,
        };
        ctx.push(problem);
    }
    Some(arguments)
}

/// Whether a further word would be lost in a comment.
fn ends_in_comment(text: &str) -> bool {
    let longer = shlex::split(&format!("{text} end"));
    longer.is_none_or(|words| words.last().is_none_or(|last| last != "end"))
}

/// The place of a node's name right before its argument.
fn node_name(ctx: &Ctx<'_>, argument: Span, name: &str) -> Option<Span> {
    let text = &ctx.sources.get(argument.source)?.text;
    let before = text.get(..argument.start as usize)?.trim_end();
    before
        .ends_with(name)
        .then(|| Span::new(argument.source, before.len() - name.len(), before.len()))
}

/// How a unit is found to be ready, and how long that may take.
pub(super) fn probe(
    ctx: &mut Ctx<'_>,
    unit: &written::Unit,
    kind: Kind,
) -> (Option<Probe>, Option<Duration>) {
    let test = unit.test.as_ref().map(|test| test.command.span);
    let tcp = unit.test_tcp.as_ref().map(|test| test.address.span);
    if let (Some(test), Some(tcp)) = (test, tcp) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::two-tests",
                format!("the unit `{}` has two tests", unit.name.value),
            )
            .label(tcp, "one")
            .label(test, "another")
            .help("keep one of `test` and `test-tcp`"),
        );
    }
    if let Some(span) = test.or(tcp).filter(|_| kind == Kind::Oneshot) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::oneshot-test",
                format!(
                    "the oneshot `{}` is ready when it has ended, so a test has no meaning",
                    unit.name.value
                ),
            )
            .at(span)
            .help("remove the test, or make it the end of the command"),
        );
        return (None, None);
    }
    if let Some(test) = &unit.test {
        let arguments = arguments(ctx, &test.command, "test");
        let within = test.within.as_ref().and_then(|within| ctx.duration(within));
        return (
            arguments.map(|words| Probe::Exec(Command::Argv(words))),
            within,
        );
    }
    let Some(test) = &unit.test_tcp else {
        return (None, None);
    };
    let within = test.within.as_ref().and_then(|within| ctx.duration(within));
    let port = test
        .address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(1..))) {
        bad(
            ctx,
            test.address.span,
            "the address has no port from 1 to 65535",
            "write an address such as \"127.0.0.1:22\"",
        );
    }
    (Some(Probe::Tcp(test.address.value.clone())), within)
}
