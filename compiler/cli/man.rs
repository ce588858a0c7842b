//! `zosc man`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::diagnostic::Diagnostic;
use crate::io::{Existing, NewFile};

use super::Outcome;
use super::session::Session;

/// Writes the manual pages: zosc(1), and one for each command.
///
/// `zosc man /usr/local/share/man/man1` installs them; without a folder, zosc(1) goes to standard output, for `man -l -`. They
/// are made from what `--help` is made of, and bear no date.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder that the pages go to, in the place of older ones.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let pages = match pages() {
        Ok(pages) => pages,
        Err(error) => {
            return session.fail(
                Diagnostic::error(
                    "zosc::cli::cannot-write",
                    format!("the manual pages cannot be made: {error}"),
                )
                .help("run the command again"),
            );
        }
    };
    let Some(folder) = &arguments.folder else {
        let page = pages.get("zosc.1").map(|page| page.bytes.as_slice());
        return session.print(&String::from_utf8_lossy(page.unwrap_or_default()));
    };
    session.write_all(folder, &pages, Existing::Replace, "name another folder")
}

/// Every page by its file's name.
fn pages() -> std::io::Result<BTreeMap<String, NewFile>> {
    let mut command = super::Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = BTreeMap::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

fn add(command: &clap::Command, pages: &mut BTreeMap<String, NewFile>) -> std::io::Result<()> {
    let page = Man::new(command.clone())
        .manual("zosc")
        .source(concat!("zosc ", env!("CARGO_PKG_VERSION")));
    let mut bytes = Vec::new();
    page.render(&mut bytes)?;
    let file = NewFile {
        bytes: finished(&String::from_utf8_lossy(&bytes)).into_bytes(),
        executable: false,
    };
    pages.insert(page.get_filename(), file);
    let commands = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    commands
        .into_iter()
        .try_for_each(|command| add(command, pages))
}

/// A page with an empty date where there is none at all, lest the version stand in its place, and with what help has in backticks in bold.
fn finished(page: &str) -> String {
    let page = page.replacen(" 1  ", " 1 \"\" ", 1);
    let mut text = String::with_capacity(page.len());
    for line in page.lines() {
        let parts: Vec<&str> = line.split('`').collect();
        let is_paired = parts.len() % 2 == 1;
        for (at, part) in parts.iter().enumerate() {
            match at {
                0 => {}
                _ if !is_paired => text.push('`'),
                _ if at % 2 == 1 => text.push_str("\\fB"),
                _ => text.push_str("\\fR"),
            }
            text.push_str(part);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_empty_date_and_bold_words() {
        let page = finished(".TH zosc 1  \"zosc 0.1.0\" zosc\nrun `zosc new`, not `this\n");
        assert_eq!(
            page,
            ".TH zosc 1 \"\" \"zosc 0.1.0\" zosc\nrun `zosc new`, not `this\n"
        );
        assert_eq!(finished("run `zosc new`"), "run \\fBzosc new\\fR\n");
    }

    #[test]
    fn every_command_has_a_page_and_all_are_made_the_same_again() {
        let made = pages().expect("pages");
        let names: Vec<&str> = made.keys().map(String::as_str).collect();
        for name in ["zosc.1", "zosc-build.1", "zosc-store-gc.1"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(
            !names
                .iter()
                .any(|name| name.contains("inside") || name.contains("help")),
            "{names:?}"
        );
        let bytes = |pages: &BTreeMap<String, NewFile>| {
            let pages = pages.values().map(|page| page.bytes.clone());
            pages.collect::<Vec<_>>()
        };
        assert_eq!(bytes(&made), bytes(&pages().expect("pages")));
    }
}
