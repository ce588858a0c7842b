//! Files that are made from the types of the language are as these types would make them now.

use std::path::Path;

use zosc::manifest;

use super::{root, updates};

/// Compares a committed file with what it should hold.
fn fresh(path: &str, content: &str) {
    let file = root().join(path);
    if updates() {
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::write(&file, content).expect("the file can be written");
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == content,
        "{path} is out of date: run UPDATE_EXPECT=1 cargo test --test suite"
    );
}

#[test]
fn the_schema_is_fresh() {
    let schema = serde_json::to_string_pretty(&manifest::schema()).expect("a schema is JSON");
    fresh("schema/zos.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_is_fresh() {
    fresh("docs/manifest.md", &manifest::reference());
}

#[test]
fn the_schema_of_recipes_is_fresh() {
    let schema =
        serde_json::to_string_pretty(&manifest::recipe_schema()).expect("a schema is JSON");
    fresh("schema/recipe.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_of_recipes_is_fresh() {
    fresh("docs/recipe.md", &manifest::recipe_reference());
}

#[test]
fn the_schema_of_configurations_is_fresh() {
    let schema =
        serde_json::to_string_pretty(&manifest::configuration_schema()).expect("a schema is JSON");
    fresh("schema/configuration.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_of_configurations_is_fresh() {
    fresh(
        "docs/configuration.md",
        &manifest::configuration_reference(),
    );
}
