//! `zosc repo key`.

use std::path::PathBuf;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::diagnostic::Diagnostics;
use crate::repository;

/// Makes a key pair: NAME.rsa, which signs, and NAME.rsa.pub, which manifests name.
///
/// Keep the private half to yourself and out of version control; whoever has it can sign packages that your images install. Nothing is
/// ever overwritten.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The pair's name, with a folder where it is to go: `keys/site`.
    #[arg(value_name = "NAME")]
    name: PathBuf,
    /// Its size.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(2048..=8192))]
    bits: u32,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let made = repository::make_key_pair(&arguments.name, arguments.bits);
    let files = session.settle(made.map_err(Diagnostics::from))?;
    if !session.for_people() {
        let line = serde_json::json!({ "private": files.private, "public": files.public });
        return session.print(&format!("{line}\n"));
    }
    let (private, public) = (files.private.display(), files.public.display());
    session.tell(&format!("{private}  signs; keep it to yourself"));
    session.tell(&format!("{public}  goes into manifests: key \"{public}\""));
    Ok(())
}
