//! Why something is in an image: the whole chain, back to the place in the manifest that asked for it.
//!
//! Comes in: an image with its locked inputs and plan, what the store has of it, and a name: of a path, package, module,
//! firmware file, unit, account or source. Goes out: an [`Answer`] for each thing of that name. Nothing is fetched or built:
//! what only a build can tell is named as such.

mod modules;
mod packages;
mod paths;
mod sources;
mod units;

use crate::build::Status;
use crate::check::Image;
use crate::diagnostic::{Diagnostic, nearest};
use crate::lock::{Inputs, ResolvedPackage};
use crate::plan::{Input, Plan};
use crate::source::Span;
use crate::tree::{ImagePath, Store, Tree};

/// What is known of an image.
pub struct Known<'a> {
    /// What the manifest asks for.
    pub image: &'a Image,
    /// What the lock has.
    pub inputs: &'a Inputs,
    /// How it is built.
    pub plan: &'a Plan,
    /// What is stored of that.
    pub status: &'a [Status],
    /// Its packages with who needs them, where the indexes are at hand.
    pub packages: Option<&'a [ResolvedPackage]>,
    /// Its files with their origins, where it was built.
    pub tree: Option<&'a Tree>,
    /// The store.
    pub store: &'a Store,
}

/// What there is to say about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `path`, `package`, `module`, `firmware`, `unit`, `account`, `group` or `source`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The chain, from the thing to what asked for it.
    pub links: Vec<Link>,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it says.
    pub text: String,
    /// Where the manifest says so.
    pub site: Option<Span>,
}

impl Answer {
    fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            links: Vec::new(),
        }
    }

    fn say(&mut self, text: impl Into<String>) {
        self.at(text, None);
    }

    fn at(&mut self, text: impl Into<String>, site: impl Into<Option<Span>>) {
        self.links.push(Link {
            text: text.into(),
            site: site.into(),
        });
    }
}

impl Known<'_> {
    /// A tree that an action yields or that is known, where the store has it.
    fn tree_of(&self, input: &Input) -> Option<Tree> {
        let digest = match input {
            Input::Known(digest) => *digest,
            Input::Output(id) => match self.status.get(id.0 as usize)? {
                Status::Cached(digest) => *digest,
                Status::Stale(_) => return None,
            },
        };
        self.store.get_tree(&digest).ok()
    }

    fn site(&self, name: &str) -> Option<Span> {
        self.plan.sites.get(name).copied()
    }
}

/// Says why something is in an image.
///
/// # Errors
/// `zosc::why::nothing-known` where nothing has that name.
pub fn why(known: &Known<'_>, asked: &str) -> Result<Vec<Answer>, Diagnostic> {
    let mut answers = Vec::new();
    if asked.starts_with('/') {
        answers.extend(paths::path(known, asked));
    } else {
        answers.extend(packages::package(known, asked));
        answers.extend(units::unit(known, asked));
        answers.extend(modules::module(known, asked));
        answers.extend(modules::firmware(known, asked));
        answers.extend(sources::source(known, asked));
        answers.extend(sources::accounts(known, asked));
        if answers.is_empty() && asked.contains('/') {
            answers.extend(paths::path(known, &format!("/{asked}")));
        }
    }
    if answers.is_empty() {
        return Err(nothing(known, asked));
    }
    Ok(answers)
}

fn nothing(known: &Known<'_>, asked: &str) -> Diagnostic {
    let problem = Diagnostic::error(
        "zosc::why::nothing-known",
        format!("nothing in the image is called `{asked}`"),
    );
    let paths = known.tree.into_iter().flat_map(Tree::iter);
    let paths = paths.map(|(path, _)| path.as_str());
    let is_path = asked.starts_with('/');
    let near = if is_path {
        nearest(asked, paths)
    } else {
        nearest(asked, names(known))
    };
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if is_path && known.tree.is_none() => {
            problem.help("files are known once the image is built: run `zosc build`")
        }
        None => problem.help(
            "name a path (`/usr/bin/env`), package, module, firmware file, unit, account or source of the image",
        ),
    }
}

/// The names of all that the manifest and the lock have.
fn names<'a>(known: &Known<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let (image, lock) = (known.image, &known.inputs.lock);
    let packages = lock.packages.iter().map(|package| package.name.as_str());
    let units = image.units.iter().map(|unit| unit.unit.name.as_str());
    let modules = image.stage1.iter().chain(&image.stage2);
    let modules = modules.map(|module| module.name.value.as_str());
    let sources = image
        .sources
        .iter()
        .map(|source| source.name.value.as_str());
    let accounts = image
        .accounts
        .iter()
        .map(|account| account.name.value.as_str());
    packages
        .chain(units)
        .chain(modules)
        .chain(sources)
        .chain(accounts)
}

/// The path that a text means.
fn image_path(text: &str) -> Option<ImagePath> {
    ImagePath::new(text).ok()
}

#[cfg(test)]
mod tests;
