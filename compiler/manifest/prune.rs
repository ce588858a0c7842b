//! Poisoned parts taken out, as far up as the types demand.

use super::model::{Kind, Model, Shape};
use super::value::{Data, SpannedValue};

/// Takes poisoned values out. A list loses the element, a node the optional member; a node that loses a required member
/// goes itself.
pub(super) fn prune(model: &Model, root: SpannedValue) -> SpannedValue {
    let span = root.span;
    prune_shape(model, model.root(), root)
        .unwrap_or_else(|| SpannedValue::new(span, Data::Map(indexmap::IndexMap::new())))
}

fn prune_shape(model: &Model, shape: &Shape, value: SpannedValue) -> Option<SpannedValue> {
    let Data::Map(members) = value.data else {
        return None;
    };
    let mut kept = indexmap::IndexMap::new();
    for (name, member_value) in members {
        let member = shape.member(&name)?;
        match prune_member(model, &member.kind, member_value) {
            Some(member_value) => {
                kept.insert(name, member_value);
            }
            None if member.required => return None,
            None => {}
        }
    }
    Some(SpannedValue::new(value.span, Data::Map(kept)))
}

fn prune_member(model: &Model, kind: &Kind, value: SpannedValue) -> Option<SpannedValue> {
    match (value.data, kind) {
        (Data::Poisoned, _) => None,
        (Data::List(items), _) => {
            let had_items = !items.is_empty();
            let items: Vec<SpannedValue> = items
                .into_iter()
                .filter_map(|item| prune_member(model, kind, item))
                .collect();
            // A list that lost all it had says nothing, rather than that there is nothing.
            (!had_items || !items.is_empty())
                .then(|| SpannedValue::new(value.span, Data::List(items)))
        }
        (data @ Data::Map(_), Kind::Shape(index)) => prune_shape(
            model,
            model.shape(*index),
            SpannedValue::new(value.span, data),
        ),
        (Data::Map(pairs), Kind::Scalar(_)) => {
            let pairs = pairs
                .into_iter()
                .filter(|(_, value)| value.data != Data::Poisoned)
                .collect();
            Some(SpannedValue::new(value.span, Data::Map(pairs)))
        }
        (data, _) => Some(SpannedValue::new(value.span, data)),
    }
}
