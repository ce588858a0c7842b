//! A mirror of exactly the packages that a lock names.
//!
//! It has the layout of the repositories that they came from, so that a manifest can name it as a further `mirror`, and each of its
//! repositories as a `repository`. Either the original indexes go along, which only vouch for the mirror as a whole, or new ones
//! that list what is there, signed with a key of one's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::apk::{self, IndexEntry, Signer};
use crate::check::{Alpine, Image};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Network;
use crate::lock::{self, Lock, LockedPackage, Wanted, repository_of};
use crate::tree::Store;

use super::files::{self, Outcome, unwritable};

/// Most bytes of an index archive.
const LARGEST_INDEX: u64 = 64 << 20;

/// A repository of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vendored {
    /// Its folder, as a manifest's `repository` node would name it.
    pub folder: PathBuf,
    /// The address that it mirrors.
    pub address: String,
    /// How many packages it has.
    pub packages: usize,
    /// How many files were written; the rest was there already.
    pub written: usize,
}

/// Writes a mirror of the locked packages, which are in the store.
///
/// With a key, its public half goes to `keys` in the mirror, and every index is made anew.
///
/// # Errors
/// `zosc::repository::cannot-write`, `zosc::repository::index-gone`, `zosc::repository::nothing-locked`, and those of damaged
/// packages.
pub fn vendor(
    image: &Image,
    lock: &Lock,
    folder: &Path,
    signer: Option<Signer<'_>>,
    store: &Store,
    network: &dyn Network,
    cancel: &AtomicBool,
) -> Result<Vec<Vendored>, Diagnostics> {
    let Some(alpine) = image.alpine.as_ref() else {
        return Err(nothing_locked().into());
    };
    let all = lock.packages_of(alpine);
    if all.is_empty() {
        return Err(nothing_locked().into());
    }
    let mut problems = Diagnostics::new();
    let mut vendored = Vec::new();
    let places = places(alpine);
    for (number, place) in places.iter().enumerate() {
        let here = |package: &&LockedPackage| repository_of(alpine, package) == number;
        let packages: Vec<&LockedPackage> = all.iter().copied().filter(here).collect();
        let mirror = Mirror {
            image,
            lock,
            store,
            network,
            cancel,
            number,
            address: alpine
                .repositories
                .get(number)
                .and_then(|repository| repository.urls.first())
                .map_or("", String::as_str),
            folder: folder.join(place),
        };
        match mirror.write(&packages, signer) {
            Ok(done) => vendored.push(done),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(signer) = signer {
        let key = folder.join("keys").join(signer.key.name());
        if let Err(problem) = files::bytes(&key, signer.key.public_pem().as_bytes()) {
            problems.push(problem);
        }
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(vendored)
    }
}

/// One repository on its way into a mirror.
struct Mirror<'a> {
    image: &'a Image,
    lock: &'a Lock,
    store: &'a Store,
    network: &'a dyn Network,
    cancel: &'a AtomicBool,
    /// Its place among the manifest's repositories.
    number: usize,
    address: &'a str,
    folder: PathBuf,
}

impl Mirror<'_> {
    fn write(
        &self,
        packages: &[&LockedPackage],
        signer: Option<Signer<'_>>,
    ) -> Result<Vendored, Diagnostic> {
        let mut written = 0;
        let mut entries: BTreeMap<String, IndexEntry> = BTreeMap::new();
        let index_folder = self.folder.join(self.image.arch.name());
        for package in packages {
            files::check_cancelled(self.cancel)?;
            let below = self.below(package);
            let path = self.folder.join(&below);
            let outcome = files::blob(&path, package.sha256, self.store)?;
            written += usize::from(outcome != Outcome::Same);
            if signer.is_some() {
                entries.insert(package.full_name(), self.entry(package)?);
            }
        }
        let index = match signer {
            Some(_) => {
                let entries: Vec<IndexEntry> = entries.into_values().collect();
                apk::write_index(&entries, "vendored by zosc", signer)?
            }
            None => self.original()?,
        };
        std::fs::create_dir_all(&index_folder)
            .map_err(|error| unwritable(&index_folder, &error))?;
        let outcome = files::bytes(&index_folder.join("APKINDEX.tar.gz"), &index)?;
        written += usize::from(outcome != Outcome::Same);
        Ok(Vendored {
            folder: self.folder.clone(),
            address: self.address.to_owned(),
            packages: packages.len(),
            written,
        })
    }

    /// A package's place below its repository: `x86_64/busybox-1.36.1-r15.apk`.
    fn below(&self, package: &LockedPackage) -> String {
        let url = package.urls.first().map_or("", String::as_str);
        let folder = url.rsplit('/').nth(1).filter(|folder| *folder == "noarch");
        let folder = folder.unwrap_or(self.image.arch.name());
        format!("{folder}/{}.apk", package.full_name())
    }

    fn entry(&self, package: &LockedPackage) -> Result<IndexEntry, Diagnostic> {
        let mut blob = self.store.reader(&package.sha256)?;
        let control = apk::read_control(&mut blob, &package.full_name())?;
        let mut info = control.info;
        let folder = self.below(package);
        folder
            .split('/')
            .next()
            .unwrap_or_default()
            .clone_into(&mut info.arch);
        Ok(IndexEntry {
            info,
            identity: control.identity,
            size: package.size,
        })
    }

    /// The index that was locked, from the store or still at one of its addresses.
    fn original(&self) -> Result<Vec<u8>, Diagnostic> {
        let gone = |problem: Diagnostic| {
            problem.notes.into_iter().fold(
                Diagnostic::error(
                    "zosc::repository::index-gone",
                    format!("the index of `{}` that was locked is nowhere any more", self.address),
                ),
                Diagnostic::note,
            )
            .help("sign a new one with a key of your own: `zosc repo key keys/site`, then `zosc vendor DIR --key keys/site.rsa`")
        };
        let repositories = self
            .image
            .alpine
            .iter()
            .flat_map(|alpine| &alpine.repositories);
        let urls = repositories
            .skip(self.number)
            .take(1)
            .flat_map(|repository| &repository.urls)
            .map(|url| format!("{url}/{}/APKINDEX.tar.gz", self.image.arch));
        let urls: Vec<String> = urls.collect();
        let subject = format!("the index of `{}`", self.address);
        let wanted = Wanted {
            subject: &subject,
            urls: &urls,
            sha256: self.lock.indexes.get(self.number).map(|index| index.sha256),
            limit: Some(LARGEST_INDEX),
        };
        let fetched = lock::fetch(wanted, self.store, self.network, &|_| {});
        let (digest, _) = fetched.map_err(gone)?;
        self.store.get(&digest)
    }
}

