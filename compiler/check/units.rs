//! The `unit` sections: each becomes a unit of zinit, or is switched off.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::unit as written;
use crate::manifest::zinit::Dialect as WrittenDialect;
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;
use crate::zinit::{self, Dialect, Kind, Log, Restart, Signal, Unit};

use super::{
    Ctx, FileRequest, ResolvedUnit, flist_units, suggest, unit_commands, unit_files, unit_graph,
    unit_habits,
};

/// All units.
pub(super) struct Units {
    /// Those of the image, in the manifest's order.
    pub(super) list: Vec<ResolvedUnit>,
    /// Those that are switched off, with the place where that is said.
    pub(super) disabled: BTreeMap<String, Span>,
    /// The form in which zinit reads them.
    pub(super) dialect: Option<Dialect>,
}

/// A unit as it was written, with its resolved form.
pub(super) struct Pair<'a> {
    pub(super) written: &'a written::Unit,
    pub(super) unit: Unit,
}

/// Resolves the sections and what flists bring, beside the files that the manifest writes.
pub(super) fn resolve(ctx: &mut Ctx<'_>, files: &mut Vec<FileRequest>) -> Units {
    let manifest = ctx.manifest;
    let (units, generated) = flist_units::with_generated(ctx, files);
    let dialect = manifest
        .zinit
        .as_ref()
        .map(|zinit| match zinit.dialect.value {
            WrittenDialect::Yaml => Dialect::Yaml,
            WrittenDialect::Toml => Dialect::Toml,
        });
    let (enabled, disabled) = select(ctx, &units, generated);
    let pairs: Vec<Pair<'_>> = enabled
        .into_iter()
        .map(|written| Pair {
            written,
            unit: unit(ctx, written),
        })
        .collect();
    unit_graph::check(ctx, &pairs, &disabled);
    match dialect {
        Some(dialect) => in_dialect(ctx, &pairs, files, dialect),
        None => needs_dialect(ctx, &pairs),
    }
    let list = pairs.into_iter().map(|Pair { unit, written }| {
        let test = written.test.as_ref().map(|test| test.command.span);
        let tcp = written.test_tcp.as_ref().map(|test| test.address.span);
        let command = written.exec.as_ref().or(written.shell.as_ref());
        ResolvedUnit {
            unit,
            span: written.name.span,
            command: command.map(|command| command.span),
            test: test.or(tcp),
            folder: written.dir.as_ref().map(|dir| dir.span),
        }
    });
    Units {
        list: list.collect(),
        disabled,
        dialect,
    }
}

/// Parts the units that are in the image from those that are not.
///
/// `unit NAME { disabled }` without more switches a unit of an imported file off, or one of the first, which are generated.
fn select<'a>(
    ctx: &mut Ctx<'_>,
    units: &'a [written::Unit],
    generated: usize,
) -> (Vec<&'a written::Unit>, BTreeMap<String, Span>) {
    let mut known: BTreeMap<&str, &written::Unit> = BTreeMap::new();
    let mut disabled: BTreeMap<String, Span> = BTreeMap::new();
    let is_generated = |name: &str| {
        let mut generated = units.iter().take(generated);
        generated.any(|unit| unit.name.value == name)
    };
    for unit in units {
        let name = &unit.name;
        match known.get(name.as_str()) {
            None if is_switch(unit) => unknown_switch(ctx, unit, units),
            None => {
                known.insert(name, unit);
            }
            Some(earlier)
                if is_switch(unit)
                    && (is_generated(name) || earlier.name.span.source != name.span.source) =>
            {
                disabled.insert(name.value.clone(), name.span);
            }
            Some(earlier) => {
                let message = format!("two units are named `{}`", name.value);
                let help = "rename or remove one; `unit NAME { disabled }` alone switches a unit of an import off";
                ctx.clash(
                    "zosc::check::duplicate-name",
                    message,
                    name.span,
                    earlier.name.span,
                    help,
                );
            }
        }
        if unit.disabled {
            disabled.insert(name.value.clone(), name.span);
        }
    }
    let enabled = units.iter().filter(|unit| {
        let first = known.get(unit.name.as_str());
        first.is_some_and(|first| std::ptr::eq(*first, *unit))
            && !disabled.contains_key(&unit.name.value)
    });
    (enabled.collect(), disabled)
}

