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
    let errors = projection
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(name, section)| {
            let validator = language.validator(name);
            let errors = validator.map(|validator| validator.iter_errors(section));
            errors.into_iter().flatten().map(move |error| (name, error))
        });
    for (name, error) in errors {
        let steps = error.instance_path();
        let steps = steps.as_str().split('/').skip(1);
        let steps = steps.map(|step| step.replace("~1", "/").replace("~0", "~"));
        let path: Vec<String> = std::iter::once(name.clone()).chain(steps).collect();
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
