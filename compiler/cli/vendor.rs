//! `zosc vendor`.

use std::path::{Path, PathBuf};

use crate::apk::Signer;
use crate::diagnostic::Diagnostics;
use crate::repository::{self, Vendored};

use super::repo::Hash;
use super::session::{CANCELLED, Session};
use super::{LockArguments, ManifestOption, Outcome};

/// Writes a local mirror of exactly the packages that zos.lock names.
///
/// It has Alpine's layout. As it is, name it as a further `mirror` of the manifest: builds take from it what the other mirrors lack.
/// With `--key` its indexes are made anew, list what is there and are signed with that key, so that each of its
/// repositories can be named as a `repository`, too.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The mirror's folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    manifest: ManifestOption,
    #[command(flatten)]
    lock: LockArguments,
    /// The private key that signs new indexes; its public half goes to `keys` in the mirror.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Over which hash it signs. apk 2.14 and older expect sha1.
    #[arg(long, value_name = "HASH", default_value = "sha1", requires = "key")]
    hash: Hash,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest.arguments())?;
    let key = arguments.key.as_deref().map(repository::read_key);
    let key = session.settle(key.transpose().map_err(Diagnostics::from))?;
    let signer = key.as_ref().map(|key| Signer {
        key,
        algorithm: arguments.hash.algorithm(),
    });
    let store = session.store()?;
    let inputs = session.inputs(&image, &store, arguments.lock.mode())?;
    session.fetch(&image, &inputs, &store, arguments.lock.offline)?;
    let network = session.network(arguments.lock.offline)?;
    let vendored = repository::vendor(
        &image,
        &inputs.lock,
        &arguments.folder,
        signer,
        &store,
        &*network,
        &CANCELLED,
    );
    let vendored = session.settle(vendored)?;
    if !session.for_people() {
        let line = serde_json::json!({ "mirror": arguments.folder, "repositories": vendored });
        return session.print(&format!("{line}\n"));
    }
    for repository in &vendored {
        session.tell(&format!(
            "{}  {} packages of {}",
            repository.folder.display(),
            repository.packages,
            session.style().faint(&repository.address)
        ));
    }
    session.tell(&next(&arguments.folder, &vendored));
    Ok(())
}

/// How a manifest names the mirror.
fn next(folder: &Path, vendored: &[Vendored]) -> String {
    let written = |path: &Path| {
        let dot = if path.is_absolute() { "" } else { "./" };
        format!("\"{dot}{}\"", path.display())
    };
    let repositories: Vec<String> = vendored
        .iter()
        .map(|repository| format!("repository {}", written(&repository.folder)))
        .collect();
    format!(
        "next: name it behind the other mirrors, mirror {}, or its repositories, {}",
        written(folder),
        repositories.join(" and ")
    )
}
