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
    let shape = enclosing(model, cursor)?;
    let wanted = match cursor.slot {
        Slot::Nothing => return None,
        Slot::Name => Wanted::Node(shape),
        slot => of_node(model, node_at(model, cursor)?, slot, cursor)?,
    };
    annotated(wanted, cursor)
}

/// The node on whose line the cursor is.
pub(in super::super) fn node_at<'m>(model: &'m Model, cursor: &Cursor<'_>) -> Option<&'m Member> {
    let name = cursor.current()?.name(cursor.text);
    let member = enclosing(model, cursor)?.member(&name)?;
    member.role.is_child().then_some(member)
}

/// The shape of the block that the cursor is in.
fn enclosing<'m>(model: &'m Model, cursor: &Cursor<'_>) -> Option<&'m Shape> {
    let mut shape = model.root();
    for index in &cursor.path {
        let name = cursor.sketch.node(*index)?.name(cursor.text);
        let member = shape
            .member(&name)
            .filter(|member| member.role.is_child())?;
        let Kind::Shape(inner) = member.kind else {
            return None;
        };
        shape = model.shape(inner);
    }
    Some(shape)
}

fn of_node<'m>(
    model: &'m Model,
    member: &'m Member,
    slot: Slot,
    cursor: &Cursor<'_>,
) -> Option<Wanted<'m>> {
    if let Kind::Shape(index) = member.kind {
        return of_shape(model.shape(index), slot, cursor);
    }
    let value = |value| Wanted::Entry {
        value: Some(value),
        properties: None,
    };
    match (member.role, slot) {
        (Role::Child, Slot::Argument(0)) | (Role::Words, Slot::Argument(_)) => Some(value(member)),
        (Role::Flag, Slot::Argument(0)) => Some(Wanted::Flag(member)),
        (Role::Pairs, Slot::Argument(_) | Slot::Key) => Some(Wanted::PairKey(member)),
        (Role::Pairs, Slot::Value) => Some(Wanted::PairValue(member)),
        _ => None,
    }
}

fn of_shape<'m>(shape: &'m Shape, slot: Slot, cursor: &Cursor<'_>) -> Option<Wanted<'m>> {
    match slot {
        Slot::Argument(index) => {
            let first = shape.with_role(Role::Arg).filter(|_| index == 0);
            let properties = Some(shape).filter(|_| cursor.quotes == Quotes::Bare);
            Some(Wanted::Entry {
                value: first.or_else(|| shape.with_role(Role::Args)),
                properties,
            })
        }
        Slot::Key => Some(Wanted::Key(shape)),
        Slot::Value => {
            let member = shape.member(&cursor.key()?)?;
            (member.role == Role::Prop).then_some(Wanted::Value(member))
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
