//! Files and addresses that a text names, as links.

use super::names::NamedFile;
use super::places::{here, names, uri};
use super::protocol as lsp;
use super::view::View;
use crate::check::Location;

/// Every link of the text.
pub(super) fn links(view: &View<'_>, _: lsp::DocumentLinkParams) -> Option<Vec<lsp::DocumentLink>> {
    let names = names(view);
    let file = here(view, &names)?;
    let files = file.paths().filter_map(|(word, location)| {
        let exists = match &location {
            Location::Disk(path) => view.files().kind(path).is_some(),
            Location::Library(_) => true,
        };
        let target = uri(view.workspace, &location).filter(|_| exists)?;
        Some((word.plain(&file.text).unwrap_or(word.range()), target))
    });
    let links = files
        .chain(addresses(file))
        .map(|(bytes, target)| lsp::DocumentLink {
            range: view.range(bytes),
            target: Some(target),
            tooltip: None,
            data: None,
        });
    let mut links: Vec<lsp::DocumentLink> = links.collect();
    links.sort_by_key(|link| (link.range.start.line, link.range.start.character));
    Some(links)
}

/// Values that a browser can open.
fn addresses(file: &NamedFile) -> impl Iterator<Item = (std::ops::Range<usize>, lsp::Uri)> {
    let entries = file.nodes.list.iter().flat_map(|node| &node.entries);
    let values = entries.filter(|entry| !entry.left_out);
    values.filter_map(|entry| {
        let bytes = entry.value?.plain(&file.text)?;
        let text = file.text.get(bytes.clone())?;
        let is_address = text.starts_with("https://") || text.starts_with("http://");
        let is_whole = !text.contains(|sign: char| sign.is_whitespace() || "{}\"<>".contains(sign));
        (is_address && is_whole).then(|| (bytes, lsp::Uri(text.to_owned())))
    })
}
