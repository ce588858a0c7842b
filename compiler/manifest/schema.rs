//! The language as a JSON Schema (draft 2020-12).
//!
//! It comes from the types of this module and describes the projection that [`super::project`] makes, not KDL text. Beside
//! the standard keywords it uses `x-kdl` (how a field is written, see [`super`]), `x-message` (what to say when a value
//! does not fit), `x-secret` (a text that says where a secret is read: `environment` for `(env)NAME` alone, `key` for a path too, `text` for any text with such parts), `x-snippet` (how an editor may begin a node) and `x-complete` (what it may offer, where that is no name that `x-refers` tells of)
//! and what tells of names (see [`super`], too). For editors that know JSON Schema there is `markdownDescription`.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::language::Language;
use super::titles;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a manifest.
pub fn schema() -> Value {
    titled(
        Language::manifest(),
        "urn:zosc:manifest:1",
        "zos.kdl, projected to JSON",
    )
}

/// The schema of a recipe.
pub fn recipe_schema() -> Value {
    titled(
        Language::recipe(),
        "urn:zosc:recipe:1",
        "A recipe of packages, projected to JSON",
    )
}

/// The schema of a user's configuration.
pub fn configuration_schema() -> Value {
    titled(
        Language::configuration(),
        "urn:zosc:configuration:1",
        "A user's config.kdl, projected to JSON",
    )
}

/// A language's schema with what its readers want beside the rules.
fn titled(language: &Language, id: &str, title: &str) -> Value {
    let mut schema = language.schema().clone();
    titles::add(&mut schema, language.model());
    let mut root = Map::new();
    root.insert("$schema".to_owned(), json!(DRAFT));
    root.insert("$id".to_owned(), json!(id));
    root.insert("title".to_owned(), json!(title));
    if let Value::Object(members) = schema {
        root.extend(members);
    }
    Value::Object(root)
}

/// The rules that a type yields.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.transforms = vec![Box::new(RecursiveTransform(Tidy))];
    });
    let generator = SchemaGenerator::new(settings);
    let mut schema = generator.into_root_schema_for::<T>();
    schema.remove("$schema");
    schema.remove("title");
    schema.to_value()
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
        if object.get("x-kdl").is_some_and(|role| role == "flag") {
            object.insert("default".to_owned(), json!(false));
        }
        // What serde takes for a member that is not there is the absence of one, and no value that a person would write.
        if object.get("default").is_some_and(is_nothing) {
            object.shift_remove("default");
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
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
