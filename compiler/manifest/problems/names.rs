//! Names that are unknown where they stand.

use super::{edit, list, point, shown, with_child};
use crate::diagnostic::{Diagnostic, is_slip, nearest};
use crate::manifest::model::{Member, Model, Role, Shape};
use crate::source::Spanned;
use crate::syntax::{Entry, Node, Value, quote};

/// A node whose name its parent does not know.
pub(in super::super) fn unknown_node(
    model: &Model,
    shape: &Shape,
    parent: Option<&Node>,
    siblings: &[Node],
    node: &Node,
) -> Diagnostic {
    let name = &node.name.value;
    let span = node.name.span;
    let is_property = shape
        .member(name)
        .is_some_and(|member| member.role == Role::Prop);
    if let Some(parent) = parent.filter(|_| is_property) {
        return child_for_property(parent, node);
    }
    let whose = match parent {
        Some(parent) => format!("`{}` has no", parent.name.value),
        None => format!("{} has no", model.whole),
    };
    let problem = |code| Diagnostic::error(code, format!("{whose} `{name}`")).at(span);
    if let Some(near) = nearest(name, shape.children()) {
        return problem("zosc::manifest::unknown-node")
            .help(format!("did you mean `{near}`?"))
            .replace(format!("write `{near}`"), span, near)
            .safe_if(is_slip(name, shape.children()) && may_stand_beside(shape, near, siblings));
    }
    let homes = model.homes(name);
    if !homes.is_empty() {
        return problem("zosc::manifest::wrong-place").help(belongs(name, &homes));
    }
    problem("zosc::manifest::unknown-node")
        .help(format!("what may stand here is {}", list(shape.children())))
}

/// Whether a child with this name may be added to others.
fn may_stand_beside(shape: &Shape, name: &str, siblings: &[Node]) -> bool {
    let stands_once = shape
        .member(name)
        .is_some_and(|member| matches!(member.role, Role::Child | Role::Flag));
    !stands_once || !siblings.iter().any(|node| node.name.value == name)
}

/// Says where a name is right.
fn belongs(name: &str, homes: &[(String, Role)]) -> String {
    let places: Vec<String> = homes
        .iter()
        .take(4)
        .map(|(home, role)| match (home.as_str(), role) {
            ("", _) => "the top level".to_owned(),
            (home, Role::Prop) => format!("`{home}` as a property, `{name}=…`"),
            (home, _) => format!("`{home}`"),
        })
        .collect();
    format!("`{name}` belongs in {}", places.join(" or "))
}

/// `version "1"` in a block, where `version="1"` is meant.
fn child_for_property(parent: &Node, node: &Node) -> Diagnostic {
    let name = &node.name.value;
    let whose = &parent.name.value;
    let problem = Diagnostic::error(
        "zosc::manifest::wrong-place",
        format!("`{name}` is a property of `{whose}`, not a child"),
    )
    .at(node.name.span);
    let [entry] = node.entries.as_slice() else {
        return problem.help(format!(
            "write `{name}=…` on the line of `{whose}`, before `{{`"
        ));
    };
    let property = format!("{name}={}", entry.raw);
    let head_end = parent
        .entries
        .last()
        .map_or(parent.name.span, |last| last.span)
        .end;
    problem
        .help(format!(
            "write `{property}` on the line of `{whose}`, before `{{`"
        ))
        .fix(
            "write it as a property",
            vec![
                edit(point(parent.span, head_end), format!(" {property}")),
                edit(node.removal, ""),
            ],
        )
        .safe_if(!has_property(parent, name) && node.children.is_none())
}

/// A property whose name the node does not know.
pub(in super::super) fn unknown_property(
    model: &Model,
    shape: &Shape,
    node: &Node,
    entry: &Entry,
    key: &Spanned<String>,
) -> Diagnostic {
    let name = &key.value;
    let parent = &node.name.value;
    if let Some(member) = shape.member(name) {
        return property_for_child(node, entry, member);
    }
    let problem =
        |code| Diagnostic::error(code, format!("`{parent}` has no property `{name}`")).at(key.span);
    if let Some(near) = nearest(name, shape.properties()) {
        return problem("zosc::manifest::unknown-property")
            .help(format!("did you mean `{near}`?"))
            .replace(format!("write `{near}`"), key.span, near)
            .safe_if(is_slip(name, shape.properties()) && !has_property(node, near));
    }
    if let Some(near) = nearest(name, shape.children()) {
        return problem("zosc::manifest::unknown-property").help(format!(
            "did you mean the child `{near}`, inside `{{ … }}`?"
        ));
    }
    if shape.with_role(Role::Args).is_some() {
        let whole = format!("{name}={}", shown(entry));
        return problem("zosc::manifest::unknown-property")
            .help(format!("if it is one word, write `{}`", quote(&whole)))
            .replace("put it in quotes", entry.span, quote(&whole))
            .safe_if(shape.properties().next().is_none());
    }
    let homes = model.homes(name);
    let homes: Vec<(String, Role)> = homes
        .into_iter()
        .filter(|(_, role)| *role == Role::Prop)
        .collect();
    if !homes.is_empty() {
        return problem("zosc::manifest::wrong-place").help(belongs(name, &homes));
    }
    let known: Vec<&str> = shape.properties().collect();
    problem("zosc::manifest::unknown-property").help(if known.is_empty() {
        format!("`{parent}` has no properties: remove it")
    } else {
        format!("its properties are {}", list(known))
    })
}

/// `title="x"`, where the child `title "x"` or the argument is meant.
fn property_for_child(node: &Node, entry: &Entry, member: &Member) -> Diagnostic {
    let parent = &node.name.value;
    let name = &member.name;
    let raw = &entry.raw;
    let message = |what: &str| format!("`{name}` is {what} of `{parent}`, not a property");
    let code = "zosc::manifest::wrong-place";
    let span = entry.key.as_ref().map_or(entry.span, |key| key.span);
    if !member.role.is_child() {
        let problem = Diagnostic::error(code, message("an argument")).at(span);
        return match node.arguments().next() {
            Some(given) => problem.help(format!(
                "remove it: `{parent}` has its {name} already, `{}`",
                shown(given)
            )),
            None => problem
                .help(format!("write `{parent} {raw}`"))
                .replace(format!("write `{raw}` alone"), entry.span, raw.clone())
                .safe(),
        };
    }
    let child = match (member.role, &entry.value.value) {
        (Role::Flag, _) => name.clone(),
        (Role::Pairs, _) => format!("{name} NAME={raw}"),
        _ => format!("{name} {raw}"),
    };
    let problem = Diagnostic::error(code, message("a child"))
        .at(span)
        .help(format!("write `{child}` inside `{{ … }}`"));
    if member.role == Role::Pairs {
        return problem;
    }
    let insertion = with_child(node, &child);
    let is_given = node
        .children()
        .iter()
        .any(|child| child.name.value == *name);
    let is_switched_off = member.role == Role::Flag && entry.value.value != Value::Bool(true);
    problem
        .fix("write it as a child", vec![edit(entry.span, ""), insertion])
        .safe_if(!is_given && !is_switched_off)
}

fn has_property(node: &Node, name: &str) -> bool {
    let mut keys = node.entries.iter().filter_map(|entry| entry.key.as_ref());
    keys.any(|key| key.value == name)
}
