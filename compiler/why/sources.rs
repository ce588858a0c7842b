//! Why a component, an account or a group is in the image.

use crate::lock::LockedSource;

use super::{Answer, Known};

/// What there is to say about a component from outside Alpine.
pub(super) fn source(known: &Known<'_>, asked: &str) -> Option<Answer> {
    let mut sources = known.image.sources.iter();
    let source = sources.find(|source| source.name.value == asked)?;
    let mut answer = Answer::new("source", asked);
    answer.at("the manifest has it", source.name.span);
    let locked = known.inputs.lock.sources.get(asked);
    answer.say(match locked {
        Some(LockedSource::Git {
            url,
            commit,
            revision,
            ..
        }) => {
            format!("the lock has {revision} of {url} as commit {commit}")
        }
        Some(LockedSource::Crate { name, version, .. }) => {
            format!("the lock has the crate {name} {version}")
        }
        Some(LockedSource::Release { url, sha256, .. }) => {
            format!("the lock has {url} with sha256 {sha256}")
        }
        None => "it is a folder of this machine, which counts by its content".to_owned(),
    });
    if let Some(build) = &source.build {
        let text = format!("it is built in the toolchain `{}`", build.toolchain);
        answer.at(text, build.span);
    }
    for file in &source.install {
        answer.at(format!("it brings {}", file.to.value), file.to.span);
    }
    Some(answer)
}

/// What there is to say about an account and a group.
pub(super) fn accounts(known: &Known<'_>, asked: &str) -> Vec<Answer> {
    let accounts = known.image.accounts.iter();
    let accounts = accounts.map(|account| ("account", &account.name));
    let groups = known
        .image
        .groups
        .iter()
        .map(|group| ("group", &group.name));
    let found = accounts
        .chain(groups)
        .filter(|(_, name)| name.value == asked);
    found
        .map(|(kind, name)| {
            let mut answer = Answer::new(kind, asked);
            answer.at("the manifest has it", name.span);
            answer
        })
        .collect()
}
