//! Locked packages that their repositories have dropped: mirrors keep the newest revision alone.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use crate::apk::index::Index;
use crate::check::Image;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::Store;

use super::indexes::indexes;
use super::{Ctx, Lock, LockedPackage, Mode, Observer, Update};

/// Says of each locked package that is neither in the store nor in a current index what its repositories have instead.
///
/// Asked once a package could not be fetched. Where the indexes cannot be had either, there is nothing to say.
pub fn gone(
    image: &Image,
    lock: &Lock,
    store: &Store,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Diagnostics {
    let ctx = Ctx {
        store,
        mode: Mode {
            update: Update::Everything,
            ..Mode::default()
        },
        observer,
        cancel,
    };
    let Some(alpine) = &image.alpine else {
        return Diagnostics::new();
    };
    let found = super::network(false)
        .map_err(Diagnostics::from)
        .and_then(|network| indexes(&ctx, alpine, image.arch.name(), &Lock::default(), &*network));
    let fetched = found.unwrap_or_default();
    let indexes: Vec<Index<'_>> = fetched
        .iter()
        .filter_map(|index| Index::parse(&index.text).ok())
        .collect();
    let identities: BTreeSet<&str> = indexes
        .iter()
        .flat_map(|index| &index.packages)
        .map(|package| package.identity)
        .collect();
    if identities.is_empty() {
        return Diagnostics::new();
    }
    lock.packages_of(alpine)
        .into_iter()
        .filter(|package| !store.contains(&package.sha256))
        .filter(|package| !identities.contains(package.identity.as_str()))
        .map(|package| dropped(package, &indexes))
        .collect()
}

fn dropped(package: &LockedPackage, indexes: &[Index<'_>]) -> Diagnostic {
    let LockedPackage { name, version, .. } = package;
    let newest = indexes
        .iter()
        .flat_map(|index| &index.packages)
        .filter(|candidate| candidate.name == *name)
        .map(|candidate| candidate.version)
        .max_by(|one, other| crate::apk::version::compare(one, other));
    let message = match newest {
        Some(newest) => {
            format!("`{name}` {version} is gone from its repository, which has {newest} now")
        }
        None => format!(
            "`{name}` {version} is gone from its repository, which has no `{name}` any more"
        ),
    };
    let advice = match newest {
        Some(_) => format!(
            "`zosc update {name}` takes the new one; to keep the old one, name a mirror that has it (`zosc vendor` makes one) behind the others"
        ),
        None => "name a mirror or a repository that still has it, or take it out of the manifest"
            .to_owned(),
    };
    Diagnostic::error("zosc::lock::gone", message).help(advice)
}
