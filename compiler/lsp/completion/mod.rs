//! Completion: what may be written at the cursor, everywhere that something may be, in broken text too.
//!
//! Comes in: a [`View`] and a position. Goes out: items, the best first, each with what it inserts there, quotes included. What a node may
//! hold the model of the language says; names come from the texts as they are, and from what caches know. Where a cache knows nothing, one item
//! says which command changes that. Never waits for anything.

mod cached;
mod digests;
mod item;
mod list;
mod names;
mod nodes;
mod paths;
mod place;
mod proposal;
mod snippet;
mod values;
mod variables;

use std::cell::OnceCell;

use crate::manifest::model::Model;

use super::client::Client;
use super::cursor::{Annotation, Cursor, Quotes, Slot};
use super::protocol as lsp;
use super::view::View;
use list::{Ctx, List};
use place::{Wanted, wanted};
use proposal::{Proposal, Rank};

/// Most items of one answer; with more, the client asks again when more is typed.
const MOST: usize = 200;

/// Characters after which clients ask by themselves. Where one means something else, the answer is empty.
const TRIGGERS: [&str; 7] = [" ", "\"", "=", "/", "(", ")", "{"];

/// Says that there is completion, and when to ask.
pub(super) fn offer(offers: &mut lsp::ServerCapabilities, _: &Client) {
    offers.completion_provider = Some(lsp::CompletionOptions {
        trigger_characters: Some(TRIGGERS.map(str::to_owned).to_vec()),
        ..lsp::CompletionOptions::default()
    });
}

/// What may be written at a position.
pub(super) fn completion(
    view: &View<'_>,
    parameters: lsp::CompletionParams,
) -> Option<lsp::CompletionResponse> {
    let offset = view.offset(parameters.text_document_position_params.position);
    let ctx = Ctx {
        view,
        model: Model::get(),
        cursor: Cursor::new(view.document.text.as_str(), offset),
        occurrences: OnceCell::new(),
    };
    let typed = parameters
        .context
        .and_then(|context| context.trigger_character);
    let wanted = wanted(ctx.model, &ctx.cursor)?;
    if typed.is_some_and(|typed| !is_meant(&ctx.cursor, wanted, &typed)) {
        return None;
    }
    let mut list = List::new(&ctx.cursor);
    fill(&ctx, wanted, &mut list);
    Some(item::items(&ctx, list).into())
}

/// Whether a character that was just typed asks for proposals where it stands.
fn is_meant(cursor: &Cursor<'_>, wanted: Wanted<'_>, typed: &str) -> bool {
    let is_first = || {
        let before = cursor.current().is_some_and(|node| node.entries.is_empty());
        before
            && matches!(
                wanted,
                Wanted::Entry { value: Some(_), .. } | Wanted::PairKey(_)
            )
    };
    match typed {
        // Behind a node's name, or between the words of a text. Elsewhere it indents, or separates what is complete.
        " " => cursor.quotes != Quotes::Bare || is_first(),
        // A block begins, and a line break will follow.
        "{" => cursor.quotes != Quotes::Bare,
        "=" => cursor.slot == Slot::Value,
        "(" | ")" => cursor.annotation != Annotation::None,
        _ => true,
    }
}

fn fill(ctx: &Ctx<'_>, wanted: Wanted<'_>, list: &mut List) {
    match wanted {
        Wanted::Node(shape) => ctx.nodes(shape, list),
        Wanted::Entry { value, properties } => {
            if let Some(member) = value {
                ctx.values(member, list);
            }
            if let Some(shape) = properties {
                ctx.properties(shape, false, list);
            }
        }
        Wanted::Key(shape) => ctx.properties(shape, true, list),
        Wanted::Value(member) => ctx.values(member, list),
        Wanted::PairKey(member) => ctx.pair_keys(member, ctx.cursor.slot == Slot::Key, list),
        Wanted::PairValue(member) => ctx.pair_values(member, list),
        Wanted::Flag(member) => ctx.flag(member, list),
        Wanted::Annotation => list.push(
            Proposal::value("env", lsp::CompletionItemKind::Keyword)
                .detail("read from the environment")
                .ranked(Rank::First),
        ),
        Wanted::Environment(member) => ctx.environment(member, list),
    }
}

#[cfg(test)]
mod tests;
