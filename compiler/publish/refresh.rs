//! Makes the index of a place anew from its listing, so that publishers who meet there lose nothing of each other.
//!
//! `kernels.json` is what everybody agrees on: it is read with its version, the folder is listed after that, and it is written only if it is
//! still in that version. Whoever comes too late begins again, and then sees what the other one has brought. The other two files follow from
//! it; whoever wrote them looks again whether `kernels.json` is still the one that they belong to. Where a server keeps no conditions, the
//! folder is listed once more as well, until nothing has changed meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use super::description::{self, Description};
use super::index::{self, Index, Listed};
use super::objects::{Condition, Facts, Objects, Put};
use super::uploads::below;
use super::{page, side_by_side};
use crate::diagnostic::Diagnostic;

/// How often it is tried.
const ATTEMPTS: u32 = 24;

/// How long one who came too late waits, for each time that happened.
const PAUSE: Duration = Duration::from_millis(60);

/// The index of a place as it is now.
pub(super) struct Refreshed {
    pub(super) index: Index,
    /// Whether it had to be written.
    pub(super) is_new: bool,
}

/// What the index of a folder would be now, and the text of the one that is there.
pub(super) fn look(objects: &Objects<'_>, folder: &str) -> Result<Index, Diagnostic> {
    let there = objects.get(&below(folder, index::JSON), index::LARGEST)?;
    current(
        objects,
        folder,
        there.as_ref().map_or(&[], |(text, _)| text),
    )
}

/// Writes the index of a folder, if it is not there as it should be.
pub(super) fn refresh(objects: &Objects<'_>, folder: &str) -> Result<Refreshed, Diagnostic> {
    let key = below(folder, index::JSON);
    let mut is_new = false;
    for attempt in 0..ATTEMPTS {
        std::thread::sleep(PAUSE * attempt.min(10));
        let there = objects.get(&key, index::LARGEST)?;
        let (text, condition) = match there {
            Some((text, version)) => (text, Condition::Matches(version)),
            None => (Vec::new(), Condition::Absent),
        };
        let index = current(objects, folder, &text)?;
        let json = index.json();
        let mut put = Put::Done;
        if text != json.as_bytes() {
            is_new = true;
            let facts = media("application/json");
            put = objects.put(&key, json.as_bytes(), &condition, &facts)?;
        }
        if put == Put::Refused {
            continue;
        }
        is_new |= write_rest(objects, folder, &index)?;
        let is_settled = match put {
            Put::Unconditional => current(objects, folder, json.as_bytes())?.json() == json,
            _ => true,
        };
        let now = objects.get(&key, index::LARGEST)?;
        if is_settled && now.is_some_and(|(now, _)| now == json.as_bytes()) {
            return Ok(Refreshed { index, is_new });
        }
    }
    Err(contested(objects, folder))
}

/// What the folder's listing makes, with the descriptions read that an earlier index does not have.
fn current(objects: &Objects<'_>, folder: &str, earlier: &[u8]) -> Result<Index, Diagnostic> {
    let listing = listing(objects, folder)?;
    let mut index = Index::of(&listing, &Index::read(earlier));
    let read = side_by_side::each(&index.unread(), |name| {
        let key = below(folder, &format!("{name}{}", description::ENDING));
        let text = objects.get(&key, description::LARGEST)?;
        let read = text.and_then(|(text, _)| Description::read(&text));
        Ok(read.map(|read| (name.clone(), read)))
    })?;
    let read: BTreeMap<String, Description> = read.into_iter().flatten().collect();
    index.describe(read);
    Ok(index)
}

fn listing(objects: &Objects<'_>, folder: &str) -> Result<Vec<Listed>, Diagnostic> {
    let prefix = match folder {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    let found = objects.list(&prefix)?.into_iter();
    let listed = found.filter_map(|object| {
        Some(Listed {
            name: object.key.strip_prefix(&prefix)?.to_owned(),
            size: object.size,
            modified: object.modified.as_millisecond(),
            tag: object.version.map(|version| version.to_string()),
        })
    });
    Ok(listed.collect())
}

/// The list of names and the page; says whether one of them was another.
fn write_rest(objects: &Objects<'_>, folder: &str, index: &Index) -> Result<bool, Diagnostic> {
    let files = [
        (index::TEXT, index.text(), "text/plain; charset=utf-8"),
        (page::NAME, page::page(index), "text/html; charset=utf-8"),
    ];
    let mut written = false;
    for (name, text, kind) in files {
        let key = below(folder, name);
        let there = objects.head(&key)?;
        let there = match there {
            Some(there) if there.size == text.len() as u64 => objects.get(&key, index::LARGEST)?,
            _ => None,
        };
        if there.is_none_or(|(there, _)| there != text.as_bytes()) {
            objects.put(&key, text.as_bytes(), &Condition::Always, &media(kind))?;
            written = true;
        }
    }
    Ok(written)
}

fn media(kind: &str) -> Facts {
    Facts::of(kind).volatile()
}

fn contested(objects: &Objects<'_>, folder: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::index-contested",
        format!(
            "the index `{}` of {} was another one each time it was to be written",
            below(folder, index::JSON),
            objects.name()
        ),
    )
    .help("what was published is there, and the index has it with the next `zosc publish`; see who else writes there all the time")
}
