//! The rules that single values must keep: patterns, ranges, lengths. `jsonschema` judges, by the schema.

use jsonschema::error::ValidationErrorKind;

use super::language::Language;
use super::model::{Kind, Member, Model};
use super::problems;
use super::value::{Data, SpannedValue};
use crate::diagnostic::Diagnostics;

/// Judges every value, reports those that break a rule and poisons them. Returns the names of sections with such values.
pub(super) fn validate(
    language: &Language,
    root: &mut SpannedValue,
    sink: &mut Diagnostics,
) -> Vec<String> {
    let projection = root.project();
    let mut sections = Vec::new();
    for error in language.validator().iter_errors(&projection) {
        let path: Vec<String> = error
            .instance_path()
            .as_str()
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        let steps = || path.iter().map(String::as_str);
        let Some(member) = member_at(language.model(), &path) else {
            continue;
        };
        let Some(value) = root.at_mut(steps()) else {
            continue;
        };
        if value.data != Data::Poisoned {
            sink.push(problems::bad_value(
                member,
                error.instance().as_ref(),
                rule(error.kind()),
                value.span,
            ));
            value.data = Data::Poisoned;
        }
        sections.extend(path.first().cloned());
    }
    sections
}

/// A rule about numbers in words.
fn rule(kind: &ValidationErrorKind) -> Option<String> {
    match kind {
        ValidationErrorKind::Maximum { limit } => Some(format!("write {limit} or less")),
        ValidationErrorKind::Minimum { limit } => Some(format!("write {limit} or more")),
        _ => None,
    }
}

/// Whether a projection keeps every rule of the schema.
#[cfg(test)]
pub(super) fn is_valid(projection: &serde_json::Value) -> bool {
    Language::manifest().validator().is_valid(projection)
}

/// The member that a path of names and indices leads to.
fn member_at<'a>(model: &'a Model, path: &[String]) -> Option<&'a Member> {
    let mut shape = model.root();
    let mut found = None;
    for step in path {
        if let Some(member) = shape.member(step) {
            found = Some(member);
            if let Kind::Shape(index) = member.kind {
                shape = model.shape(index);
            }
        }
    }
    found
}