/// A folder for each repository: `v3.22/main` for those of a release, as on a mirror, else the last part of the address.
fn places(alpine: &Alpine) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for repository in &alpine.repositories {
        let address = repository.urls.first().map_or("", String::as_str);
        let mut parts = address.rsplit('/');
        let name = parts
            .next()
            .filter(|name| !name.is_empty())
            .unwrap_or("repository");
        let branch = parts.next().filter(|branch| {
            let digits = branch.strip_prefix('v').unwrap_or_default();
            matches!(*branch, "edge" | "latest-stable")
                || digits.split_once('.').is_some_and(|(major, minor)| {
                    [major, minor].iter().all(|part| {
                        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
                    })
                })
        });
        let place = branch.map_or_else(|| name.to_owned(), |branch| format!("{branch}/{name}"));
        let taken = |place: &String| places.contains(place);
        let free = (2..).map(|number| format!("{place}-{number}"));
        let place = std::iter::once(place.clone())
            .chain(free)
            .find(|place| !taken(place));
        places.extend(place);
    }
    places
}

fn nothing_locked() -> Diagnostic {
    Diagnostic::error(
        "zosc::repository::nothing-locked",
        "the lock names no packages, so there is nothing to mirror",
    )
    .help("install some in the manifest: `packages { install busybox }`")
}
