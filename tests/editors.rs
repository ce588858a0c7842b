//! A real editor, Neovim, with the configuration that ships for it and the real `zosc lsp`: keys go in, texts are looked at.
//!
//! The packages are Alpine's own where those are (`$ZOSC_TEST_ALPINE`, default `../shared/alpine`), else ones that the test makes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "editors/neovim.rs"]
mod neovim;
#[path = "support/mod.rs"]
mod support;

use neovim::Neovim;
use support::oracle;
use support::project::Project;

/// A project whose manifest imports a file, with the indexes of its repositories in the store; and how a package's name begins that they
/// have, and goes on.
fn project(sections: &str, units: &str) -> (Project, &'static str, &'static str) {
    let project = Project::new(sections);
    project.write("units/site.kdl", units);
    let Some(alpine) = oracle::alpine() else {
        project.succeed(&["resolve", "marks"]);
        return (project, "mar", "ks");
    };
    project.edit(|text| {
        let start = text.find("alpine \"3.22\"").unwrap();
        let end = start + text[start..].find("\n}\n").unwrap() + 3;
        let real = format!(
            "alpine \"3.19\" {{\n    mirror \"file://{}\"\n    repository main\n    repository community\n    key \"std:alpine/6165ee59\"\n}}\n",
            alpine.display()
        );
        format!("{}{real}{}", &text[..start], &text[end..])
    });
    project.succeed(&["resolve", "musl"]);
    (project, "btrfs-pro", "gs")
}

const MANIFEST: &str = r#"import "units/site.kdl"
zinit dialect=toml
/* größer */ unit site { target; requires network }
"#;

const UNITS: &str = "unit network { target }\nunit late { target; requires network }\n";

#[test]
fn problems_appear_and_a_fix_is_applied() {
    for nvim in neovim::programs() {
        let (project, ..) = project(MANIFEST, UNITS);
        project.edit(|text| text.replace("requires network", "requires netwrok"));
        let neovim = Neovim::open(&nvim, project.folder.path(), "zos.kdl");
        let problem = neovim.until("a problem", || neovim.problems().first().cloned());
        assert!(problem.contains("there is no unit `netwrok`"), "{problem}");
        let codes = neovim.lua("vim.tbl_map(function(d) return d.code end, vim.diagnostic.get(0))");
        assert_eq!(codes[0], "zosc::check::unknown-unit");

        // What a person would choose from the list that Neovim shows.
        neovim.lua(
            "(function() vim.ui.select = function(items, _, done) done(items[1], 1) end end)()",
        );
        neovim.keys("/netwrok<CR>:ZosFix<CR>");
        neovim.until_text("zos.kdl", "requires network }");
        neovim.until("no problem", || neovim.problems().is_empty().then_some(()));
        neovim.quit();
    }
}

#[test]
fn packages_are_completed_while_they_are_typed() {
    for nvim in neovim::programs() {
        let (project, typed, rest) = project("packages {\n    install musl\n}\n", "");
        let neovim = Neovim::open(&nvim, project.folder.path(), "zos.kdl");
        neovim.until_attached();
        // The indexes are read on a thread; until they are there, a completion has none of their names.
        let wanted = format!("{typed}{rest}");
        neovim.keys(&format!("/install musl<CR>A {typed}"));
        neovim.until("the package among the completions", || {
            neovim.keys("<C-x><C-o>");
            let offered = (0..20).find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(100));
                let words = neovim.offered();
                (!words.is_empty()).then_some(words)
            })?;
            let found = offered.iter().position(|word| *word == wanted)?;
            neovim.keys(&"<C-n>".repeat(found));
            neovim.keys("<C-y><Esc>");
            Some(())
        });
        neovim.until_text("zos.kdl", &format!("install musl {wanted}\n"));
        neovim.quit();
    }
}

#[test]
fn a_unit_is_renamed_in_every_file_and_found_from_every_file() {
    for nvim in neovim::programs() {
        let (project, ..) = project(MANIFEST, UNITS);
        let neovim = Neovim::open(&nvim, project.folder.path(), "zos.kdl");
        neovim.until_attached();
        neovim.keys("/requires network<CR>w");
        neovim.lua("vim.lsp.buf.rename('lan')");
        neovim.until_text("zos.kdl", "unit site { target; requires lan }");
        neovim.until_text(
            "units/site.kdl",
            "unit lan { target }\nunit late { target; requires lan }",
        );
        neovim.keys(":wall<CR>");

        // The file that is imported opens with a server of its own accord.
        neovim.lua("vim.lsp.buf.definition()");
        neovim.until("the other file", || {
            let name = neovim.lua("vim.fn.expand('%:t')");
            (name == "site.kdl").then_some(())
        });
        assert_eq!(neovim.lua("vim.bo.filetype"), "zos-kdl");
        neovim.until_attached();
        neovim.quit();
    }
}

#[test]
fn a_manifest_is_laid_out_and_the_server_ends_with_the_editor() {
    for nvim in neovim::programs() {
        let (project, ..) = project(
            "/* größer */ unit site   {\n  target   // größer\n}\nzinit dialect=toml\n",
            "",
        );
        let neovim = Neovim::open(&nvim, project.folder.path(), "zos.kdl");
        neovim.until_attached();
        neovim.keys(":ZosFormat<CR>");
        neovim.until_text("zos.kdl", "unit site {\n    target // größer\n}\n");
        let server = neovim.server();
        neovim.quit();
        // It is not the editor's child any more, and has to hear first that nobody speaks to it.
        let is_there = || std::path::Path::new(&format!("/proc/{server}/exe")).exists();
        let begin = std::time::Instant::now();
        while is_there() {
            assert!(begin.elapsed() < std::time::Duration::from_secs(30));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn without_zosc_neovim_says_what_to_do() {
    for nvim in neovim::programs() {
        let project = Project::new("");
        let settings = "vim.g.zosc = { cmd = { '/nowhere/zosc', 'lsp' } }";
        let neovim = Neovim::set(&nvim, project.folder.path(), "zos.kdl", settings);
        let message = neovim.until("a message", || {
            let said = neovim.lua("vim.fn.execute('messages')");
            let said = said.as_str().unwrap_or_default().to_owned();
            said.contains("/nowhere/zosc").then_some(said)
        });
        let help = "install zosc, or name it in vim.g.zosc.cmd";
        assert!(message.contains(help), "{message}");
        neovim.quit();
    }
}
