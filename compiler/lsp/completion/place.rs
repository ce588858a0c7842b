//! From a cursor to what the language wants there.

use crate::manifest::model::{Kind, Member, Model, Role, Scalar, Shape};

use super::super::cursor::{Annotation, Cursor, Quotes, Slot};

/// What may be written at a cursor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'m> {
    /// A node of this shape's block.
    Node(&'m Shape),
    /// An argument of this member, a property of this shape, or either.
    Entry {
        /// What the argument at the cursor belongs to.
        value: Option<&'m Member>,
        /// The shape whose properties may stand there.
        properties: Option<&'m Shape>,
    },
    /// The key of a property whose `=` is there.
    Key(&'m Shape),
    /// The value of a property.
    Value(&'m Member),
    /// A name that the author chooses, with `=` and a value.
    PairKey(&'m Member),
    /// The value of such a name.
    PairValue(&'m Member),
    /// Whether a flag holds.
    Flag(&'m Member),
    /// The annotation of a secret.
    Annotation,
    /// The name of an environment variable, for this member.
    Environment(&'m Member),
}

/// What the language wants at a cursor; `None` where nothing is to be proposed.
pub(super) fn wanted<'m>(model: &'m Model, cursor: &Cursor<'_>) -> Option<Wanted<'m>> {
    let shape = cursor.enclosing(model)?;
    let wanted = match cursor.slot {
        Slot::Nothing => return None,
        Slot::Name => Wanted::Node(shape),
        slot => of_node(model, cursor.member(model)?, slot, cursor)?,
    };
    annotated(wanted, cursor)
}

fn of_node<'m>(
    model: &'m Model,
    member: &'m Member,
    slot: Slot,
    cursor: &Cursor<'_>,
) -> Option<Wanted<'m>> {
    let shape = model.shape_of(member);
    match slot {
        Slot::Argument(_) | Slot::Key if member.role == Role::Pairs => {
            Some(Wanted::PairKey(member))
        }
        Slot::Argument(place) => {
            let value = member.argument(shape, place);
            if member.role == Role::Flag {
                return value.map(Wanted::Flag);
            }
            let properties = shape.filter(|_| cursor.quotes == Quotes::Bare);
            let wanted = Wanted::Entry { value, properties };
            (shape.is_some() || value.is_some()).then_some(wanted)
        }
        Slot::Key => shape.map(Wanted::Key),
        Slot::Value => {
            let owner = member.property(shape, &cursor.key()?)?;
            Some(match owner.role {
                Role::Pairs => Wanted::PairValue(owner),
                _ => Wanted::Value(owner),
            })
        }
        Slot::Nothing | Slot::Name => None,
    }
}

/// What an annotation before the cursor, or round it, leaves of what is wanted.
fn annotated<'m>(wanted: Wanted<'m>, cursor: &Cursor<'_>) -> Option<Wanted<'m>> {
    let member = match wanted {
        Wanted::Value(member)
        | Wanted::Entry {
            value: Some(member),
            ..
        } => Some(member),
        _ => None,
    };
    let is_secret = |member: &&Member| matches!(member.kind, Kind::Scalar(Scalar::Secret(_)));
    match (&cursor.annotation, member.filter(is_secret)) {
        (Annotation::None, _) => Some(wanted),
        (Annotation::Open, Some(_)) => Some(Wanted::Annotation),
        (Annotation::Given(given), Some(member)) if given == "env" => {
            Some(Wanted::Environment(member))
        }
        (Annotation::Open | Annotation::Given(_), _) => None,
    }
}
