//! Commands that fail under a supervisor, though there is nothing wrong with them elsewhere; and what zinit does by itself.

use crate::diagnostic::{Diagnostic, nearest};
use crate::manifest::unit::{self as written, Feature};
use crate::source::{Span, Spanned};
use crate::zinit::{self, Command, Dialect, FORMATS_DISK, Kind, Log};

use super::Ctx;
use super::units::Pair;

/// The text of a unit's command.
fn text(unit: &written::Unit) -> Option<&Spanned<String>> {
    unit.exec.as_ref().or(unit.shell.as_ref())
}

/// Whether a unit accepts something.
pub(super) fn accepts(unit: &written::Unit, feature: Feature) -> bool {
    let mut accepted = unit.accept.iter();
    accepted.any(|accepted| accepted.value == feature)
}

/// Refuses a command that ends, or cannot begin, although all is well.
pub(super) fn check(ctx: &mut Ctx<'_>, unit: &written::Unit, command: &Command, kind: Kind) {
    let Some(text) = text(unit) else { return };
    if kind == Kind::Daemon && !accepts(unit, Feature::Background) {
        self_daemonising(ctx, text, command);
    }
    bare_getty(ctx, command, text.span, &unit.name);
}

fn self_daemonising(ctx: &mut Ctx<'_>, text: &Spanned<String>, command: &Command) {
    let Some(found) = zinit::daemonises_itself(command) else {
        return;
    };
    let because = found.because.as_deref().unwrap_or(&found.program);
    let span = last_within(ctx, text.span, because);
    let mut problem = Diagnostic::error(
        "zosc::check::self-daemonising",
        format!(
            "`{}` puts itself in the background, so zinit takes it for ended",
            found.program
        ),
    )
    .at(span);
    if let Some(manual) = found.manual {
        problem = problem.note(format!(
            "see {manual}; `accept background` if this one stays"
        ));
    }
    ctx.push(match (found.instead, &found.because) {
        (Some(instead), _) => {
            problem.help(format!("add `{instead}`, which keeps it in the foreground"))
        }
        (None, Some(because)) => problem.help(format!("remove `{because}`")),
        (None, None) => problem.help("start it in the foreground"),
    });
}

/// The last place of a word in a text: what a shell does last is what counts.
fn last_within(ctx: &Ctx<'_>, span: Span, word: &str) -> Span {
    let written = ctx.sources.slice(span);
    match written.rfind(word) {
        Some(at) if !word.is_empty() => {
            let start = span.start as usize + at;
            Span::new(span.source, start, start + word.len())
        }
        _ => span,
    }
}

fn bare_getty(ctx: &mut Ctx<'_>, command: &Command, span: Span, name: &str) {
    if !zinit::is_bare_getty(command) {
        return;
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::bare-getty",
            format!("the getty of unit `{name}` cannot start a session of its own"),
        )
        .at(span)
        .help("keep a shell above it: `shell \"while :; do getty 115200 ttyS0; sleep 1; done\"`"),
    );
}

/// Judges what a unit asks zinit itself to do.
pub(super) fn builtin(ctx: &mut Ctx<'_>, pair: &Pair<'_>, dialect: Dialect) {
    let (Some(what), Some(text)) = (zinit::builtin(&pair.unit), text(pair.written)) else {
        return;
    };
    let name = &pair.unit.name;
    let unknown =
        |fact: String| Diagnostic::error("zosc::check::unknown-builtin", fact).at(text.span);
    if dialect == Dialect::Yaml {
        return ctx.push(
            unknown("zinit 0.2 takes `@builtin:` for the name of a program".to_owned())
                .help("give the unit a command, or use `dialect=toml`"),
        );
    }
    if what != FORMATS_DISK {
        let problem = unknown(format!("zinit 0.3 cannot do `{what}` by itself"));
        return ctx.push(match nearest(&what, [FORMATS_DISK]) {
            Some(near) => problem.help(format!("did you mean `@builtin:{near}`?")),
            None => problem.help("start a program: a path, or a name"),
        });
    }
    if let Some(log) = pair
        .written
        .log
        .as_ref()
        .filter(|_| pair.unit.log != Log::Ring)
    {
        return ctx.push(
            unknown("what zinit does by itself has no output to send elsewhere".to_owned())
                .label(log.span, "sent here")
                .help("remove `log`"),
        );
    }
    if !accepts(pair.written, Feature::FormatDisk) {
        ctx.push(
            Diagnostic::warning(
                "zosc::check::formats-disk",
                format!("the unit `{name}` partitions and formats the first empty disk it finds"),
            )
            .at(text.span)
            .note("a disk counts as empty where no partition and no filesystem is recognised on it")
            .help("add `accept format-disk` to the unit if that is meant"),
        );
    }
}
