//! From a name to where it is declared, to everywhere else it stands, and to its other places in the same text.

use std::ops::Range;
use std::path::Path;

use super::names::{FILE, NamedFile, Names, Symbol};
use super::places::{Places, here, names};
use super::protocol as lsp;
use super::view::View;
use crate::check::Location;
use crate::io::FileKind;

/// Where something leads to.
struct Target {
    location: Location,
    /// The name there.
    place: Range<usize>,
    /// All of what it names.
    whole: Range<usize>,
}

/// Where the name at a place is declared, or the file that a path there means.
pub(super) fn definition(
    view: &View<'_>,
    parameters: lsp::DefinitionParams,
) -> Option<lsp::DefinitionResponse> {
    let offset = view.offset(parameters.text_document_position_params.position);
    let names = names(view);
    let file = here(view, &names)?;
    let (origin, targets) = path_target(view, file, offset)
        .or_else(|| name_targets(&names, file, offset))
        .or_else(|| overlay_target(view, &names, file, offset))?;
    let places = Places::new(view, &names);
    if !view.client.has("/textDocument/definition/linkSupport") {
        let targets = targets.iter();
        let locations =
            targets.filter_map(|target| places.location(&target.location, target.place.clone()));
        let locations: Vec<lsp::Location> = locations.collect();
        return Some(lsp::Definition::from(locations).into());
    }
    let links = targets.iter().filter_map(|target| {
        Some(lsp::DefinitionLink {
            origin_selection_range: Some(view.range(origin.clone())),
            target_uri: places.uri(&target.location)?,
            target_range: places.range(&target.location, target.whole.clone()),
            target_selection_range: places.range(&target.location, target.place.clone()),
        })
    });
    Some(links.collect::<Vec<_>>().into())
}

type Targets = (Range<usize>, Vec<Target>);

/// The declarations of the name at an offset; from one of several, the others.
fn name_targets(names: &Names, file: &NamedFile, offset: usize) -> Option<Targets> {
    file.at(offset).into_iter().find_map(|from| {
        let is_elsewhere =
            |target: &Target| target.location != file.location || target.place != from.place;
        let all: Vec<Target> = names
            .origins(file, &from.symbol)
            .into_iter()
            .map(|found| target(found.file, found.occurrence.node, &found.occurrence.place))
            .collect();
        let has_others = all.iter().any(is_elsewhere);
        let targets = all
            .into_iter()
            .filter(|target| !has_others || is_elsewhere(target));
        let targets: Vec<Target> = targets.collect();
        (!targets.is_empty()).then(|| (from.place.clone(), targets))
    })
}

fn target(file: &NamedFile, node: usize, place: &Range<usize>) -> Target {
    let whole = file.nodes.list.get(node).map(|node| node.range.clone());
    Target {
        location: file.location.clone(),
        place: place.clone(),
        whole: whole
            .filter(|whole| whole.start <= place.start && place.end <= whole.end)
            .unwrap_or(place.clone()),
    }
}

/// The file that a path at an offset means.
fn path_target(view: &View<'_>, file: &NamedFile, offset: usize) -> Option<Targets> {
    let mut paths = file.paths();
    let (word, location) = paths.find(|(word, _)| word.start <= offset && offset <= word.end)?;
    let exists = match &location {
        Location::Disk(path) => matches!(view.files().kind(path), Some(FileKind::File(_))),
        Location::Library(_) => true,
    };
    let target = Target {
        location,
        place: 0..0,
        whole: 0..0,
    };
    exists.then(|| (word.range(), vec![target]))
}

/// The file of an overlay that comes to lie at the path at an offset.
fn overlay_target(
    view: &View<'_>,
    names: &Names,
    file: &NamedFile,
    offset: usize,
) -> Option<Targets> {
    let mut found = file.at(offset).into_iter();
    let from = found.find(|found| found.symbol.kind == FILE)?;
    let overlays = names.files.iter().flat_map(NamedFile::overlays);
    let mut paths = overlays.filter_map(|(folder, to)| {
        let below = from.symbol.name.strip_prefix(to.trim_end_matches('/'))?;
        let below = below.strip_prefix('/')?;
        Some(folder.join(Path::new(below)))
    });
    let path = paths.find(|path| matches!(view.files().kind(path), Some(FileKind::File(_))))?;
    let target = Target {
        location: Location::Disk(path),
        place: 0..0,
        whole: 0..0,
    };
    Some((from.place.clone(), vec![target]))
}

/// Every place of the name at a place, across all files of the manifest.
pub(super) fn references(
    view: &View<'_>,
    parameters: lsp::ReferenceParams,
) -> Option<Vec<lsp::Location>> {
    let offset = view.offset(parameters.text_document_position_params.position);
    let names = names(view);
    let file = here(view, &names)?;
    let symbol = symbol_at(&names, file, offset)?;
    let places = Places::new(view, &names);
    let declarations = parameters.context.include_declaration;
    let found = names
        .places(file, &symbol)
        .filter(|found| declarations || !found.occurrence.role.is_declaration());
    let locations = found
        .filter_map(|found| places.location(&found.file.location, found.occurrence.place.clone()));
    Some(locations.collect())
}

/// The name at an offset: of several there, the first that is declared.
fn symbol_at(names: &Names, file: &NamedFile, offset: usize) -> Option<Symbol> {
    let found = file.at(offset);
    let declared = found
        .iter()
        .find(|found| names.declarations(file, &found.symbol).next().is_some());
    let symbol = declared.or(found.first())?;
    Some(symbol.symbol.clone())
}

/// The other places in the same text.
pub(super) fn highlights(
    view: &View<'_>,
    parameters: lsp::DocumentHighlightParams,
) -> Option<Vec<lsp::DocumentHighlight>> {
    let offset = view.offset(parameters.text_document_position_params.position);
    let names = names(view);
    let file = here(view, &names)?;
    let symbol = symbol_at(&names, file, offset)?;
    let found = names
        .places(file, &symbol)
        .filter(|found| found.file.location == file.location);
    let highlights = found.map(|found| lsp::DocumentHighlight {
        range: view.range(found.occurrence.place.clone()),
        kind: Some(if found.occurrence.role.is_declaration() {
            lsp::DocumentHighlightKind::Write
        } else {
            lsp::DocumentHighlightKind::Read
        }),
    });
    Some(highlights.collect())
}
