//! The fields of zinit 0.2's units: what each may hold, what zinit made of it, and the nodes that say the same.

use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::syntax::write::{NewNode, Piece};
use crate::zinit::{Signal, looks_like_shell, quote, quote_all};

use super::Ctx;
use super::secrets::is_secret_name;
use super::unit::{Fields, Read};
use super::units::unknown_unit;
use super::yaml::{Data, Node};

/// The fields that zinit 0.2 reads, in the order in which a `unit` says the same.
pub(super) const FIELDS: [&str; 9] = [
    "exec",
    "test",
    "oneshot",
    "after",
    "signal",
    "shutdown_timeout",
    "log",
    "env",
    "dir",
];

/// Numbers of signals that people write instead of names.
const NUMBERS: [(&str, &str); 6] = [
    ("1", "HUP"),
    ("2", "INT"),
    ("3", "QUIT"),
    ("9", "KILL"),
    ("10", "USR1"),
    ("15", "TERM"),
];

impl Read<'_> {
    /// Reads one field.
    pub(super) fn field(
        &self,
        name: &str,
        key: &Node,
        value: &Node,
        read: &mut Fields,
        ctx: &mut Ctx<'_>,
    ) {
        match name {
            "exec" => self.exec(value, read, ctx),
            "test" => self.test(value, read, ctx),
            "oneshot" => match value.plain() {
                Some("true") => read.oneshot = true,
                Some("false") => {}
                _ => {
                    let meant = value.text().map(str::to_ascii_lowercase);
                    read.oneshot = matches!(meant.as_deref(), Some("yes" | "true" | "on" | "1"));
                    let taken = if read.oneshot {
                        "carried over as `oneshot`"
                    } else {
                        "left out"
                    };
                    ctx.push(self.skipped(value.span, "`oneshot` is `true` or `false`", taken));
                }
            },
            "after" => self.after(value, read, ctx),
            "signal" => self.signal(value, read, ctx),
            "shutdown_timeout" => self.timeout(value, read, ctx),
            "log" => self.log(value, read, ctx),
            "env" => self.env(value, read, ctx),
            "dir" => match value.text() {
                Some(dir) if dir.starts_with('/') => read.put("dir", NewNode::new("dir").arg(dir)),
                Some("") => {}
                _ => ctx.push(self.skipped(value.span, "`dir` is an absolute path", "left out")),
            },
            _ => self.ignored(name, key.span, value, read, ctx),
        }
    }

    fn exec(&self, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        let Some(command) = value.text().filter(|command| !command.trim().is_empty()) else {
            return;
        };
        read.has_command = true;
        let Some(argv) = shlex::split(command) else {
            ctx.push(self.skipped(
                value.span,
                "a quote in the command is not closed",
                "carried over as it is",
            ));
            read.put("exec", NewNode::new("exec").arg(command));
            return;
        };
        read.is_barrier = matches!(argv.as_slice(), [only] if matches!(only.as_str(), "true" | "/bin/true" | "/usr/bin/true"));
        let node = match argv.as_slice() {
            [shell, option, script]
                if matches!(shell.as_str(), "sh" | "/bin/sh") && option == "-c" =>
            {
                NewNode::new("shell").arg(script.trim())
            }
            _ if let Some(word) = looks_like_shell(command) => {
                ctx.push(shell_syntax(
                    value.span,
                    &word,
                    "it is now a `shell` command and does what it says",
                ));
                NewNode::new("shell").arg(command.trim())
            }
            _ if command.contains('\n') => NewNode::new("exec").arg(quote_all(&argv)),
            _ => NewNode::new("exec").arg(command.trim()),
        };
        read.put("exec", node);
    }

    fn test(&self, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        let Some(command) = value.text() else {
            return ctx.push(self.skipped(value.span, "`test` is a command", "left out"));
        };
        let Some(argv) = shlex::split(command) else {
            return ctx.push(self.skipped(
                value.span,
                "a quote in the command is not closed",
                "left out",
            ));
        };
        let text = if let Some(word) = looks_like_shell(command) {
            ctx.push(shell_syntax(
                value.span,
                &word,
                "it is now run by a shell and does what it says",
            ));
            format!("sh -c {}", quote(command.trim()))
        } else {
            quote_lines(command, &argv)
        };
        if !argv.is_empty() {
            read.put("test", NewNode::new("test").arg(text));
        }
    }

    fn after(&self, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        let one = std::slice::from_ref(value);
        let names = match &value.data {
            Data::List(names) => names.as_slice(),
            Data::Scalar { text, .. } => {
                let taken = if text.is_empty() {
                    "left out"
                } else {
                    "carried over as one name"
                };
                ctx.push(self.skipped(value.span, "`after` is a list", taken));
                if text.is_empty() { &[] } else { one }
            }
            Data::Map(_) => {
                return ctx.push(self.skipped(value.span, "`after` is a list", "left out"));
            }
        };
        for name in names {
            match name.text() {
                Some(text) if self.others.contains(text) => {
                    if !read.requires.iter().any(|known| known == text) {
                        read.requires.push(text.to_owned());
                    }
                }
                Some(text) => ctx.push(
                    Diagnostic::warning(
                        "zosc::migrate::unknown-unit",
                        format!(
                            "`{}` waits for `{text}`, which no unit is called",
                            self.name
                        ),
                    )
                    .at(name.span)
                    .help(format!(
                        "zinit would have waited for ever; the edge is left out: {}",
                        unknown_unit(text, self.others)
                    )),
                ),
                None => ctx.push(self.skipped(name.span, "this is no unit's name", "left out")),
            }
        }
    }

    fn signal(&self, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        let stop = match &value.data {
            Data::Map(fields) => {
                for (key, _) in fields.iter().filter(|(key, _)| key.text() != Some("stop")) {
                    ctx.push(
                        ignored(
                            key.span,
                            format!("zinit never read `signal.{}`", key.text().unwrap_or("")),
                        )
                        .help("only `stop` was read: `stop signal=SIGTERM`"),
                    );
                }
                fields
                    .iter()
                    .find(|(key, _)| key.text() == Some("stop"))
                    .map(|(_, value)| value)
            }
            _ => {
                return ctx.push(self.skipped(
                    value.span,
                    "`signal` holds `stop: NAME`",
                    "left out",
                ));
            }
        };
        let Some((stop, text)) = stop.and_then(|stop| Some((stop, stop.text()?))) else {
            return;
        };
        let number = NUMBERS.iter().find(|(number, _)| *number == text);
        let signal: Option<Signal> = number.map_or(text, |(_, name)| name).parse().ok();
        let written_in_full = text.to_ascii_uppercase().starts_with("SIG");
        if signal.is_none() || !written_in_full {
            let taken = signal.as_ref().map_or("left out".to_owned(), |signal| {
                format!("carried over as `{signal}`")
            });
            ctx.push(self.skipped(
                stop.span,
                "a signal is written in full, such as `SIGTERM`",
                &taken,
            ));
        }
        read.signal = signal.map(|signal| signal.name().to_owned());
    }

    fn timeout(&self, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        let text = value.text().unwrap_or("");
        let is_number = |text: &str| {
            !text.is_empty() && text.len() < 10 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if value.plain().is_some_and(is_number) {
            read.timeout = Some(format!("{text}s"));
            return;
        }
        let meant = match text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
            number if is_number(number) => match &text[number.len()..] {
                "" => Some(format!("{number}s")),
                unit @ ("s" | "ms" | "m") => Some(format!("{number}{unit}")),
                _ => None,
            },
            _ => None,
        };
        let taken = meant.as_ref().map_or("left out".to_owned(), |meant| {
            format!("carried over as \"{meant}\"")
        });
        ctx.push(self.skipped(
            value.span,
            "`shutdown_timeout` is a bare number of seconds",
            &taken,
        ));
        read.timeout = meant;
    }

    fn log(&self, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        const PLACES: [&str; 3] = ["none", "ring", "stdout"];
        let text = value.text().unwrap_or("");
        let place = PLACES.into_iter().find(|place| *place == text);
        let is_null = matches!(text, "" | "~" | "null");
        let meant = place.or(is_null.then_some("none"));
        if place.is_none() {
            let taken = match meant {
                Some(log) => format!("carried over as `log {log}`"),
                None => "left out".to_owned(),
            };
            ctx.push(self.skipped(value.span, "`log` is `none`, `ring` or `stdout`", &taken));
        }
        if let Some(log) = meant {
            read.put("log", NewNode::new("log").arg(log));
        }
    }

    fn env(&self, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        let Data::Map(fields) = &value.data else {
            return ctx.push(self.skipped(value.span, "`env` holds `NAME: VALUE`", "left out"));
        };
        for (key, value) in fields {
            match (key.text(), value.text()) {
                (Some(name), Some(_)) if is_secret_name(name) => ctx.push(
                    Diagnostic::warning(
                        "zosc::migrate::credential",
                        format!("`{}` gets a credential in `{name}`, which is left out", self.name),
                    )
                    .at(key.span)
                    .help("whatever is in an image can be read by whoever has it: let the service fetch it at run time"),
                ),
                (Some(name), Some(text)) => read.put("env", NewNode::new("env").prop(name, text)),
                _ => ctx.push(self.skipped(key.span, "`env` holds `NAME: VALUE`", "left out")),
            }
        }
    }

    /// A field that zinit reads over, and what to write where it is meant.
    fn ignored(&self, name: &str, span: Span, value: &Node, read: &mut Fields, ctx: &mut Ctx<'_>) {
        let words: Vec<&str> = match &value.data {
            Data::List(list) => list.iter().filter_map(Node::text).collect(),
            _ => value
                .text()
                .into_iter()
                .flat_map(str::split_whitespace)
                .collect(),
        };
        let words = words.join(" ");
        let instead = match name {
            "needs" | "requires" => Some(format!("requires {words}")),
            "wants" => Some(format!("wants {words}")),
            "conflicts" => Some(format!("conflicts {words}")),
            "restart" if matches!(words.as_str(), "false" | "no" | "never") => {
                Some("restart never".to_owned())
            }
            "restart" if words.starts_with("on") => Some("restart on-failure".to_owned()),
            _ => None,
        };
        let help = match &instead {
            Some(instead) => format!("if it is meant, write `{instead}` in `unit {}`", self.name),
            None if name == "restart" => {
                "zinit starts an ended daemon again whatever this says".to_owned()
            }
            None => match nearest(name, FIELDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("zinit reads `{}`", FIELDS.join("`, `")),
            },
        };
        ctx.push(ignored(span, format!("zinit never read `{name}`")).help(help));
        if let Some(instead) = instead {
            read.put(name, Piece::Comment(format!("Never in effect: {instead}")));
        }
    }

    /// A value for which zinit skipped the whole file.
    fn skipped(&self, span: Span, rule: &str, taken: &str) -> Diagnostic {
        let diagnostic = bad_value(
            span,
            format!("zinit skipped the unit `{}` for this: {rule}", self.name),
        );
        if self.is_live {
            diagnostic.help(format!(
                "{taken}; the unit never ran before and will now: see that it is meant"
            ))
        } else {
            diagnostic.help(taken)
        }
    }
}

/// A command on one line.
fn quote_lines(command: &str, argv: &[String]) -> String {
    match command.trim() {
        command if command.contains('\n') => quote_all(argv),
        command => command.to_owned(),
    }
}

/// A value that zinit did not take.
pub(super) fn bad_value(span: Span, message: String) -> Diagnostic {
    Diagnostic::warning("zosc::migrate::bad-value", message).at(span)
}

/// A field that zinit reads over.
pub(super) fn ignored(span: Span, message: String) -> Diagnostic {
    Diagnostic::warning("zosc::migrate::ignored-field", message).at(span)
}

fn shell_syntax(span: Span, word: &str, now: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::shell-syntax",
        format!("zinit runs no shell, so `{word}` was a plain argument"),
    )
    .at(span)
    .help(format!("{now}: see that it is meant"))
}
