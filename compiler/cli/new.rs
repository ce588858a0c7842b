//! `zosc new`.

mod ask;
mod editors;
mod project;

use std::io::{self as standard, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::diagnostic::Diagnostic;
use crate::io::{self, Existing};

use super::session::Session;
use super::{Failed, Outcome};

use ask::Person;
use editors::Editor;
use project::{Choices, Console, Template, Workflow};

/// Starts a project: a manifest to read and change, keys, and what editors, git and continuous integration need.
///
/// On a terminal it asks for what no option says; each question has an answer that suits most. Files that exist are
/// never overwritten, and where one does, nothing is written.
///
/// Where a zos.kdl is there already, `zosc new --editor EDITOR` alone adds what the editor needs, and nothing else.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the project; it is made where it is missing.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The name of the image. Default: that of the folder.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// The manifest to start from. Default: minimal.
    #[arg(long, value_name = "TEMPLATE")]
    template: Option<Template>,
    /// Where the kernel and a login show themselves. Default: both.
    #[arg(long, value_name = "WHERE")]
    console: Option<Console>,
    /// An editor that the project is made ready for; may be repeated. Default: vscode.
    #[arg(long, value_name = "EDITOR")]
    editor: Vec<Editor>,
    /// Write no workflow for continuous integration.
    #[arg(long)]
    no_ci: bool,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
    /// Write what is missing where some of the files exist already; those stay as they are.
    #[arg(long)]
    force: bool,
}

impl Arguments {
    /// Whether files for editors are wanted for a project that exists already.
    fn is_about_editors_alone(&self) -> bool {
        let chosen = self.name.is_some() || self.template.is_some() || self.console.is_some();
        let whole = chosen || self.no_ci || self.force;
        !self.editor.is_empty() && !whole && exists(&self.directory.join("zos.kdl"))
    }
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    if arguments.is_about_editors_alone() {
        return add_editors(session, arguments);
    }
    let choices = choose(session, arguments)?;
    let mut files = project::files(&choices);
    if arguments.force {
        files.retain(|path, _| !exists(&arguments.directory.join(path)));
    }
    session.write_all(
        &arguments.directory,
        &files,
        Existing::Keep,
        "name another folder, `zosc new DIR`, or write only what is missing: `zosc new --force`",
    )?;
    for path in files.keys() {
        session.tell(&format!(
            "wrote {}",
            arguments.directory.join(path).display()
        ));
    }
    for editor in &choices.editors {
        session.tell(editor.next());
    }
    session.tell("\nnext:");
    if arguments.directory != Path::new(".") {
        session.tell(&format!("  cd {}", quoted(&arguments.directory)));
    }
    let steps = match choices.template {
        // Not all of it is built yet; `zosc lock` tells what is not.
        Template::ZeroOs => ["zosc check", "zosc units", "zosc lock"],
        _ => ["zosc check", "zosc build", "zosc boot"],
    };
    for step in steps {
        session.tell(&format!("  {step}"));
    }
    Ok(())
}

/// Writes what editors need into a project that exists; of theirs, too, what is there stays as it is.
fn add_editors(session: &mut Session, arguments: &Arguments) -> Outcome {
    let mut files = editors::files(&arguments.editor);
    let there = files.keys().map(|path| arguments.directory.join(path));
    let there: Vec<PathBuf> = there.filter(|path| exists(path)).collect();
    files.retain(|path, _| !there.contains(&arguments.directory.join(path)));
    session.write_all(
        &arguments.directory,
        &files,
        Existing::Keep,
        "run it again: it writes what is missing",
    )?;
    for path in files.keys() {
        let path = arguments.directory.join(path);
        session.tell(&format!("wrote {}", path.display()));
    }
    for path in there {
        session.tell(&format!(
            "kept {}: it exists; `docs/editors.md` says what the editor needs in it",
            path.display()
        ));
    }
    for editor in &arguments.editor {
        session.tell(editor.next());
    }
    Ok(())
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    crate::zinit::quote(&path.display().to_string())
}

fn name(text: &str) -> Result<String, String> {
    if project::is_name(text) {
        Ok(text.to_owned())
    } else {
        Err("a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`".to_owned())
    }
}

/// What the options say, what is answered, and what suits most, in this order.
fn choose(session: &Session, arguments: &Arguments) -> Result<Choices, Failed> {
    let mut choices = Choices {
        name: arguments
            .name
            .clone()
            .unwrap_or_else(|| project::name_of(&folder_name(&arguments.directory))),
        template: arguments.template.unwrap_or(Template::Minimal),
        console: arguments.console.unwrap_or(Console::Both),
        workflow: if arguments.no_ci {
            Workflow::LeftOut
        } else {
            Workflow::Written
        },
        editors: match arguments.editor.as_slice() {
            [] => vec![Editor::Vscode],
            named => named.to_vec(),
        },
    };
    let asks = standard::stdin().is_terminal() && session.draws() && !arguments.yes;
    if asks {
        let person = &mut Person {
            input: &mut standard::stdin().lock(),
            output: &mut standard::stderr().lock(),
        };
        if let Err(error) = ask(person, arguments, &mut choices) {
            let problem = Diagnostic::error(
                "zosc::cli::no-answer",
                format!("a question was not answered ({error}); nothing was written"),
            )
            .help("`zosc new --yes` asks nothing");
            session.report(&problem.into());
            return Err(Failed);
        }
    }
    Ok(choices)
}

/// Asks for what no option says.
fn ask(
    person: &mut Person<'_>,
    arguments: &Arguments,
    choices: &mut Choices,
) -> standard::Result<()> {
    if arguments.name.is_none() {
        choices.name = person.ask("name of the image", &choices.name, name)?;
    }
    if arguments.template.is_none() {
        choices.template = person.ask("template: minimal, demo or zero-os", "minimal", one_of)?;
    }
    if arguments.console.is_none() {
        choices.console = person.ask("console: serial, screen or both", "both", one_of)?;
    }
    if arguments.editor.is_empty() {
        let question = "editor: vscode, neovim, helix, zed or none";
        choices.editors = person.ask(question, "vscode", |answer| match answer {
            "none" => Ok(Vec::new()),
            name => one_of(name).map(|editor| vec![editor]),
        })?;
    }
    if !arguments.no_ci && !person.confirm("a workflow for GitHub Actions")? {
        choices.workflow = Workflow::LeftOut;
    }
    Ok(())
}

fn one_of<T: ValueEnum>(answer: &str) -> Result<T, String> {
    T::from_str(answer, true).map_err(|_| {
        let words = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| format!("`{}`", value.get_name()));
        format!("answer {}", words.collect::<Vec<_>>().join(", "))
    })
}

/// The last name of a folder's path, also for `.`.
fn folder_name(directory: &Path) -> String {
    let absolute = io::current_directory().map(|current| current.join(directory));
    let path = absolute.unwrap_or_else(|_| directory.to_owned());
    let path = path.components().as_path().to_owned();
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
