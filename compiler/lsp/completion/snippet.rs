//! Pieces of the language with places to fill in, from what the model says a node must have.
//!
//! Comes in: a member of a node. Goes out: what to write, in the syntax of snippets: `${1:name}` is a place with a proposal, `${1|a,b|}` one
//! with words to choose from, `$0` where the cursor ends. A member with `x-snippet` says itself how it is best begun.

use crate::manifest::model::{Kind, Member, Model, NameForm, Role, Scalar, Shape};
use crate::syntax::{bare_or_quoted, quote};

/// How deep blocks of required nodes are written out.
const DEEPEST: usize = 3;

/// A node with what it must have.
pub(super) fn node(model: &Model, member: &Member) -> String {
    if let Some(snippet) = &member.snippet {
        return snippet.clone();
    }
    let mut writer = Writer { model, places: 0 };
    writer.node(member, 0)
}

/// A property with a place for its value.
pub(super) fn property(model: &Model, member: &Member) -> String {
    let mut writer = Writer { model, places: 0 };
    format!("{}={}", member.name, writer.value(member))
}

/// What stands in a snippet as it is.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '$' | '}' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

struct Writer<'m> {
    model: &'m Model,
    /// How many places there are so far.
    places: usize,
}

impl Writer<'_> {
    fn place(&mut self, proposal: &str) -> String {
        self.places += 1;
        match proposal {
            "" => format!("${}", self.places),
            proposal => format!("${{{}:{}}}", self.places, escaped(proposal)),
        }
    }

    fn node(&mut self, member: &Member, depth: usize) -> String {
        let name = &member.name;
        match (member.role, &member.kind) {
            (Role::Flag, _) => name.clone(),
            (Role::Pairs, _) => {
                let (key, value) = (self.place("NAME"), self.place("value"));
                format!("{name} {key}=\"{value}\"")
            }
            (_, Kind::Shape(index)) => self.shape(name, self.model.shape(*index), depth),
            (_, Kind::Scalar(_)) => format!("{name} {}", self.value(member)),
        }
    }

    fn shape(&mut self, name: &str, shape: &Shape, depth: usize) -> String {
        let mut text = name.to_owned();
        let mut has_line = false;
        for member in &shape.members {
            let is_first = matches!(member.role, Role::Arg | Role::Args) && !has_line;
            match member.role {
                Role::Arg | Role::Args if member.required || (is_first && depth == 0) => {
                    has_line = true;
                    text.push_str(&format!(" {}", self.value(member)));
                }
                Role::Prop if member.required => {
                    has_line = true;
                    text.push_str(&format!(" {}={}", member.name, self.value(member)));
                }
                _ => {}
            }
        }
        let children = shape.members.iter().filter(|member| member.role.is_child());
        let required: Vec<&Member> = children.clone().filter(|member| member.required).collect();
        if required.is_empty() && (has_line || children.count() == 0) || depth >= DEEPEST {
            return text;
        }
        let indent = "    ".repeat(depth + 1);
        text.push_str(" {\n");
        for member in required {
            text.push_str(&format!("{indent}{}\n", self.node(member, depth + 1)));
        }
        if depth == 0 {
            text.push_str(&format!("{indent}$0\n"));
        }
        text.push_str(&format!("{}}}", "    ".repeat(depth)));
        text
    }

    /// A place for a value, with the quotes that one needs.
    fn value(&mut self, member: &Member) -> String {
        let Kind::Scalar(scalar) = &member.kind else {
            return self.place("");
        };
        match scalar {
            Scalar::Choice(choices) => self.choice(choices),
            Scalar::Truth => "#true".to_owned(),
            Scalar::Number => self.place(&example(member)),
            Scalar::Secret(_) => format!("(env){}", self.place("NAME")),
            Scalar::Text if is_word(member) => {
                let proposal = bare_or_quoted(&example(member));
                let is_bare = !proposal.starts_with('"');
                self.place(if is_bare { &proposal } else { "" })
            }
            Scalar::Text => {
                let proposal = quote(&example(member));
                let inside = proposal.trim_matches('"');
                format!("\"{}\"", self.place(inside))
            }
        }
    }

    fn choice(&mut self, choices: &[(String, String)]) -> String {
        self.places += 1;
        let words: Vec<&str> = choices.iter().map(|(word, _)| word.as_str()).collect();
        format!("${{{}|{}|}}", self.places, words.join(","))
    }
}

/// Whether values of a member are names, which need no quotes as a rule.
fn is_word(member: &Member) -> bool {
    let kind = member.naming.refers.as_deref();
    member.naming.form == NameForm::Whole && kind.is_some_and(|kind| kind != "file")
}

/// The first example of a member, as text.
fn example(member: &Member) -> String {
    let first = member.examples.first().or(member.default.as_ref());
    let first = match first {
        Some(serde_json::Value::Array(items)) => items.first(),
        other => other,
    };
    match first {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
