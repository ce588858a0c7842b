//! `zosc repo index`.

use std::path::{Path, PathBuf};

use crate::apk::Signer;
use crate::cli::Outcome;
use crate::cli::progress::Progress;
use crate::cli::session::{CANCELLED, Session};
use crate::diagnostic::Diagnostics;
use crate::lock::{Event, Observer as _};
use crate::repository;

use super::{SigningArguments, word};

/// Writes the signed index of a repository: APKINDEX.tar.gz, in each architecture's folder.
///
/// Every package is read through first, with the checks that a build makes: a signed index vouches for what it lists. The same
/// packages and key give the same index.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The repository's folder, as a manifest's `repository` node names it; packages lie below it in folders named after their processors.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    signing: SigningArguments,
    /// What the repository is, in one line; apk shows it.
    #[arg(long, value_name = "TEXT", default_value = "made by zosc")]
    description: String,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let key = repository::read_key(&arguments.signing.key).map_err(Diagnostics::from);
    let key = session.settle(key)?;
    let signer = Signer {
        key: &key,
        algorithm: arguments.signing.hash.algorithm(),
    };
    let store = session.store()?;
    let progress = Progress::new(session);
    let label = "packages";
    let told = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        progress.event(label, Event::Progress(&name));
    };
    progress.event(label, Event::Started);
    let indexed = repository::index(
        &arguments.folder,
        &arguments.description,
        signer,
        &store,
        &told,
        &CANCELLED,
    );
    progress.event(label, Event::Finished);
    progress.finish();
    let indexed = session.settle(indexed)?;
    if session.for_people() {
        for index in &indexed {
            let (count, outcome) = (index.packages, word(index.outcome));
            let noun = if count == 1 { "package" } else { "packages" };
            session.tell(&format!(
                "{}  {count} {noun}, {}",
                index.path.display(),
                session.style().faint(outcome)
            ));
        }
        return Ok(());
    }
    let lines = indexed.iter().map(|index| {
        serde_json::json!({
            "path": index.path, "packages": index.packages, "file": word(index.outcome),
        })
    });
    let line = serde_json::json!({ "indexed": lines.collect::<Vec<_>>() });
    session.print(&format!("{line}\n"))
}
