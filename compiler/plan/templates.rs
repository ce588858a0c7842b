//! Variables in names of outputs and in texts beside them, with the values that a lock gives them.

use crate::check::{GitRevision, Image, KernelOrigin, SourceOrigin};
use crate::lock::{Lock, LockedSource};

/// Fills a text's variables in. One that is not known, or that the lock has no value for, stays as it is; `check` has refused the former.
pub fn filled(template: &str, image: &Image, lock: &Lock) -> String {
    let mut text = template
        .replace("{version}", &image.version)
        .replace("{name}", &image.name)
        .replace("{arch}", image.arch.name());
    if let Some(kernel) = &lock.kernel {
        text = text.replace("{kernel}", &kernel.release);
    }
    if let Some(KernelOrigin::Built(kernel)) = image.kernel.as_ref().map(|kernel| &kernel.from) {
        text = text.replace("{localversion}", &kernel.localversion);
    }
    for source in &image.sources {
        let locked = lock.sources.get(&source.name.value);
        let (version, revision) = match (&source.from, locked) {
            (SourceOrigin::Crate { version, .. }, _) => {
                (version.value.as_str(), version.value.clone())
            }
            (SourceOrigin::Release { .. }, Some(LockedSource::Release { sha256, .. })) => {
                ("", sha256.short())
            }
            (SourceOrigin::Git { revision, .. }, Some(LockedSource::Git { commit, .. })) => {
                let version = match &revision.value {
                    GitRevision::Tag(tag) | GitRevision::Named(tag) => tag.as_str(),
                    GitRevision::Commit(_) | GitRevision::Branch(_) => "",
                };
                (version, commit.get(..12).unwrap_or(commit).to_owned())
            }
            _ => continue,
        };
        let source = &source.name.value;
        text = text
            .replace(&format!("{{source.{source}.version}}"), version)
            .replace(&format!("{{source.{source}.rev}}"), &revision);
    }
    text
}
