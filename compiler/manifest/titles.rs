//! What people read of the schema: a title for every type and member, and descriptions in Markdown.
//!
//! A title is the path of names that leads to a member, as the reference has it in its headings. Editors that know JSON
//! Schema show it, and take `markdownDescription` for the text of a hover.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use super::model::{Kind, Model, choices};
use super::wording::{sentence, written};

/// Adds titles and descriptions to a schema, by the model that was read from it.
pub(super) fn add(schema: &mut Value, model: &Model) {
    for definition in schema["$defs"].as_object_mut().into_iter().flatten() {
        list_words(definition.1);
    }
    let mut paths = BTreeMap::new();
    walk(model, 0, "", &mut paths);
    for (index, shape) in model.shapes.iter().enumerate() {
        let definition = match index {
            0 => Some(&mut *schema),
            _ => schema.pointer_mut(&format!("/$defs/{}", shape.name)),
        };
        let Some(definition) = definition else {
            continue;
        };
        let path = paths.get(&index).map_or("", String::as_str);
        if index > 0 {
            definition["title"] = json!(path);
        }
        for member in &shape.members {
            let property = &mut definition["properties"][&member.name];
            property["title"] = json!(format!("{path} {}", member.name).trim_start());
            property["markdownDescription"] = json!(format!(
                "{}\n\nIn KDL: `{}`",
                sentence(member),
                written(model, member)
            ));
        }
    }
}

/// A choice in the form in which editors tell both what it is about and what the chosen word means: `enum` with `enumDescriptions`.
fn list_words(definition: &mut Value) {
    let choices = choices(definition);
    let Some(object) = definition.as_object_mut().filter(|_| !choices.is_empty()) else {
        return;
    };
    let (words, meanings): (Vec<_>, Vec<_>) = choices.into_iter().unzip();
    object.shift_remove("oneOf");
    object.insert("type".to_owned(), json!("string"));
    object.insert("enum".to_owned(), json!(words));
    object.insert("enumDescriptions".to_owned(), json!(meanings));
}

/// The path to every shape; of one that several members of a node have, with all of their names.
fn walk(model: &Model, index: usize, path: &str, paths: &mut BTreeMap<usize, String>) {
    let mut names: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for member in &model.shape(index).members {
        if let Kind::Shape(inner) = member.kind {
            names.entry(inner).or_default().push(&member.name);
        }
    }
    for (inner, names) in names {
        if let Entry::Vacant(place) = paths.entry(inner) {
            let path = format!("{path} {}", names.join("/"));
            let path = path.trim_start().to_owned();
            place.insert(path.clone());
            walk(model, inner, &path, paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::model::{Member, Role, Scalar};
    use crate::manifest::{Language, configuration_schema, recipe_schema, schema};

    /// Every member with the schema of its values, in which references lead somewhere.
    fn members(schema: &Value, language: &'static Language) -> Vec<(&'static Member, Value)> {
        let mut found = Vec::new();
        for shape in &language.model().shapes {
            let definition = match shape.name.as_str() {
                "" => schema,
                name => &schema["$defs"][name],
            };
            for member in &shape.members {
                let mut property = definition["properties"][&member.name].clone();
                property["$defs"] = schema["$defs"].clone();
                found.push((member, property));
            }
        }
        found
    }

    #[test]
    fn every_member_is_told() {
        for (member, property) in members(&schema(), Language::manifest()) {
            let name = property["title"].as_str().expect("a title");
            assert!(!member.description.is_empty(), "{name} has no description");
            let told = property["markdownDescription"].as_str().expect("Markdown");
            assert!(told.contains("In KDL: `"), "{name}: {told}");
            let speaks = matches!(
                member.kind,
                Kind::Shape(_) | Kind::Scalar(Scalar::Choice(_) | Scalar::Truth)
            );
            assert!(
                speaks || member.example().is_some() || member.default.is_some(),
                "{name} has neither an example nor a default"
            );
            if member.role == Role::Flag {
                assert_eq!(member.default, Some(json!(false)), "{name}");
            }
        }
    }

    #[test]
    fn examples_and_defaults_are_values_that_fit() {
        for (schema, language) in [
            (schema(), Language::manifest()),
            (recipe_schema(), Language::recipe()),
            (configuration_schema(), Language::configuration()),
        ] {
            for (member, property) in members(&schema, language) {
                let validator = jsonschema::draft202012::new(&property).expect("a schema");
                let examples = property["examples"].as_array().into_iter().flatten();
                for value in examples.chain(&member.default) {
                    assert!(validator.is_valid(value), "{}: {value}", property["title"]);
                }
            }
        }
    }

    #[test]
    fn defaults_are_those_of_the_descriptions() {
        for (member, property) in members(&schema(), Language::manifest()) {
            let said = member.description.split_once("Without it: `");
            let said = said.and_then(|(_, behind)| behind.split_once("`."));
            if let Some((word, _)) = said.filter(|(word, _)| !word.contains('`')) {
                let default = member.default.as_ref().expect("a default");
                assert_eq!(default, &json!(word), "{}", property["title"]);
            }
        }
    }
}
