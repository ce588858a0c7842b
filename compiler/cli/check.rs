//! `zosc check`.

use crate::manifest;
use crate::syntax;

use super::session::Session;
use super::{Failed, ManifestArguments, Outcome};

/// Checks a manifest without building or fetching anything.
///
/// All mistakes are told in one run, each at its place. Exit code 1 means that there is at least one error.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Also print the manifest in this form.
    #[arg(long, value_name = "FORM")]
    emit: Option<Emit>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Emit {
    /// The JSON that `zosc schema` describes.
    Json,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest)?;
    if let Some(Emit::Json) = arguments.emit {
        let (source, text) = session
            .sources
            .iter()
            .next()
            .map(|(id, source)| (id, source.text.clone()))
            .ok_or(Failed)?;
        let mut ignored = crate::diagnostic::Diagnostics::new();
        let document = syntax::parse(source, &text, &mut ignored);
        return session.print(&format!("{:#}\n", manifest::project(&document)));
    }
    let counts = [
        (image.packages.install.len(), "package", "packages"),
        (image.sources.len(), "source", "sources"),
        (image.stage1.len() + image.stage2.len(), "module", "modules"),
        (image.units.len(), "unit", "units"),
        (image.outputs.len(), "output", "outputs"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    session.tell(&format!(
        "{} {}: {}",
        session.style().good("ok"),
        arguments.manifest.manifest.display(),
        counts.join(", ")
    ));
    Ok(())
}
