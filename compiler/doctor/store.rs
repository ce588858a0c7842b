//! Whether the store has a place that takes what it needs.

use std::path::Path;

use crate::diagnostic::bytes;

use super::looking::Looking;
use super::report::{Finding, Section};

/// With less room than this, a build of any size ends with a full disk.
const LITTLE: u64 = 2 << 30;

/// Every image needs it.
pub(super) fn look(looking: &mut Looking<'_>, folder: &Path) {
    let shown = folder.display().to_string();
    let place = looking.machine.place(folder);
    let kind = place
        .file_system
        .map_or_else(String::new, |kind| format!(" on {kind}"));
    let finding = match (&place.writing, &place.disk) {
        (Err(error), _) => Finding::missing(
            Section::Store,
            "place",
            format!("{shown}{kind} takes no files and links: {error}"),
        )
        .remedy("`--store DIR` or ZOSC_STORE names another place"),
        (Ok(()), Some(disk)) if disk.free < LITTLE => Finding::missing(
            Section::Store,
            "place",
            format!("{shown}{kind}, and only {} are free", bytes(disk.free)),
        )
        .remedy(
            "`zosc store gc --keep 1` makes room; `--store DIR` or ZOSC_STORE names another place",
        ),
        (Ok(()), disk) => {
            let free = disk
                .as_ref()
                .map(|disk| format!(", {} are free", bytes(disk.free)));
            let fact = format!("{shown}{kind}{}", free.unwrap_or_default());
            Finding::works(Section::Store, "place", fact)
        }
    };
    looking.add_anyway(finding);
}
