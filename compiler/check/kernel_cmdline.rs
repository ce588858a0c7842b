//! The kernel's command line.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

use super::Ctx;

/// What x86 keeps of a command line, its end mark included.
const LONGEST_CMDLINE: usize = 2048;

/// Parameters of which the last one wins, so that a second one is a mistake.
const ONCE: &[&str] = &[
    "init",
    "loglevel",
    "nr_cpus",
    "panic",
    "quiet",
    "rdinit",
    "ro",
    "root",
    "rootfstype",
    "rw",
];

/// Joins the parameters by single spaces.
pub(super) fn cmdline(ctx: &mut Ctx<'_>, written: &[Spanned<String>]) -> String {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut words: Vec<&str> = Vec::new();
    for text in written {
        if text.chars().any(char::is_control) {
            bad(ctx, text.span, "the command line holds a control character");
        }
        for word in text.split_whitespace() {
            let span = ctx.word_within(text.span, word);
            boots(ctx, word, span, text);
            repeated(ctx, word, span, &mut seen);
            words.push(word);
        }
    }
    let line = words.join(" ");
    if let Some(last) = written.last()
        && line.len() >= LONGEST_CMDLINE
    {
        let message = format!(
            "the command line has {} bytes, and the kernel keeps {}",
            line.len(),
            LONGEST_CMDLINE - 1
        );
        bad(ctx, last.span, &message);
    }
    line
}

fn bad(ctx: &mut Ctx<'_>, span: Span, message: &str) {
    ctx.push(
        Diagnostic::error("zosc::check::bad-cmdline", message)
            .at(span)
            .help("write parameters such as \"console=ttyS0\", separated by spaces"),
    );
}

/// Refuses a parameter with which the image's `/init` is not started, and warns of one that does nothing because it is.
fn boots(ctx: &mut Ctx<'_>, word: &str, span: Span, text: &Spanned<String>) {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let problem = match name {
        "noinitrd" => Diagnostic::error(
            "zosc::check::cannot-boot",
            "`noinitrd` makes the kernel pass over the initramfs, which is the image",
        )
        .help("remove it"),
        "rdinit" if value != "/init" => Diagnostic::error(
            "zosc::check::cannot-boot",
            format!("`{word}` makes the kernel pass over `/init`, which prepares the machine"),
        )
        .help("remove it: `/init` hands over to zinit by itself"),
        "init" | "root" => Diagnostic::warning(
            "zosc::check::idle-parameter",
            format!("`{name}` has no effect: the image is an initramfs with an `/init`"),
        )
        .help("remove it"),
        _ => return,
    };
    let problem = problem.at(span);
    let alone = text.value.trim() == word;
    ctx.push(if alone || span == text.span {
        problem
    } else {
        problem.replace("remove it", span, "")
    });
}

/// Warns of a parameter that certainly stands once too often.
fn repeated(ctx: &mut Ctx<'_>, word: &str, span: Span, seen: &mut BTreeMap<String, Span>) {
    let name = word.split('=').next().unwrap_or(word);
    let key = if ONCE.contains(&name) { name } else { word };
    let Some(earlier) = seen.insert(key.to_owned(), span) else {
        return;
    };
    let fact = if key == word {
        format!("`{word}` is on the command line twice")
    } else {
        format!("`{name}` is on the command line twice, and the last one wins")
    };
    ctx.push(
        Diagnostic::warning("zosc::check::repeated-parameter", fact)
            .label(span, "again here")
            .label(earlier, "first here")
            .help("remove one of them"),
    );
}
