//! How zosc goes about its work for this user: who runs commands, and which server helps.
//!
//! Comes in: what the command line, the environment and the user's file say. Goes out: one [`Configuration`], in which the command line wins
//! over the environment and the environment over the file. None of it changes what is built. Never opens a connection, and
//! never reads a secret before it is used: texts that are kept for messages hold none.

mod address;
mod faults;
mod file;
mod header;
mod said;
mod server;
mod veil;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics, TextEdit};
use crate::io::Files;
use crate::manifest::configuration::Executor;
use crate::source::SourceMap;

pub use address::{Address, Wrong};
pub use faults::{no_server, unused_server};
pub use header::Header;
pub use said::{Field, VARIABLES, Word};
pub use server::Server;

use said::Said;

/// What is asked, and where.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The absolute folder that relative paths of the command line and the environment start from.
    pub current_directory: PathBuf,
    /// The user's home, which `~` in the file stands for.
    pub home: Option<PathBuf>,
    /// Options, in the order in which they were typed.
    pub command_line: Vec<Word>,
    /// Variables that are set, of those that [`VARIABLES`] names.
    pub environment: Vec<Word>,
    /// The user's file.
    pub file: Option<UserFile>,
}

/// Where the user's configuration is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether the user has named it, so that it has to be there.
    pub is_named: bool,
}

/// How zosc goes about its work.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Who runs commands where nothing nearer than the file says so.
    pub executor: Option<Executor>,
    /// The server that is named, where one is.
    pub server: Option<Server>,
}

/// Reads the file and puts the three sources together; their texts are added to `sources`. Any error in `sink` means that nothing should be
/// done with what comes out.
pub fn settle(
    asked: &Asked,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Configuration {
    let mut found = Diagnostics::new();
    let here = &asked.current_directory;
    let words = (asked.command_line.as_slice(), "<command line>");
    let typed = Said::of_words(words, here, sources, &mut found);
    let words = (asked.environment.as_slice(), "<environment>");
    let set = Said::of_words(words, here, sources, &mut found);
    let place = asked.file.as_ref();
    let file =
        place.map(|place| file::read(place, asked.home.as_deref(), files, sources, &mut found));
    let file = file.unwrap_or_default();
    let configuration = Configuration {
        executor: file.executor,
        server: server::settle(typed, set, file.servers, place, &mut found),
    };
    found.sort();
    sink.extend(
        found
            .into_iter()
            .map(|problem| mendable(problem, sources))
            .collect(),
    );
    configuration
}

/// Reads one file alone, as the user's, and checks all that it says.
pub fn check(path: &Path, files: &dyn Files, sources: &mut SourceMap, sink: &mut Diagnostics) {
    let asked = Asked {
        file: Some(UserFile {
            path: path.to_owned(),
            is_named: true,
        }),
        ..Asked::default()
    };
    let configuration = settle(&asked, files, sources, sink);
    let cautions = configuration.server.iter().filter_map(Server::caution);
    sink.extend(cautions.collect::<Diagnostics>());
}

/// A problem without changes of what is in no file.
fn mendable(mut problem: Diagnostic, sources: &SourceMap) -> Diagnostic {
    let is_in_file = |edit: &TextEdit| {
        let source = sources.get(edit.span.source);
        source.is_some_and(|source| source.file.is_some())
    };
    problem.fixes.retain(|fix| fix.edits.iter().all(is_in_file));
    problem
}

/// The value of a header's variable is read from here, and shown nowhere.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An error about something that one of the sources says.
fn fault(code: &'static str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message)
}