/// Whether a unit says nothing but that it is switched off.
pub(super) fn is_switch(unit: &written::Unit) -> bool {
    unit.disabled
        && !unit.oneshot
        && !unit.target
        && !unit.external
        && unit.exec.is_none()
        && unit.shell.is_none()
        && unit.test.is_none()
        && unit.test_tcp.is_none()
}

fn unknown_switch(ctx: &mut Ctx<'_>, unit: &written::Unit, units: &[written::Unit]) {
    let name = &unit.name;
    let others = units.iter().filter(|other| !is_switch(other));
    let others: Vec<&str> = others.map(|other| other.name.as_str()).collect();
    // One that stands further down is not imported: that is a duplicate, and told as such.
    if others.contains(&name.as_str()) || ctx.declared.unsure("unit") {
        return;
    }
    let problem = Diagnostic::error(
        "zosc::check::unknown-unit",
        format!(
            "no import brings a unit `{}` that could be switched off",
            name.value
        ),
    )
    .at(name.span);
    ctx.push(suggest(problem, name, name.span, others, "remove it"));
}

fn unit(ctx: &mut Ctx<'_>, written: &written::Unit) -> Unit {
    let (kind, command) = unit_commands::command(ctx, written);
    let names = |list: &[Spanned<String>]| list.iter().map(|name| name.value.clone()).collect();
    let mut unit = Unit::new(written.name.value.clone(), kind, command);
    unit.requires = names(&written.requires);
    unit.after = names(&written.after);
    unit.wants = names(&written.wants);
    unit.conflicts = names(&written.conflicts);
    (unit.probe, unit.start_timeout) = unit_commands::probe(ctx, written, kind);
    unit.restart = restart(ctx, written, kind);
    if let Some(stop) = &written.stop {
        unit.stop_signal = stop.signal.as_ref().and_then(|name| signal(ctx, name));
        unit.stop_timeout = stop
            .timeout
            .as_ref()
            .and_then(|timeout| ctx.duration(timeout));
    }
    unit.log = match written.log.as_ref().map(|log| log.value) {
        Some(written::Log::None) => Log::None,
        Some(written::Log::Stdout) => Log::Stdout,
        Some(written::Log::Ring) | None => Log::Ring,
    };
    unit.environment = ctx.environment(&written.env);
    unit.directory = written.dir.as_ref().and_then(|dir| {
        let path = ctx.image_path(dir)?;
        Some(path.value.as_str().to_owned())
    });
    match kind {
        Kind::Target => target_settings(ctx, written),
        Kind::External => external_settings(ctx, written),
        Kind::Daemon | Kind::Oneshot => {}
    }
    unit
}

fn restart(ctx: &mut Ctx<'_>, written: &written::Unit, kind: Kind) -> Restart {
    let Some(restart) = &written.restart else {
        return Restart::default();
    };
    let value = match restart.value {
        written::Restart::Always => Restart::Always,
        written::Restart::OnFailure => Restart::OnFailure,
        written::Restart::Never => Restart::Never,
    };
    if kind == Kind::Oneshot && value != Restart::Never {
        ctx.push(
            Diagnostic::error(
                "zosc::check::oneshot-restart",
                format!(
                    "the oneshot `{}` runs once, so it cannot be started again",
                    written.name.value
                ),
            )
            .at(restart.span)
            .help("remove `restart`, or remove `oneshot`"),
        );
    }
    value
}

fn signal(ctx: &mut Ctx<'_>, name: &Spanned<String>) -> Option<Signal> {
    let signal = name.parse().ok();
    if signal.is_none() {
        let problem = Diagnostic::error(
            "zosc::check::unknown-signal",
            format!("zinit knows no signal `{}`", name.value),
        )
        .at(name.span);
        let names = Signal::names().iter().copied();
        let otherwise = format!("write one of {}", super::listed(names.clone()));
        ctx.push(suggest(problem, name, name.span, names, &otherwise));
    }
    signal
}

