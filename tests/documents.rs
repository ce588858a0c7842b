//! The book: what it tells people to type works as it is written there, no link leads nowhere, and mdBook makes it.
//!
//! What the info string of a fenced block means:
//!
//! | | |
//! |---|---|
//! | `sh` | commands, run in order; one block goes on where the last one ended |
//! | `console` | commands behind `$ `, and what they say: `…` stands for anything, quantities and digests for others |
//! | `kdl NAME`, `text NAME`, `rust NAME` | a file with a `.` in its name, which is written |
//! | `kdl`, `kdl fragment`, `kdl wrong`, `kdl configuration` | checked by the suite (`tests/suite/examples.rs`) |
//! | `text`, `json` | no commands |
//! | `diff` | a change of the clone that the page on contributing makes |
//!
//! `sh needs=WORDS-WITH-DASHES` is not run, and the test says so aloud.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "documents/blocks.rs"]
mod blocks;
#[path = "documents/book.rs"]
mod book;
#[path = "documents/clones.rs"]
mod clones;
#[path = "documents/following.rs"]
mod following;
#[path = "documents/links.rs"]
mod links;
#[path = "support/nested_cargo.rs"]
mod nested_cargo;
#[path = "documents/options.rs"]
mod options;

use std::path::Path;
use std::process::Command;

use blocks::{Kind, blocks, pages};
use following::Reader;

/// Pages whose commands are run one after the other, each page by a test; others are followed before it where it goes on from them.
macro_rules! followed {
    ($($name:ident: $page:literal $(after $before:literal)?;)*) => {
        const FOLLOWED: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $name() {
                let mut reader = Reader::new();
                $(reader.follow($before);)?
                reader.follow($page);
                println!("{}: {} commands", $page, reader.ran());
            }
        )*
    };
}

followed! {
    installing: "install.md";
    this_machine: "doctor.md";
    private_packages: "private-packages.md";
    air_gapped_builds: "air-gapped.md" after "private-packages.md";
    what_is_built_again: "incremental.md";
    an_image_that_follows_its_files: "watch.md";
    built_twice: "reproducible.md";
    what_is_different: "diff.md";
    a_smaller_image: "size.md";
    what_an_image_is_made_of: "report.md";
    the_store: "store.md";
    what_is_in_an_image_and_why: "explain.md";
    in_an_editor: "editors.md";
    flists_by_hand: "flist-commands.md";
    from_the_bash_builder: "migrate.md";
    a_component: "component.md";
    somebody_elses_image: "reproduce.md";
    continuous_integration: "ci.md";
    the_lock: "lock.md";
    what_is_written_down: "formats.md";
    values_from_elsewhere: "overrides.md";
    keys_of_secure_boot: "secure-boot.md";
    engines: "executors.md";
    publishing: "publish.md";
    servers: "remote.md";
    the_model: "scale.md";
    building_rfs: "flist.md";
    running_an_image: "boot.md";
    another_processor: "aarch64.md";
}

/// Pages whose commands are run by other tests: by the demo's, which boots it, and by `clones.rs`.
const ELSEWHERE: [&str; 3] = ["README.md", "docs/tutorial.md", "docs/contributing.md"];

#[test]
fn every_page_with_commands_is_followed() {
    let mut forgotten = Vec::new();
    // What a page about an error shows is for the reader's own project.
    let book = pages()
        .into_iter()
        .filter(|page| !page.starts_with("docs/errors"));
    for page in book {
        let has_commands = blocks(&page)
            .iter()
            .any(|block| matches!(block.kind, Kind::Commands | Kind::Session | Kind::File(_)));
        let name = page.strip_prefix("docs").unwrap_or(Path::new(""));
        let name = name.to_str().unwrap_or_default();
        let elsewhere = ELSEWHERE.iter().any(|other| page == Path::new(other));
        if has_commands && !elsewhere && !FOLLOWED.contains(&name) {
            forgotten.push(page.display().to_string());
        }
    }
    assert!(
        forgotten.is_empty(),
        "nobody runs the commands of {}",
        forgotten.join(", ")
    );
}

/// The figures of the page on many machines are what the model makes of the measured ones.
#[test]
fn how_it_scales() {
    let model = blocks::root().join("tests/bench/scale/run");
    let Ok(told) = Command::new("python3").arg(model).arg("check").output() else {
        println!("skipped: needs python3");
        return;
    };
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
}
