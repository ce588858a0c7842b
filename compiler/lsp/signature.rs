//! Signature help: how the node at the cursor is written, and which of its values is at hand.
//!
//! Comes in: a [`View`] and a position. Goes out: the node in one line, as the reference has it, with the part in it that the cursor is at.
//! Answers in broken text too.

use crate::manifest::model::{Kind, Member, Model, Role, Shape};
use crate::manifest::wording;

use super::client::Client;
use super::cursor::{Cursor, Quotes, Slot};
use super::protocol as lsp;
use super::view::View;

/// Where clients say which documentation they show.
const DOCUMENTATION: &str = "/textDocument/signatureHelp/signatureInformation/documentationFormat";

/// Says that there is signature help, and when to ask.
pub(super) fn offer(offers: &mut lsp::ServerCapabilities, _: &Client) {
    offers.signature_help_provider = Some(lsp::SignatureHelpOptions {
        trigger_characters: Some(vec![" ".to_owned()]),
        retrigger_characters: Some(vec!["=".to_owned()]),
        ..lsp::SignatureHelpOptions::default()
    });
}

/// How the node at a position is written.
pub(super) fn signature(
    view: &View<'_>,
    parameters: lsp::SignatureHelpParams,
) -> Option<lsp::SignatureHelp> {
    let offset = view.offset(parameters.text_document_position_params.position);
    let cursor = Cursor::new(view.document.text.as_str(), offset);
    let context = parameters.context;
    let is_typed = context.is_some_and(|context| context.trigger_character.is_some());
    if is_typed && cursor.quotes != Quotes::Bare {
        // Space between words of a text is no reason to show anything.
        return None;
    }
    let model = Model::get();
    let member = cursor.member(model)?;
    let (parts, at_hand) = parts(model, member, &cursor)?;
    let is_markdown = view.client.markdown(DOCUMENTATION);
    let information = |part: &Member| lsp::ParameterInformation {
        label: wording::written(model, part).into(),
        documentation: Some(documentation(wording::sentence(part), is_markdown)),
    };
    let label = wording::written(model, member);
    let signature = lsp::SignatureInformation {
        documentation: Some(documentation(member.description.clone(), is_markdown)),
        parameters: Some(match &member.kind {
            Kind::Shape(_) => parts.iter().map(|part| information(part)).collect(),
            Kind::Scalar(_) => vec![lsp::ParameterInformation {
                label: value_in(&label, member).into(),
                documentation: None,
            }],
        }),
        active_parameter: None,
        label,
    };
    Some(lsp::SignatureHelp {
        signatures: vec![signature],
        active_signature: Some(0),
        active_parameter: u32::try_from(at_hand).ok().map(Into::into),
    })
}

/// What stands on the line of a node, and which of it is at the cursor; `None` where nothing can be.
fn parts<'m>(
    model: &'m Model,
    member: &'m Member,
    cursor: &Cursor<'_>,
) -> Option<(Vec<&'m Member>, usize)> {
    let Some(shape) = model.shape_of(member) else {
        let fits = match (member.role, cursor.slot) {
            (Role::Pairs, slot) => !matches!(slot, Slot::Nothing | Slot::Name),
            (Role::Flag, _) => false,
            (_, Slot::Argument(place)) => member.argument(None, place).is_some(),
            _ => false,
        };
        return fits.then(|| (vec![member], 0));
    };
    let is_part = |member: &&Member| matches!(member.role, Role::Arg | Role::Args | Role::Prop);
    let parts: Vec<&Member> = shape.members.iter().filter(is_part).collect();
    let wanted = wanted(member, shape, cursor)?;
    let at_hand = parts.iter().position(|part| part.name == wanted.name)?;
    Some((parts, at_hand))
}

/// The member that a value at the cursor belongs to, or the first property where no more arguments can follow.
fn wanted<'m>(member: &'m Member, shape: &'m Shape, cursor: &Cursor<'_>) -> Option<&'m Member> {
    match cursor.slot {
        Slot::Argument(place) => {
            let more = member.argument(Some(shape), place);
            let keys: Vec<_> = cursor.keys().collect();
            let mut properties = shape.members.iter().filter(|member| {
                let is_there = keys.iter().any(|key| *key == member.name);
                member.role == Role::Prop && !is_there
            });
            more.or_else(|| properties.next())
        }
        Slot::Key | Slot::Value => {
            let key = match cursor.slot {
                Slot::Key => cursor.meant(cursor.word.clone()),
                _ => cursor.key()?,
            };
            member.property(Some(shape), &key)
        }
        Slot::Nothing | Slot::Name => None,
    }
}

/// What stands behind the name in a node that is written like this.
fn value_in(written: &str, member: &Member) -> String {
    let value = written.strip_prefix(&member.name).unwrap_or(written);
    value.trim_start().to_owned()
}

fn documentation(text: String, is_markdown: bool) -> lsp::Documentation {
    if !is_markdown {
        return text.into();
    }
    let kind = lsp::MarkupKind::Markdown;
    lsp::MarkupContent { kind, value: text }.into()
}
