//! Nodes of a block and properties of a node: what is missing first, what may stand only once not twice.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::manifest::model::{Kind, Member, Role, Scalar, Shape};
use crate::manifest::wording;

use super::super::protocol::CompletionItemKind;
use super::list::{Ctx, List};
use super::proposal::{Proposal, Rank, Text};
use super::snippet;

impl Ctx<'_> {
    /// The nodes that may stand in a block of this shape.
    pub(super) fn nodes(&self, shape: &Shape, list: &mut List) {
        let text = self.text();
        let present: BTreeSet<Cow<'_, str>> =
            self.cursor.siblings().map(|node| node.name(text)).collect();
        let is_alone = self.cursor.is_last_of_node();
        for member in shape.members.iter().filter(|member| member.role.is_child()) {
            let is_present = present.contains(member.name.as_str());
            if is_present && matches!(member.role, Role::Child | Role::Flag) {
                continue;
            }
            let text = Text::Piece {
                plain: member.name.clone(),
                snippet: is_alone.then(|| snippet::node(self.model, member)),
            };
            let kind = match (member.role, &member.kind) {
                (Role::Flag, _) => CompletionItemKind::Constant,
                (_, Kind::Shape(_)) => CompletionItemKind::Struct,
                _ => CompletionItemKind::Field,
            };
            let proposal = self.described(member, Proposal::new(&member.name, text, kind));
            let rank = if member.required && !is_present {
                Rank::Required
            } else {
                Rank::Usual
            };
            list.push(proposal.ranked(rank));
        }
    }

    /// The properties that a node of this shape does not have yet; with the `=` and a value, unless that is there.
    pub(super) fn properties(&self, shape: &Shape, has_equals: bool, list: &mut List) {
        let present: BTreeSet<Cow<'_, str>> = self.cursor.keys().collect();
        // A value that may stand there comes before any property.
        let required = if list.proposals.is_empty() {
            Rank::Required
        } else {
            Rank::Usual
        };
        let members = shape
            .members
            .iter()
            .filter(|member| member.role == Role::Prop);
        for member in members.filter(|member| !present.contains(member.name.as_str())) {
            let text = if has_equals {
                Text::Piece {
                    plain: member.name.clone(),
                    snippet: None,
                }
            } else {
                Text::Piece {
                    plain: match member.kind {
                        Kind::Scalar(Scalar::Truth) => format!("{}=#true", member.name),
                        _ => format!("{}=", member.name),
                    },
                    snippet: Some(snippet::property(self.model, member)),
                }
            };
            let proposal = Proposal::new(&member.name, text, CompletionItemKind::Property);
            let rank = if member.required {
                required
            } else {
                Rank::Late
            };
            list.push(self.described(member, proposal).ranked(rank));
        }
    }
}

impl Ctx<'_> {
    /// A proposal with what the language says of a member.
    fn described(&self, member: &Member, proposal: Proposal) -> Proposal {
        let written = wording::written(self.model, member);
        let detail = if member.required {
            format!("{written} (required)")
        } else {
            written
        };
        Proposal {
            deprecated: member.deprecated,
            ..proposal.detail(detail).about(wording::sentence(member))
        }
    }
}
