//! Files that are made from the types of the language are as these types would make them now.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use zosc::manifest;

use super::{gather, root, updates};

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

/// Pages about errors: each code with the file name of its page and the paragraph that it begins with.
fn error_pages() -> Vec<(String, String, String)> {
    let mut pages: Vec<PathBuf> = Vec::new();
    gather(&root().join("docs/errors"), "md", &mut pages);
    pages.sort();
    let describe = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a page");
        let (title, rest) = text.split_once("\n\n").expect("a title");
        let code = title.trim_start_matches("# ").to_owned();
        let first = rest.split("\n\n").next().unwrap_or_default();
        let name = path.file_name().expect("a file").to_string_lossy();
        (code, name.into_owned(), first.trim().replace('\n', " "))
    };
    pages.into_iter().map(describe).collect()
}

#[test]
fn the_list_of_errors_is_fresh() {
    let mut list = String::from(
        "# Every code\n\n\
         <!-- Made from the pages in docs/errors; UPDATE_EXPECT=1 tests/run suite writes it anew. -->\n\n\
         A problem that zosc tells has a code, `zosc::MODULE::NAME`, and each code a page: what it means, why it is one, what to do.\n\
         `zosc explain CODE` prints the same page. A code keeps its meaning, and is never used for anything else.\n",
    );
    let mut last = String::new();
    for (code, file, what) in error_pages() {
        let module = code.split("::").nth(1).expect("a module").to_owned();
        if module != last {
            let _ = write!(list, "\n## {module}\n\n");
            last = module;
        }
        let _ = writeln!(list, "- [`{code}`](errors/{file}): {what}");
    }
    fresh("docs/errors.md", &list);
}

/// The rest of the table of contents is written by hand.
#[test]
fn the_errors_in_the_table_of_contents_are_fresh() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).expect("the contents");
    let list = "- [Every code](errors.md)\n";
    let (before, behind) = summary.split_once(list).expect("a line for errors");
    let behind = behind.find("\n# ").map_or("", |part| &behind[part..]);
    let mut new = format!("{before}{list}");
    for (code, file, _) in error_pages() {
        let _ = writeln!(new, "  - [{code}](errors/{file})");
    }
    fresh("docs/SUMMARY.md", &(new + behind));
}

/// Some commands are there only in a whole zosc.
#[cfg(all(feature = "lsp", feature = "publish", feature = "remote"))]
#[test]
fn the_reference_of_commands_is_fresh() {
    fresh("docs/commands.md", &zosc::cli::reference());
}
