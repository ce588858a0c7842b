//! Renaming, as a client asks for it: whether something has a name that can change, and the change.

use std::path::Path;

use super::edit::Changes;
use super::names::{Edits, Names, rename, renameable};
use super::places::{here, names};
use super::project::settings;
use super::protocol as lsp;
use super::text::Text;
use super::view::View;
use crate::check::{self, Location};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Files, Overlay};
use crate::source::SourceMap;

/// Tells a client about it.
pub(super) fn offer(offers: &mut lsp::ServerCapabilities, client: &super::client::Client) {
    offers.rename_provider = Some(if client.has("/textDocument/rename/prepareSupport") {
        let options = lsp::RenameOptions {
            prepare_provider: Some(true),
            ..lsp::RenameOptions::default()
        };
        options.into()
    } else {
        true.into()
    });
}

/// The name at a place, if it can change.
pub(super) fn prepare(
    view: &View<'_>,
    parameters: lsp::PrepareRenameParams,
) -> Result<Option<lsp::PrepareRenameResult>, String> {
    let offset = view.offset(parameters.text_document_position_params.position);
    let names = names(view);
    let Some(file) = here(view, &names) else {
        return Ok(None);
    };
    let (symbol, place) = renameable(&names, file, offset)?;
    let placeholder = lsp::PrepareRenamePlaceholder {
        range: view.range(place),
        placeholder: symbol.name,
    };
    Ok(Some(placeholder.into()))
}

/// The change that gives the name at a place another one, everywhere.
pub(super) fn edit(
    view: &View<'_>,
    parameters: lsp::RenameParams,
) -> Result<Option<lsp::WorkspaceEdit>, String> {
    let offset = view.offset(parameters.text_document_position_params.position);
    let names = names(view);
    let Some(file) = here(view, &names) else {
        return Ok(None);
    };
    let (symbol, _) = renameable(&names, file, offset)?;
    let edits = rename(&names, file, &symbol, &parameters.new_name)?;
    refuse_new_problems(view, &names, &edits)?;
    let mut changes = Changes::default();
    for (location, ranges) in edits {
        let (Location::Disk(path), Some(file)) = (&location, names.file(&location)) else {
            continue;
        };
        let text = Text::new(&*file.text);
        for ((start, end), new) in ranges {
            changes.replace(view.workspace, path, &text, start..end, new);
        }
    }
    Ok(Some(changes.finish(view.workspace)))
}

/// Refuses a change after which the manifest would have a problem that it has not now.
///
/// What the edits can break they look at themselves; this holds what only the whole check knows, such as a name that zinit
/// keeps for itself.
fn refuse_new_problems(view: &View<'_>, names: &Names, edits: &Edits) -> Result<(), String> {
    let mut files = Overlay::new(view.files());
    for (location, ranges) in edits {
        if let (Location::Disk(path), Some(file)) = (location, names.file(location)) {
            files.put(path, edited(&file.text, ranges.iter()));
        }
    }
    let before = problems(view, view.files());
    let after = problems(view, &files);
    let count = |list: &Diagnostics, code: &str| list.iter().filter(|it| it.code == code).count();
    let is_new = |problem: &&Diagnostic| count(&after, problem.code) > count(&before, problem.code);
    match after.iter().find(is_new) {
        Some(problem) => Err(format!("that would bring a problem: {}", problem.message)),
        None => Ok(()),
    }
}

fn problems(view: &View<'_>, files: &dyn Files) -> Diagnostics {
    let mut found = Diagnostics::new();
    let entry: &Path = &view.project.entry;
    let settings = settings(&view.project.folder);
    check::check(entry, &settings, files, &mut SourceMap::new(), &mut found);
    found
}

/// A text with edits made.
fn edited<'a>(
    text: &str,
    edits: impl DoubleEndedIterator<Item = (&'a (usize, usize), &'a String)>,
) -> String {
    let mut edited = text.to_owned();
    for ((start, end), new) in edits.rev() {
        edited.replace_range(*start..*end, new);
    }
    edited
}
