//! `zosc repo pack`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::apk::Signer;
use crate::check::Arch;
use crate::cli::session::{CANCELLED, Session};
use crate::cli::{Failed, Outcome};
use crate::diagnostic::bytes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::repository::{self, Outcome as Written, Packed, Settings};

use super::{SigningArguments, word};

/// Makes the packages that a recipe describes, signed, below a repository's folder.
///
/// A recipe is a KDL text; `docs/recipe.md` describes it. The same recipe, files and key give the same bytes. Write the index anew
/// afterwards: `zosc repo index DIR --key FILE`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The recipe.
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// The repository's folder; packages go to a folder below it that is named after their processor.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// The processor of packages that name none, and the folder of those that are for any.
    #[arg(long, value_name = "ARCH", default_value = "x86_64", value_parser = arches())]
    arch: Arch,
    #[command(flatten)]
    signing: SigningArguments,
}

/// Processors by name.
fn arches() -> impl TypedValueParser<Value = Arch> {
    let names = PossibleValuesParser::new(Arch::ALL.map(Arch::name));
    names.map(|name| Arch::named(&name).unwrap_or_default())
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let current_directory = session.current_directory()?;
    let settings = Settings {
        current_directory,
        source_date_epoch: io::environment("SOURCE_DATE_EPOCH"),
        arch: arguments.arch,
    };
    let mut problems = Diagnostics::new();
    let requests = repository::read_recipe(
        &arguments.recipe,
        &settings,
        &io::System,
        &mut session.sources,
        &mut problems,
    );
    if !problems.is_empty() {
        session.report(&problems);
    }
    let requests = requests.ok_or(Failed)?;
    let key = repository::read_key(&arguments.signing.key).map_err(Diagnostics::from);
    let key = session.settle(key)?;
    let signer = Signer {
        key: &key,
        algorithm: arguments.signing.hash.algorithm(),
    };
    let store = session.store()?;
    let (mut packed, mut problems) = (Vec::new(), Diagnostics::new());
    for request in &requests {
        match repository::pack(request, &arguments.output, signer, &store, &CANCELLED) {
            Ok(package) => {
                if package.outcome == Written::Replaced {
                    problems.push(replaced(&package));
                }
                packed.push(package);
            }
            Err(problem) => problems.push(problem),
        }
    }
    conclude(session, &packed)?;
    let failed = problems.has_errors();
    if !problems.is_empty() {
        session.report(&problems);
    }
    if failed {
        return Err(Failed);
    }
    session.tell(&format!(
        "next: zosc repo index {} --key {}",
        arguments.output.display(),
        arguments.signing.key.display()
    ));
    Ok(())
}

/// Locks and caches take a version for one content.
fn replaced(package: &Packed) -> Diagnostic {
    Diagnostic::warning(
        "zosc::repository::same-version",
        format!(
            "`{}` was there with another content",
            package.full_name
        ),
    )
    .help("raise the release (`-r1`) once a version has been published: a lock that names the old content refuses the new one")
}

fn conclude(session: &Session, packed: &[Packed]) -> Outcome {
    if session.for_people() {
        for package in packed {
            session.tell(&format!(
                "{:>10} {}  {}",
                bytes(package.size),
                package.path.display(),
                session.style().faint(word(package.outcome))
            ));
        }
        return Ok(());
    }
    let packages = packed.iter().map(|package| {
        serde_json::json!({
            "package": package.full_name, "path": package.path, "sha256": package.digest, "size": package.size,
            "file": word(package.outcome),
        })
    });
    let line = serde_json::json!({ "packed": packages.collect::<Vec<_>>() });
    session.print(&format!("{line}\n"))
}
