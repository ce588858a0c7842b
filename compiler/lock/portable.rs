//! Addresses below the manifest's folder, written so that the lock can be committed and used from another place.

use std::path::Path;

use super::{Lock, LockedSource, LockedToolchain};
use crate::io::file_address;

/// How the lock writes the manifest's folder.
const HERE: &str = "file:./";

/// The lock as it is written: without the name of the manifest's folder.
pub(super) fn portable(lock: &Lock, directory: &Path) -> Lock {
    moved(lock, &absolute(directory), HERE)
}

/// The lock as it is used: with the addresses of this place.
pub(super) fn placed(lock: &Lock, directory: &Path) -> Lock {
    moved(lock, HERE, &absolute(directory))
}

fn absolute(directory: &Path) -> String {
    // With a slash at its end, which the root has already.
    file_address(&directory.join(""))
}

fn moved(lock: &Lock, from: &str, to: &str) -> Lock {
    let mut lock = lock.clone();
    let change = |url: &mut String| {
        if let Some(rest) = url.strip_prefix(from) {
            *url = format!("{to}{rest}");
        }
    };
    lock.indexes
        .iter_mut()
        .for_each(|index| change(&mut index.url));
    lock.packages
        .iter_mut()
        .flat_map(|package| &mut package.urls)
        .for_each(change);
    for toolchain in lock.toolchains.values_mut() {
        match toolchain {
            LockedToolchain::Alpine {
                indexes, packages, ..
            } => {
                let indexes = indexes.iter_mut().map(|index| &mut index.url);
                let packages = packages.iter_mut().flat_map(|package| &mut package.urls);
                indexes.chain(packages).for_each(change);
            }
            LockedToolchain::Download { url, .. } => change(url),
            LockedToolchain::Image { .. } => {}
        }
    }
    if let Some(source) = &mut lock.kernel_source {
        source.urls.iter_mut().for_each(change);
        source
            .signature
            .iter_mut()
            .for_each(|signature| change(&mut signature.url));
    }
    for source in lock.sources.values_mut() {
        if let LockedSource::Release { url, .. } | LockedSource::Git { url, .. } = source {
            change(url);
        }
    }
    lock
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockedIndex;
    use crate::tree::Digest;

    #[test]
    fn addresses_below_the_folder_move_with_it_and_others_stay() {
        let index = |url: &str| LockedIndex {
            url: url.into(),
            tag: None,
            sha256: Digest::of(b""),
        };
        let lock = Lock {
            indexes: vec![
                index("file:///a/b/repository"),
                index("file:///a/bc/x"),
                index("https://m.example/main"),
            ],
            ..Lock::default()
        };
        let written = portable(&lock, Path::new("/a/b"));
        let urls: Vec<&str> = written
            .indexes
            .iter()
            .map(|index| index.url.as_str())
            .collect();
        assert_eq!(
            urls,
            [
                "file:./repository",
                "file:///a/bc/x",
                "https://m.example/main"
            ]
        );
        assert_eq!(placed(&written, Path::new("/a/b")), lock);
        assert_eq!(
            placed(&written, Path::new("/z/")).indexes[0].url,
            "file:///z/repository"
        );
        let root = placed(&written, Path::new("/"));
        assert_eq!(root.indexes[0].url, "file:///repository");
        let again = portable(&root, Path::new("/"));
        assert_eq!(again.indexes[0].url, "file:./repository");
        let strange = placed(&written, Path::new("/50% off"));
        assert_eq!(strange.indexes[0].url, "file:///50%25%20off/repository");
        assert_eq!(portable(&strange, Path::new("/50% off")), written);
    }
}
