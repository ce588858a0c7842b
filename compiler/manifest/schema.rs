//! The language as a JSON Schema (draft 2020-12).
//!
//! It comes from the types of this module and describes the projection that [`super::project`] makes, not KDL text. Beside
//! the standard keywords it uses `x-kdl` (how a field is written, see [`super`]), `x-message` (what to say when a value
//! does not fit), `x-secret` (a text that says where a secret is read: `environment` for `(env)NAME` alone, `key` for a path too), `x-complete` (what an editor may offer, where that is no name that `x-refers` tells of)
//! and what tells of names (see [`super`], too).

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::Manifest;
use super::recipe::Recipe;

/// The schema of a manifest.
pub fn schema() -> Value {
    schema_of::<Manifest>("zos.kdl, projected to JSON")
}

/// The schema of a recipe.
pub fn recipe_schema() -> Value {
    schema_of::<Recipe>("A recipe of packages, projected to JSON")
}

fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.transforms = vec![Box::new(RecursiveTransform(Tidy))];
    });
    let generator = SchemaGenerator::new(settings);
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!(title));
        if let Some(definitions) = root.get_mut("$defs").and_then(Value::as_object_mut) {
            for (name, definition) in definitions {
                if let Some(definition) = definition.as_object_mut() {
                    definition.insert("title".to_owned(), json!(name));
                }
            }
        }
    }
    schema
}

/// Takes `null` out: what is absent is absent. It also bounds numbers as their types do.
#[derive(Debug, Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        let Some(object) = schema.as_object_mut() else {
            return;
        };
        unwrap_optional(object);
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        if object
            .get("format")
            .is_some_and(|format| format == "uint32")
        {
            object.remove("format");
            object.entry("maximum").or_insert_with(|| json!(u32::MAX));
        }
        if object
            .get("x-secret")
            .is_some_and(|form| form == "environment")
        {
            object.insert(
                "pattern".to_owned(),
                json!(r"^\(env\)[A-Za-z_][A-Za-z0-9_]*$"),
            );
        }
        // In place, so that it leaves the order alone where the macro has seen a default.
        object.shift_remove("default");
    }
}

/// `anyOf [X, null]` becomes `X`, with the keywords beside it kept.
fn unwrap_optional(object: &mut Map<String, Value>) {
    let Some(Value::Array(options)) = object.get("anyOf") else {
        return;
    };
    let kept: Vec<Value> = options
        .iter()
        .filter(|option| option.get("type").is_none_or(|kind| kind != "null"))
        .cloned()
        .collect();
    if let [Value::Object(inner)] = kept.as_slice() {
        object.remove("anyOf");
        for (key, value) in inner {
            object.entry(key).or_insert_with(|| value.clone());
        }
    }
}
