//! Where to: what the manifest names, or what is typed.

use super::Kind;
use crate::check::{self, AccessKey, Destination, Image, Publish};
use crate::cli::Failed;
use crate::cli::session::Session;
use crate::diagnostic::Diagnostic;
use crate::publish::Wanted;
use crate::source::{Span, Spanned};

/// The places of this kind, or the one that is typed in their stead.
pub(super) fn choose(
    session: &mut Session,
    image: &Image,
    kind: Option<Kind>,
    to: Option<&str>,
    wanted: Wanted,
) -> Result<Vec<Publish>, Failed> {
    let chosen = match (kind, to) {
        // What flists hold goes to their own stores, and so needs no other place.
        (None, _) if !wanted.kernels && !image.flists.is_empty() => Ok(image.publish.clone()),
        (Some(kind), Some(to)) => typed(session, image, kind, to)?.map(|place| vec![place]),
        (kind, _) => named(image, kind),
    };
    session.settle(chosen.map_err(Into::into))
}

impl Kind {
    /// The kind that a place is of.
    fn of(to: &Destination) -> Self {
        match to {
            Destination::S3(_) => Self::S3,
            Destination::Folder(_) => Self::Dir,
            Destination::Registry { .. } => Self::Oci,
        }
    }
}

/// The places that the manifest names.
pub(in crate::cli) fn named(image: &Image, kind: Option<Kind>) -> Result<Vec<Publish>, Diagnostic> {
    let wanted = |place: &&Publish| kind.is_none_or(|kind| kind == Kind::of(&place.to));
    let places: Vec<Publish> = image.publish.iter().filter(wanted).cloned().collect();
    if !places.is_empty() {
        return Ok(places);
    }
    let section = match kind {
        None => "publish",
        Some(Kind::S3) => "publish s3",
        Some(Kind::Dir) => "publish dir",
        Some(Kind::Oci) => "publish oci",
    };
    let problem = Diagnostic::error(
        "zosc::cli::no-place",
        format!("the manifest has no `{section}` section, so nothing says where to"),
    );
    let problem = if image.flists.is_empty() {
        problem
    } else {
        problem.note("`zosc publish --only flists` brings what flists hold to their own stores")
    };
    Err(problem.help("add one, such as `publish dir \"published\"`, or name a place: `zosc publish dir FOLDER`, `zosc publish oci HOST/NAME:TAG`"))
}

/// The place that is typed.
fn typed(
    session: &mut Session,
    image: &Image,
    kind: Kind,
    to: &str,
) -> Result<Result<Publish, Diagnostic>, Failed> {
    let source = session.sources.add("<command line>", to);
    let span = Span::new(source, 0, to.len());
    let bad = |fact: String, help: &str| {
        let problem = Diagnostic::error("zosc::cli::bad-place", fact);
        Ok(Err(problem.at(span).help(help)))
    };
    let to = match kind {
        Kind::S3 => {
            return bad(
                "a bucket is more than one word: endpoint, prefix, region and key belong to it"
                    .to_owned(),
                "describe it in the manifest, `publish s3 bucket=NAME { … }`, and type `zosc publish s3`; `--set publish.s3.bucket=NAME` takes another one",
            );
        }
        Kind::Dir => {
            let folder = check::normal(&session.current_directory()?.join(to));
            Destination::Folder(Spanned::new(folder, span))
        }
        Kind::Oci => {
            if let Some(fault) = check::reference_fault(to) {
                return bad(
                    format!("`{to}` is no repository of a registry: it {fault}"),
                    "write the registry's host, the repository in lowercase and a tag, such as `ghcr.io/example/zos:1.0`",
                );
            }
            Destination::Registry {
                reference: Spanned::new(to.to_owned(), span),
                login: login(image, to),
            }
        }
    };
    Ok(Ok(Publish {
        to,
        kernels: "kernel".to_owned(),
        flists: "flists".to_owned(),
        index_kernels: true,
        span,
    }))
}

/// The login that the manifest names for the same registry.
fn login(image: &Image, to: &str) -> Option<AccessKey> {
    let host = to.split('/').next();
    image.publish.iter().find_map(|place| match &place.to {
        Destination::Registry { reference, login } if reference.split('/').next() == host => {
            login.clone()
        }
        _ => None,
    })
}
