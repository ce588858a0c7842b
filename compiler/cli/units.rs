//! `zosc units`.

mod detail;
mod drawing;
mod tree;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::check::Image;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::zinit::{self, BootOrder, Dialect, Start};

use super::session::Session;
use super::{Failed, ManifestArguments, Outcome};

/// Shows the order in which the image's units start, what each waits for, and why.
///
/// Units of one wave start side by side. With names of units, only those are shown, and what hangs on them.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The manifest; left out, `zos.kdl`.
    #[arg(value_name = "MANIFEST")]
    manifest: Option<PathBuf>,
    /// Units to tell more about.
    #[arg(value_name = "UNIT")]
    units: Vec<String>,
    /// Sets a value of the manifest for this run: `--set kernel.version=6.12.50`. May be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// How the order is printed.
    #[arg(long, value_name = "FORMAT", default_value = "tree")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people: each unit below the one that it waits for longest.
    Tree,
    /// A graph for Graphviz.
    Dot,
    /// A flowchart for Mermaid, which Markdown pages show.
    Mermaid,
    /// One JSON document.
    Json,
}

/// The document of `--format json`.
///
/// Members are added and never change their meaning.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// The image's name.
    image: &'a str,
    /// The form of the unit files: `yaml` for zinit 0.2, `toml` for 0.3; `null` where there are no units.
    dialect: Option<Dialect>,
    /// How many waves there are.
    waves: usize,
    /// The units by wave, those of one wave by name.
    units: Vec<Placed<'a>>,
}

/// A unit and where it is written.
#[derive(Debug, Serialize)]
struct Placed<'a> {
    /// Its place in the order.
    #[serde(flatten)]
    start: &'a Start,
    /// The file that it is written in, or the module of the library: `std:zero-os/network`.
    file: String,
    /// The line there, from 1.
    line: usize,
}

impl Placed<'_> {
    /// The place as people write it.
    fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let (manifest, wanted) = split(arguments);
    let image = session.image(&ManifestArguments {
        manifest,
        set: arguments.set.clone(),
    })?;
    let order = order(session, &image)?;
    known(session, &order, &wanted)?;
    let report = report(session, &image, &order, &wanted);
    let style = session.output_style();
    session.print(&match arguments.format {
        Format::Tree if wanted.is_empty() => tree::tree(&report, &order, style),
        Format::Tree => detail::details(&image, &report, &order, &wanted, style),
        Format::Dot => drawing::dot(&report),
        Format::Mermaid => drawing::mermaid(&report),
        Format::Json => match serde_json::to_string_pretty(&report) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("reports are plain data: {error}"),
        },
    })
}

/// The manifest and the units: a first word that is no path and no file is a unit.
fn split(arguments: &Arguments) -> (PathBuf, Vec<String>) {
    let mut units = arguments.units.clone();
    let default = || PathBuf::from("zos.kdl");
    let Some(first) = &arguments.manifest else {
        return (default(), units);
    };
    let is_path = |path: &Path| {
        path.components().count() > 1 || path.extension().is_some_and(|end| end == "kdl")
    };
    match first.to_str() {
        Some(name) if !is_path(first) && zinit::is_unit_name(name) && !first.exists() => {
            units.insert(0, name.to_owned());
            (default(), units)
        }
        _ => (first.clone(), units),
    }
}

fn order(session: &Session, image: &Image) -> Result<BootOrder, Failed> {
    let units: Vec<zinit::Unit> = image.units.iter().map(|unit| unit.unit.clone()).collect();
    // Without units any dialect will do.
    let dialect = image.dialect.unwrap_or(Dialect::Toml);
    let rings = match zinit::order(&units, dialect) {
        Ok(order) => return Ok(order),
        Err(rings) => rings,
    };
    // The check refuses rings, so this is not reached by any manifest.
    let problem = |ring: &zinit::Cycle| {
        let fact = format!(
            "units wait for one another: `{}`",
            ring.path().join("` → `")
        );
        Diagnostic::error("zosc::check::unit-cycle", fact)
    };
    session.settle(Err(rings.iter().map(problem).collect()))
}

/// Refuses names of no unit.
fn known(session: &Session, order: &BootOrder, wanted: &[String]) -> Outcome {
    let unknown = |name: &&String| order.find(name).is_none();
    let problem = |name: &String| {
        let fact = format!("the image has no unit `{name}`");
        let problem = Diagnostic::error("zosc::cli::unknown-unit", fact);
        let names = order.units.iter().map(|start| start.unit.as_str());
        match nearest(name, names) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("`zosc units` without a name shows them all"),
        }
    };
    let problems: Diagnostics = wanted.iter().filter(unknown).map(problem).collect();
    session.settle(if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    })
}

/// All units, or those that are wanted with all that they wait for and all that waits for them.
fn report<'a>(
    session: &Session,
    image: &'a Image,
    order: &'a BootOrder,
    wanted: &[String],
) -> Report<'a> {
    let mut shown: Vec<&Start> = Vec::new();
    for name in wanted {
        shown.extend(order.find(name));
        shown.extend(order.before(name));
        shown.extend(order.behind(name));
    }
    let is_shown = |start: &&Start| wanted.is_empty() || shown.contains(start);
    let units = order.units.iter().filter(is_shown).map(|start| {
        let unit = image.units.iter().find(|unit| unit.unit.name == start.unit);
        let source = unit.and_then(|unit| session.sources.get(unit.span.source));
        Placed {
            start,
            file: source.map_or_else(String::new, |source| source.name.clone()),
            line: unit.map_or(0, |unit| session.sources.position(unit.span).line),
        }
    });
    Report {
        image: &image.name,
        dialect: image.dialect,
        waves: order.waves,
        units: units.collect(),
    }
}
