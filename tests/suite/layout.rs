//! What zosc ships and shows is laid out as `zosc fmt` does it.

use zosc::source::SourceId;
use zosc::syntax;

use super::{gather, root, shown, updates};

#[test]
fn manifests_and_units_are_laid_out() {
    let mut files = Vec::new();
    for folder in ["manifests", "runtime-units"] {
        gather(&root().join(folder), "kdl", &mut files);
    }
    assert!(files.len() > 5, "manifests are where they should be");
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a manifest is a text");
        match syntax::format(SourceId(0), &text) {
            Ok(formatted) if formatted == text => {}
            Ok(formatted) if updates() => {
                std::fs::write(&file, formatted).expect("the file can be written");
            }
            Ok(_) => wrong.push(format!("run `zosc fmt {}`", shown(&file))),
            Err(problems) => wrong.push(format!("{}: {problems:#?}", shown(&file))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn examples_in_the_book_are_laid_out() {
    let mut pages = vec![root().join("README.md")];
    gather(&root().join("docs"), "md", &mut pages);
    let mut wrong = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page is a text");
        let formatted = with_formatted_blocks(&text);
        if formatted == text {
            continue;
        }
        if updates() {
            std::fs::write(&page, formatted).expect("the page can be written");
        } else {
            wrong.push(shown(&page));
        }
    }
    assert!(
        wrong.is_empty(),
        "UPDATE_EXPECT=1 lays out the examples in {}",
        wrong.join(", ")
    );
}

/// A page with every block of sound KDL laid out; blocks that show a mistake say so and stay.
fn with_formatted_blocks(text: &str) -> String {
    const OPENING: &str = "\n```kdl\n";
    let mut parts = text.split(OPENING);
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (block, rest) = part.split_at(part.find("```\n").unwrap_or(part.len()));
        let formatted = syntax::format(SourceId(0), block);
        page.push_str(OPENING);
        page.push_str(&formatted.unwrap_or_else(|_| block.to_owned()));
        page.push_str(rest);
    }
    page
}
