//! `zosc doctor`.

use std::path::{Path, PathBuf};

use crate::build::executor::Choice;
use crate::check::Image;
use crate::doctor::{self, Asked, Finding, Report, Section, State, ThisMachine};
use crate::io::Resume;

use super::page::{Cell, Page, Tone};
use super::session::{CANCELLED, Session};
use super::{Failed, Format, ManifestArguments, Outcome};

/// Says what this machine can do for builds, what is missing, and the command that installs it.
///
/// What can be tried is tried: the sandbox and the container engines run a command. With a manifest, which is the one here where there
/// is one, only what it needs counts, and exit code 1 says that something of it is missing. Without one, everything is told, and
/// exit code 1 says that nothing here runs foreign code. Nothing is installed, and without `--network` nobody is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The manifest that is to be built. Default: zos.kdl, where there is one.
    #[arg(value_name = "MANIFEST")]
    manifest: Option<PathBuf>,
    /// Sets a value of the manifest for this run. May be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Tell everything about this machine, also what the manifest does not need.
    #[arg(long)]
    all: bool,
    /// Ask the manifest's repositories whether they answer, and the server of remote execution where one is configured.
    #[arg(long)]
    network: bool,
    /// How the result is printed; `--message-format json` means `json`, too.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// The manifest of a folder.
const USUAL: &str = "zos.kdl";

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let named = arguments.manifest.clone();
    // A value that is set is one of a manifest, so that one must be there.
    let has_one = || !arguments.set.is_empty() || Path::new(USUAL).is_file();
    let here = || has_one().then(|| PathBuf::from(USUAL));
    let manifest = named.or_else(here).map(|manifest| ManifestArguments {
        manifest,
        set: arguments.set.clone(),
    });
    let image = manifest.as_ref().map(|manifest| session.image(manifest));
    let image = image.transpose()?;
    let (executor, mut further) = remote(session, arguments.network)?;
    if arguments.network {
        further.extend(mirrors(session, image.as_ref())?);
    }
    let asked = Asked {
        image: image.as_ref(),
        everything: arguments.all,
        executor,
        store: session.store_path(),
    };
    let machine = ThisMachine { cancel: &CANCELLED };
    let report = doctor::look(&machine, &asked, further);
    if arguments.format == Format::Json || !session.for_people() {
        let text = serde_json::to_string_pretty(&report);
        session.print(&format!("{}\n", text.expect("a report is plain data")))?;
    } else {
        let name = manifest.map(|manifest| manifest.manifest.display().to_string());
        session.print(&human(session, &report, name.as_deref()))?;
    }
    if report.ready { Ok(()) } else { Err(Failed) }
}

/// Who runs commands, and what there is to say of a server that is configured.
#[cfg(feature = "remote")]
fn remote(session: &Session, asks: bool) -> Result<(Choice, Vec<Finding>), Failed> {
    use super::running::{configured, ready};
    use crate::remote::Client;

    let (executor, server) = configured(session)?;
    let Some((server, sources)) = server else {
        return Ok((executor, Vec::new()));
    };
    let address = server.address.clone();
    if !asks {
        let fact = "is configured; `--network` asks it";
        let finding = Finding::aside(Section::Remote, address, fact);
        return Ok((executor, vec![finding]));
    }
    let settings = ready(session, &server, &sources)?;
    let finding = match Client::connect(&settings, &CANCELLED) {
        Ok(client) => {
            let fact = format!("answers with protocol {}", client.abilities().api);
            Finding::works(Section::Remote, address, fact)
        }
        Err(failure) => Finding::missing(Section::Remote, address, failure.problem.message)
            .remedy("`zosc remote check` says more"),
    };
    Ok((executor, vec![finding]))
}

/// Who runs commands.
#[cfg(not(feature = "remote"))]
fn remote(session: &Session, _asks: bool) -> Result<(Choice, Vec<Finding>), Failed> {
    Ok((super::running::configured_executor(session)?, Vec::new()))
}

/// Whether each repository of a manifest has an index at one of its addresses.
fn mirrors(session: &Session, image: Option<&Image>) -> Result<Vec<Finding>, Failed> {
    let Some(image) = image else {
        let fact = "no manifest names any";
        return Ok(vec![Finding::aside(Section::Network, "repositories", fact)]);
    };
    let network = session.network(false)?;
    let repositories = image.alpine.iter().flat_map(|alpine| &alpine.repositories);
    let findings = repositories.map(|repository| {
        let mut last = None;
        for url in &repository.urls {
            let index = format!("{url}/{}/APKINDEX.tar.gz", image.arch);
            match network.open(&index, Resume::default()) {
                Ok(_) => return Finding::works(Section::Network, url, "has an index"),
                Err(failure) => last = Some((url, failure)),
            }
        }
        let (url, why) = last.map_or((String::new(), String::new()), |(url, failure)| {
            (url.clone(), failure.to_string())
        });
        Finding::missing(Section::Network, url, why)
            .remedy("try another mirror, or see whether this machine needs a proxy: `HTTPS_PROXY`")
    });
    Ok(findings.collect())
}

fn human(session: &Session, report: &Report, manifest: Option<&str>) -> String {
    let mut page = Page::new(session.output_style());
    let names = report
        .findings
        .iter()
        .map(|finding| finding.name.chars().count());
    let width = names.max().unwrap_or_default().min(34);
    let mut section = None;
    for finding in &report.findings {
        if section != Some(finding.section) {
            section = Some(finding.section);
            page.head(finding.section.title(), "");
        }
        page.row(2, &row(finding, width));
    }
    if let Some(install) = &report.install {
        page.head("one command for all of it", "");
        page.row(2, &[Cell::new(Tone::Verb, install)]);
    }
    let missing = report
        .findings
        .iter()
        .filter(|it| it.state == State::Missing);
    let missing = missing.count();
    let verdict = match (report.ready, manifest) {
        (true, Some(name)) => format!("this machine has all that `{name}` needs"),
        (false, Some(name)) => format!("`{name}` needs {missing} more of this machine"),
        (true, None) => "builds can run foreign code here".to_owned(),
        (false, None) => {
            "nothing here runs foreign code: neither the sandbox nor a container engine works"
                .to_owned()
        }
    };
    let style = session.output_style();
    let word = if report.ready {
        style.good("ok")
    } else {
        style.bad("no")
    };
    format!("{}\n{word} {verdict}\n", page.finish())
}

/// One line: how it is, what it is, the fact, what to do, who needs it.
fn row(finding: &Finding, width: usize) -> Vec<Cell> {
    let mark = match finding.state {
        State::Works => Cell::new(Tone::Good, "✓"),
        State::Missing => Cell::new(Tone::Bad, "✗"),
        State::Aside => Cell::faint("–"),
    };
    let name = format!("{:<width$}", finding.name);
    let fact = match finding.state {
        State::Aside => Cell::faint(&finding.fact),
        _ => Cell::plain(&finding.fact),
    };
    let mut cells = vec![mark, Cell::plain(name), fact];
    if let Some(remedy) = &finding.remedy {
        cells.push(Cell::new(Tone::Verb, remedy));
    }
    if !finding.needed_by.is_empty() {
        cells.push(Cell::faint(format!("({})", finding.needed_by.join(", "))));
    }
    cells
}
