//! What can be wrong with the shape of a manifest, as diagnostics.

mod secrets;
mod values;

pub(super) use secrets::{bad_variable, literal_secret, secret_annotation};
pub(super) use values::{
    annotation, bad_value, flag_argument, huge, not_a_choice, not_a_pair, quote_it, wrong_type,
};

use super::model::{Kind, Member, Model, Role, Scalar, Shape};
use crate::diagnostic::{Diagnostic, TextEdit, is_slip, nearest};
use crate::source::{Span, Spanned};
use crate::syntax::{Block, Entry, Node, Value, quote};

/// How many possible names are listed in a help.
const LISTED: usize = 16;

/// The place where an inserted text goes.
fn point(span: Span, offset: u32) -> Span {
    Span {
        start: offset,
        end: offset,
        ..span
    }
}

fn edit(span: Span, text: impl Into<String>) -> TextEdit {
    TextEdit {
        span,
        text: text.into(),
    }
}

/// `` `a`, `b` or `c` ``, shortened when long.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] if names.len() <= LISTED => format!("{} or {last}", most.join(", ")),
        _ => format!(
            "{} and others",
            names.get(..LISTED).unwrap_or(&names).join(", ")
        ),
    }
}

/// A value as it stands in the text, for a message: a string without its quotes.
fn shown(entry: &Entry) -> &str {
    match &entry.value.value {
        Value::String(text) => text,
        _ => &entry.raw,
    }
}

