//! The languages that zosc reads, as data: manifests, and recipes of packages.
//!
//! Both are KDL decoded by the same machinery; a language is the schema that its types yield, in the two forms in which that
//! machinery asks it.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use super::model::Model;
use super::schema::{recipe_schema, schema};

/// One language.
pub(super) struct Language {
    schema: Value,
    model: Model,
    validator: OnceLock<Validator>,
}

impl Language {
    /// The language of `zos.kdl`.
    pub(super) fn manifest() -> &'static Self {
        static MANIFEST: OnceLock<Language> = OnceLock::new();
        MANIFEST.get_or_init(|| Self::of(schema()))
    }

    /// The language of recipes.
    pub(super) fn recipe() -> &'static Self {
        static RECIPE: OnceLock<Language> = OnceLock::new();
        RECIPE.get_or_init(|| Self::of(recipe_schema()))
    }

    fn of(schema: Value) -> Self {
        Self {
            model: Model::read(&schema),
            schema,
            validator: OnceLock::new(),
        }
    }

    /// Which members a node has, and how each is written.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// The rules that single values must keep.
    pub(super) fn validator(&self) -> &Validator {
        self.validator.get_or_init(|| {
            jsonschema::draft202012::new(&self.schema)
                .expect("the schema that our own types yield is a schema")
        })
    }
}
