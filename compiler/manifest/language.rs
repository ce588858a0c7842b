//! The languages that zosc reads, as data: manifests, recipes of packages, and users' configurations.
//!
//! All are KDL decoded by the same machinery; a language is the schema that its types yield, in the two forms in which that
//! machinery asks it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::model::Model;
use super::schema::schema_of;
use super::{Manifest, configuration::Configuration, recipe::Recipe};

/// One language.
pub(super) struct Language {
    schema: Value,
    model: Model,
    validators: BTreeMap<String, OnceLock<Validator>>,
}

impl Language {
    /// The language of `zos.kdl`.
    pub(super) fn manifest() -> &'static Self {
        static MANIFEST: OnceLock<Language> = OnceLock::new();
        MANIFEST.get_or_init(|| Self::of("a manifest", schema_of::<Manifest>()))
    }

    /// The language of recipes.
    pub(super) fn recipe() -> &'static Self {
        static RECIPE: OnceLock<Language> = OnceLock::new();
        RECIPE.get_or_init(|| Self::of("a recipe", schema_of::<Recipe>()))
    }

    /// The language of users' configurations.
    pub(super) fn configuration() -> &'static Self {
        static CONFIGURATION: OnceLock<Language> = OnceLock::new();
        CONFIGURATION.get_or_init(|| Self::of("a configuration", schema_of::<Configuration>()))
    }

    fn of(whole: &'static str, schema: Value) -> Self {
        let sections = schema["properties"].as_object().into_iter().flatten();
        Self {
            model: Model::read(whole, &schema),
            validators: sections
                .map(|(name, _)| (name.clone(), OnceLock::new()))
                .collect(),
            schema,
        }
    }

    /// The schema, without what [`super::titles`] adds for readers.
    pub(super) fn schema(&self) -> &Value {
        &self.schema
    }

    /// Which members a node has, and how each is written.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// The rules that single values of a section must keep. They are compiled for the sections that a text has: to compile all of
    /// them takes longer than to decode a manifest.
    pub(super) fn validator(&self, section: &str) -> Option<&Validator> {
        let validator = self.validators.get(section)?;
        Some(validator.get_or_init(|| {
            let mut schema = self.schema["properties"][section].clone();
            let mut shapes = Map::new();
            self.collect_shapes(&schema, &mut shapes);
            schema["$defs"] = Value::Object(shapes);
            jsonschema::draft202012::new(&schema)
                .expect("the schema that our own types yield is a schema")
        }))
    }

    /// The definitions that a schema refers to, and those that these refer to.
    fn collect_shapes(&self, schema: &Value, shapes: &mut Map<String, Value>) {
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    let shape = value
                        .as_str()
                        .filter(|_| key == "$ref")
                        .and_then(|target| target.strip_prefix("#/$defs/"));
                    match shape {
                        Some(name) if !shapes.contains_key(name) => {
                            let definition = &self.schema["$defs"][name];
                            shapes.insert(name.to_owned(), definition.clone());
                            self.collect_shapes(definition, shapes);
                        }
                        _ => self.collect_shapes(value, shapes),
                    }
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.collect_shapes(value, shapes);
                }
            }
            _ => {}
        }
    }

    /// Whether a projection keeps every rule.
    #[cfg(test)]
    pub(super) fn is_valid(&self, projection: &Value) -> bool {
        jsonschema::draft202012::is_valid(&self.schema, projection)
    }
}