/// What a unit says of its process, with the places.
fn process_settings(written: &written::Unit) -> [(&'static str, Option<Span>); 7] {
    let stop = written.stop.as_ref();
    let stop = stop.and_then(|stop| stop.signal.as_ref().or(stop.timeout.as_ref()));
    [
        ("test", written.test.as_ref().map(|test| test.command.span)),
        (
            "test-tcp",
            written.test_tcp.as_ref().map(|test| test.address.span),
        ),
        (
            "restart",
            written.restart.as_ref().map(|restart| restart.span),
        ),
        ("stop", stop.map(|stop| stop.span)),
        ("log", written.log.as_ref().map(|log| log.span)),
        ("env", written.env.values().next().map(|value| value.span)),
        ("dir", written.dir.as_ref().map(|dir| dir.span)),
    ]
}

/// Refuses what has no meaning for something that is not of this image.
fn external_settings(ctx: &mut Ctx<'_>, written: &written::Unit) {
    let first = |list: &[Spanned<String>]| list.first().map(|name| name.span);
    let name = &written.name;
    let own = [
        ("exec", written.exec.as_ref().map(|exec| exec.span)),
        ("shell", written.shell.as_ref().map(|shell| shell.span)),
        ("oneshot", written.oneshot.then_some(name.span)),
        ("target", written.target.then_some(name.span)),
        ("requires", first(&written.requires)),
        ("after", first(&written.after)),
        ("wants", first(&written.wants)),
        ("conflicts", first(&written.conflicts)),
    ];
    for (setting, span) in own.into_iter().chain(process_settings(written)) {
        let Some(span) = span else { continue };
        ctx.push(
            Diagnostic::error(
                "zosc::check::external-setting",
                format!(
                    "the unit `{}` is brought from elsewhere, so `{setting}` has no meaning",
                    name.value
                ),
            )
            .at(span)
            .help(format!("remove `{setting}`, or remove `external`")),
        );
    }
}

/// Refuses what has no meaning for something that runs nothing.
fn target_settings(ctx: &mut Ctx<'_>, written: &written::Unit) {
    for (name, span) in process_settings(written) {
        let Some(span) = span else { continue };
        ctx.push(
            Diagnostic::error(
                "zosc::check::target-setting",
                format!(
                    "the target `{}` runs nothing, so `{name}` has no meaning",
                    written.name.value
                ),
            )
            .at(span)
            .help(format!(
                "remove `{name}`, or give the unit a command in place of `target`"
            )),
        );
    }
}

/// What holds once the form of the files is known: their paths, and what they cannot express.
fn in_dialect(ctx: &mut Ctx<'_>, pairs: &[Pair<'_>], files: &[FileRequest], dialect: Dialect) {
    let own = unit_files::own_files(ctx, files, dialect);
    unit_files::check(ctx, pairs, &own, dialect);
    for pair in pairs.iter().filter(|pair| !pair.written.external) {
        unit_habits::builtin(ctx, pair, dialect);
        let name = &pair.written.name;
        match ImagePath::new(&dialect.path(name)) {
            Ok(path) => ctx.claim(
                &Spanned::new(path, name.span),
                &format!("unit `{}`", name.value),
            ),
            Err(error) => ctx.push(
                Diagnostic::error(
                    "zosc::check::bad-image-path",
                    format!("the unit `{}` can have no file: {error}", name.value),
                )
                .at(name.span)
                .help("give it a shorter name"),
            ),
        }
    }
    // A unit that a file of the manifest brings is there from the start, as one of the image is.
    let unit = |pair: &Pair<'_>| match own.get(&pair.unit.name) {
        Some(_) => Unit::target(pair.unit.name.clone()),
        None => pair.unit.clone(),
    };
    let units: Vec<Unit> = pairs.iter().map(unit).collect();
    if dialect == Dialect::Toml {
        late_requirements(ctx, pairs, &units);
    }
    for loss in zinit::lower(&units, dialect).losses {
        let pair = pairs.iter().find(|pair| pair.unit.name == loss.unit);
        let Some(written) = pair.map(|pair| pair.written) else {
            continue;
        };
        let (feature, word, span) = feature(loss.feature, written);
        if unit_habits::accepts(written, feature) {
            continue;
        }
        let generation = dialect.generation();
        ctx.push(
            Diagnostic::warning(
                "zosc::check::dialect-loss",
                format!(
                    "{generation} cannot do all that `{word}` of unit `{}` asks for",
                    loss.unit
                ),
            )
            .label(span, loss.consequence)
            .help(format!("add `accept {word}` to the unit if that is fine")),
        );
    }
}