/// A node whose name its parent does not know.
pub(super) fn unknown_node(
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

fn has_property(node: &Node, name: &str) -> bool {
    let mut keys = node.entries.iter().filter_map(|entry| entry.key.as_ref());
    keys.any(|key| key.value == name)
}

/// A property whose name the node does not know.
pub(super) fn unknown_property(
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

/// Gives a node a child.
fn with_child(node: &Node, child: &str) -> TextEdit {
    match &node.children {
        Some(block) => edit(
            point(block.span, block.span.start + 1),
            format!(" {child};"),
        ),
        None => edit(point(node.span, node.span.end), format!(" {{ {child} }}")),
    }
}

/// Gives a node a further value or property, behind the last on its line.
fn with_entry(node: &Node, entry: &str) -> TextEdit {
    let last = node.entries.last().map_or(node.name.span, |last| last.span);
    edit(last.behind(), format!(" {entry}"))
}

/// A required member that is not there.
pub(super) fn missing(node: &Node, member: &Member) -> Diagnostic {
    let parent = &node.name.value;
    let name = &member.name;
    let example = example(member);
    let problem =
        |message| Diagnostic::error("zosc::manifest::missing", message).at(node.name.span);
    let (mut problem, addition, written) = match member.role {
        Role::Arg | Role::Args => {
            let message = match member.role {
                Role::Arg => format!("`{parent}` has no {name}"),
                _ => format!("`{parent}` names nothing"),
            };
            let problem = problem(message).help(format!("write `{parent} {example}`"));
            (problem, with_entry(node, &example), example.clone())
        }
        Role::Prop => {
            let written = format!("{name}={example}");
            let problem = problem(format!("`{parent}` has no `{name}`"));
            let problem = problem.help(format!("add `{written}` to its line"));
            (problem, with_entry(node, &written), written)
        }
        _ => {
            let written = format!("{name} {example}");
            let problem = problem(format!("`{parent}` has no `{name}`"));
            let problem = problem.help(format!("add `{written}` inside `{{ … }}`"));
            (problem, with_child(node, &written), written)
        }
    };
    if is_telling(&example) {
        problem = problem.fix(format!("add `{written}`"), vec![addition]);
    }
    if member.description.is_empty() {
        return problem;
    }
    problem.note(format!("`{name}`: {}", first_sentence(&member.description)))
}

/// A value that shows what a member may hold.
fn example(member: &Member) -> String {
    let item = match member.example() {
        Some(serde_json::Value::Array(items)) => items.first(),
        other => other,
    };
    match (item, &member.kind) {
        (Some(serde_json::Value::String(text)), Kind::Scalar(Scalar::Secret(_))) => text.clone(),
        (Some(serde_json::Value::String(text)), _) => quote(text),
        (Some(other), _) => other.to_string(),
        (None, Kind::Scalar(Scalar::Choice(choices))) => choices
            .first()
            .map_or("…".to_owned(), |(word, _)| word.clone()),
        (None, Kind::Scalar(Scalar::Secret(_))) => "(env)NAME".to_owned(),
        (None, Kind::Scalar(Scalar::Truth)) => "#true".to_owned(),
        (None, Kind::Scalar(Scalar::Number)) => "1".to_owned(),
        _ if matches!(member.role, Role::Prop | Role::Child) => "\"…\"".to_owned(),
        _ => "NAME".to_owned(),
    }
}

/// Whether an example is a value that could be meant, and no stand-in for one.
fn is_telling(example: &str) -> bool {
    !example.contains('…') && !example.contains("NAME")
}

/// The first sentence of a description.
fn first_sentence(description: &str) -> &str {
    let line = description.lines().next().unwrap_or_default();
    line.split_once(". ")
        .map_or(line, |(first, _)| first)
        .trim_end_matches('.')
}

/// A child that needs a value and has none.
pub(super) fn missing_value(node: &Node, member: &Member) -> Diagnostic {
    let name = &node.name.value;
    let value = if member.role == Role::Pairs {
        "NAME=\"value\"".to_owned()
    } else {
        example(member)
    };
    let problem = Diagnostic::error("zosc::manifest::missing", format!("`{name}` has no value"))
        .at(node.name.span)
        .help(format!("write `{name} {value}`, or remove it"));
    if !is_telling(&value) {
        return problem;
    }
    let title = format!("write `{name} {value}`");
    problem.fix(title, vec![with_entry(node, &value)])
}

/// The same property twice.
pub(super) fn duplicate_property(
    earlier: &Entry,
    entry: &Entry,
    key: &Spanned<String>,
) -> Diagnostic {
    Diagnostic::error(
        "zosc::manifest::duplicate",
        format!("`{}` is given twice", key.value),
    )
    .label(entry.span, "again")
    .label(earlier.span, "first given here")
    .help("keep one of them")
    .replace("remove the second", entry.span, "")
}

/// A child that may stand once, twice.
pub(super) fn duplicate_node(earlier: Span, node: &Node) -> Diagnostic {
    Diagnostic::error(
        "zosc::manifest::duplicate",
        format!("`{}` is given twice", node.name.value),
    )
    .label(node.name.span, "again")
    .label(earlier, "first given here")
    .help("keep one of them, or join their content")
    .replace("remove the second", node.removal, "")
}

/// An argument that the node has no place for.
pub(super) fn extra_argument(shape: &Shape, node: &Node, entry: &Entry) -> Diagnostic {
    let parent = &node.name.value;
    let text = shown(entry);
    let problem = Diagnostic::error(
        "zosc::manifest::extra-argument",
        match shape.with_role(Role::Arg) {
            Some(member) => format!("`{parent}` takes one argument, its {}", member.name),
            None => format!("`{parent}` takes no arguments"),
        },
    )
    .label(entry.span, "one too many");
    match shape.member(text) {
        Some(member) if member.role == Role::Prop => {
            problem.help(format!("`{text}` is a property: write `{text}=…`"))
        }
        Some(_) => problem.help(format!("`{text}` is a child: write it inside `{{ … }}`")),
        None if shape.with_role(Role::Arg).is_none() => nameless(shape, problem, entry),
        None => problem.help("remove it; a text with spaces needs quotes"),
    }
}

/// A value without the name of the property that it is for.
fn nameless(shape: &Shape, problem: Diagnostic, entry: &Entry) -> Diagnostic {
    let members = shape.members.iter();
    let fitting =
        members.filter(|member| member.role == Role::Prop && fits(member, &entry.value.value));
    let named: Vec<String> = fitting
        .map(|member| format!("{}={}", member.name, entry.raw))
        .collect();
    match named.as_slice() {
        [] => problem.help(format!(
            "remove it; what may stand inside `{{ … }}` is {}",
            list(shape.children())
        )),
        [only] => problem.help(format!("write `{only}`")).replace(
            "write it as a property",
            entry.span,
            only.clone(),
        ),
        several => problem.help(format!(
            "say what it is: {}",
            list(several.iter().map(String::as_str))
        )),
    }
}

/// Whether a value is of a member's type.
fn fits(member: &Member, value: &Value) -> bool {
    match (&member.kind, value) {
        (Kind::Scalar(Scalar::Text), Value::String(_))
        | (Kind::Scalar(Scalar::Number), Value::Integer(_))
        | (Kind::Scalar(Scalar::Truth), Value::Bool(_)) => true,
        (Kind::Scalar(Scalar::Choice(choices)), Value::String(text)) => {
            choices.iter().any(|(word, _)| word == text)
        }
        _ => false,
    }
}

/// A second value for a child that takes one.
pub(super) fn second_value(
    node: &Node,
    member: &Member,
    first: &Entry,
    extra: &Entry,
) -> Diagnostic {
    let name = &node.name.value;
    let problem = Diagnostic::error(
        "zosc::manifest::extra-argument",
        format!("`{name}` takes one value"),
    )
    .label(extra.span, "one too many");
    let texts: Vec<&str> = node.arguments().map(shown).collect();
    let is_text = member.kind == Kind::Scalar(Scalar::Text);
    let all_words = node
        .arguments()
        .all(|entry| matches!(entry.value.value, Value::String(_)));
    if is_text && all_words {
        let whole = quote(&texts.join(" "));
        let span = Span {
            end: node
                .arguments()
                .last()
                .map_or(extra.span.end, |last| last.span.end),
            ..first.span
        };
        return problem
            .help(format!("a text with spaces needs quotes: `{name} {whole}`"))
            .replace("put it in quotes", span, whole)
            .safe_if(are_plain_words(&node.entries));
    }
    problem
        .help("remove it")
        .replace("remove it", extra.span, "")
}

/// Whether entries are words without quotes, with nothing but one space between them.
fn are_plain_words(entries: &[Entry]) -> bool {
    let bare = |entry: &Entry| entry.key.is_none() && !entry.raw.starts_with(['"', '#']);
    let side_by_side = |pair: &[Entry]| match pair {
        [left, right] => left.span.end + 1 == right.span.start,
        _ => true,
    };
    entries.iter().all(bare) && entries.windows(2).all(side_by_side)
}

/// A property on a node that takes none.
pub(super) fn no_properties(
    node: &Node,
    entry: &Entry,
    key: &Spanned<String>,
    takes_arguments: bool,
) -> Diagnostic {
    let name = &node.name.value;
    let problem = Diagnostic::error(
        "zosc::manifest::unknown-property",
        format!("`{name}` has no property `{}`", key.value),
    );
    if !takes_arguments {
        return problem
            .at(entry.span)
            .help("remove it")
            .replace("remove it", entry.span, "");
    }
    let whole = quote(&format!("{}={}", key.value, shown(entry)));
    problem
        .at(entry.span)
        .help(format!("a value with `=` needs quotes: `{whole}`"))
        .replace("put it in quotes", entry.span, whole)
        .safe()
}

/// A block on a node that takes none.
pub(super) fn no_children(node: &Node, block: &Block) -> Diagnostic {
    let name = &node.name.value;
    Diagnostic::error(
        "zosc::manifest::no-children",
        format!("`{name}` has no children"),
    )
    .at(point_at_brace(block))
    .help("remove the block")
    .replace("remove the block", block.span, "")
}

fn point_at_brace(block: &Block) -> Span {
    Span {
        end: block.span.start + 1,
        ..block.span
    }
}