/// Refuses to require what is not there when zinit 0.3 starts: it gives up such a unit for good.
fn late_requirements(ctx: &mut Ctx<'_>, pairs: &[Pair<'_>], units: &[Unit]) {
    for pair in pairs {
        for name in &pair.written.requires {
            let mut others = units.iter();
            if !others.any(|unit| unit.name == name.value && unit.kind == Kind::External) {
                continue;
            }
            ctx.push(
                Diagnostic::error(
                    "zosc::check::external-requirement",
                    format!(
                        "zinit 0.3 never starts `{}`: it requires `{}`, which is brought later",
                        pair.unit.name, name.value
                    ),
                )
                .at(name.span)
                .help("write `after` in place of `requires`, and let the command wait for what it needs"),
            );
        }
    }
}

/// The feature of the language that a loss is about: its word, and where the unit uses it.
fn feature(
    feature: zinit::Feature,
    unit: &written::Unit,
) -> (written::Feature, &'static str, Span) {
    use written::Feature as Word;
    let first = |list: &[Spanned<String>]| list.first().map(|name| name.span);
    let (word, name, span) = match feature {
        zinit::Feature::After => (Word::After, "after", first(&unit.after)),
        zinit::Feature::Wants => (Word::Wants, "wants", first(&unit.wants)),
        zinit::Feature::Conflicts => (Word::Conflicts, "conflicts", first(&unit.conflicts)),
        zinit::Feature::Probe | zinit::Feature::StartTimeout => {
            let test = unit
                .test
                .as_ref()
                .map(|test| &test.command)
                .or_else(|| unit.test_tcp.as_ref().map(|test| &test.address));
            let within = unit
                .test
                .as_ref()
                .and_then(|test| test.within.as_ref())
                .or_else(|| unit.test_tcp.as_ref().and_then(|test| test.within.as_ref()));
            let place = if feature == zinit::Feature::Probe {
                test
            } else {
                within
            };
            (Word::Test, "test", place.map(|place| place.span))
        }
        zinit::Feature::Restart => (
            Word::Restart,
            "restart",
            unit.restart.as_ref().map(|restart| restart.span),
        ),
        zinit::Feature::StopSignal => {
            let signal = unit.stop.as_ref().and_then(|stop| stop.signal.as_ref());
            (Word::Stop, "stop", signal.map(|signal| signal.span))
        }
        zinit::Feature::StopTimeout => {
            let timeout = unit.stop.as_ref().and_then(|stop| stop.timeout.as_ref());
            (Word::Stop, "stop", timeout.map(|timeout| timeout.span))
        }
    };
    (word, name, span.unwrap_or(unit.name.span))
}

fn needs_dialect(ctx: &mut Ctx<'_>, pairs: &[Pair<'_>]) {
    let Some(first) = pairs.first() else { return };
    if ctx.declared.has_section("zinit") {
        return;
    }
    let span = first.written.name.span;
    let mut problem = Diagnostic::error(
        "zosc::check::no-dialect",
        "there are units, and nothing says in which form zinit reads them",
    )
    .at(span)
    .help("add `zinit dialect=toml` for zinit 0.3, or `zinit dialect=yaml` for 0.2");
    for section in ["zinit dialect=toml", "zinit dialect=yaml"] {
        problem = ctx.offer_above(problem, span, section);
    }
    ctx.push(problem);
}

impl Units {
    /// The unit of the image with this name; says so where there is none.
    pub(super) fn known<'a>(
        &'a self,
        ctx: &mut Ctx<'_>,
        name: &str,
        span: Span,
    ) -> Option<&'a Unit> {
        let found = self.list.iter().find(|unit| unit.unit.name == name);
        if found.is_none() {
            let names: Vec<&str> = self
                .list
                .iter()
                .map(|unit| unit.unit.name.as_str())
                .collect();
            unit_graph::unknown(ctx, name, span, &names, self.disabled.get(name).copied());
        }
        found.map(|found| &found.unit)
    }
}

impl Ctx<'_> {
    /// Variables by name; refuses names that no shell takes.
    pub(super) fn environment(
        &mut self,
        variables: &indexmap::IndexMap<String, Spanned<String>>,
    ) -> BTreeMap<String, String> {
        for (name, value) in variables {
            let fault = if !zinit::is_environment_name(name) {
                format!("`{name}` is no name of an environment variable")
            } else if value.contains('\0') {
                format!("the value of `{name}` holds a zero byte")
            } else {
                continue;
            };
            self.push(
                Diagnostic::error("zosc::check::bad-environment", fault)
                    .at(value.span)
                    .help("names have letters, digits and `_`, and do not start with a digit"),
            );
        }
        let pairs = variables.iter();
        pairs
            .map(|(name, value)| (name.clone(), value.value.clone()))
            .collect()
    }
}
