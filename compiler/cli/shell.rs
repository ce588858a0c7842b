//! `zosc shell`.

use std::process::ExitCode;

use serde_json::json;

use crate::build::executor::Executor;
use crate::build::sandbox::{End, Outcome as Ended};
use crate::build::{self, Options, Shell, State};
use crate::plan;
use crate::tree::Store;

use super::progress::Progress;
use super::session::{CANCELLED, Session};
use super::{ExecutorArgument, Failed, LockArguments, ManifestOption, Outcome};

/// Opens a sandbox in which a source is built: its files, its toolchain, its environment, as `zosc build` has them.
///
/// `zosc shell zinit` makes the sandbox where there is none, and enters it; where the build of `zinit` has failed, everything is as that
/// left it. `/build/run` in it builds as zosc would. What you change stays until `zosc shell stop zinit`, and several
/// terminals may be inside at once.
///
/// With a command behind `--`, that runs instead of a shell, and zosc ends with its exit code: `zosc shell zinit -- make test`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    open: Open,
    /// Run this instead of a shell.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Which sandbox, and how it is made.
#[derive(Debug, clap::Args)]
struct Open {
    /// The source whose build is looked at.
    #[arg(value_name = "SOURCE", required_unless_present = "action")]
    source: Option<String>,
    /// Instead of a source: the first digits of the key of any command that was run, as the message of its failure says.
    #[arg(long, value_name = "KEY", conflicts_with = "source")]
    action: Option<String>,
    #[command(flatten)]
    manifest: ManifestOption,
    #[command(flatten)]
    lock: LockArguments,
    #[command(flatten)]
    executor: ExecutorArgument,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Makes a sandbox and does not enter it.
    Start(Open),
    /// Enters a sandbox that is there, from any folder.
    Enter {
        /// Its name, as `zosc shell list` shows it.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        executor: ExecutorArgument,
        /// Run this instead of a shell.
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Removes sandboxes and everything in them.
    Stop {
        /// Their names, as `zosc shell list` shows them.
        #[arg(value_name = "NAME", required_unless_present = "all")]
        names: Vec<String>,
        /// All that nobody is in.
        #[arg(long, conflicts_with = "names")]
        all: bool,
    },
    /// Lists the sandboxes there are: name, state, since when, where.
    List,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let done = |()| ExitCode::SUCCESS;
    match &arguments.verb {
        None => {
            let (store, shell) = open(session, &arguments.open)?;
            let executor = arguments.open.executor.here(session, &store)?;
            enter(session, &store, shell, &*executor, &arguments.command)
        }
        Some(Verb::Start(arguments)) => {
            let (_, shell) = open(session, arguments)?;
            session.tell(&format!(
                "{} {}; enter it with `zosc shell enter {}`",
                session.style().good("ok"),
                described(&shell),
                shell.name()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Enter {
            name,
            executor,
            command,
        }) => {
            let store = session.store()?;
            let executor = executor.here(session, &store)?;
            let shell = session.settle(build::find_shell(&store, name).map_err(Into::into))?;
            enter(session, &store, shell, &*executor, command)
        }
        Some(Verb::Stop { names, all }) => stop(session, names, *all).map(done),
        Some(Verb::List) => list(session).map(done),
    }
}

/// The sandbox that is asked for, made where there is none.
fn open(session: &mut Session, arguments: &Open) -> Result<(Store, Shell), Failed> {
    let store = session.store()?;
    if let Some(key) = &arguments.action {
        let shell = session.settle(build::reopen(&store, key).map_err(Into::into))?;
        return Ok((store, shell));
    }
    let name = arguments.source.as_deref().unwrap_or_default();
    let image = session.image(&arguments.manifest.arguments())?;
    let mode = arguments.lock.mode_with(arguments.executor);
    let inputs = session.inputs(&image, &store, mode)?;
    let plan = session.settle(plan::lower(&image, &inputs))?;
    let network = session.network(arguments.lock.offline)?;
    let executor = arguments.executor.here(session, &store)?;
    let options = Options::new(&*network, arguments.lock.offline, &*executor, &CANCELLED);
    let progress = Progress::new(session);
    let opened = session.with_contents(std::slice::from_ref(&image), &store, mode, || {
        build::open_shell(&plan, name, &store, &options, &progress)
    })?;
    progress.finish();
    let opened = opened.map_err(|problems| session.with_dropped(&image, &inputs, &store, problems));
    Ok((store, session.settle(opened)?))
}

/// Runs a shell, or a command, and ends as that ended.
fn enter(
    session: &Session,
    store: &Store,
    mut shell: Shell,
    executor: &dyn Executor,
    command: &[String],
) -> Result<ExitCode, Failed> {
    if command.is_empty() {
        greet(session, store, &shell);
    }
    let ended = shell.enter(store, executor, command);
    let Ended { end, .. } = session.settle(ended.map_err(Into::into))?;
    // How a shell that somebody left ended says nothing about zosc's own work.
    if command.is_empty() {
        session.tell(&format!(
            "left; what you changed stays until `zosc shell stop {}`",
            shell.name()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(match end {
        End::Exited(code) => code as u8,
        End::Signalled(signal) => 128_u8.wrapping_add(signal as u8),
        End::TimeLimit | End::OutputLimit | End::ProcessLimit | End::Cancelled => 1,
    }))
}

/// Says where one is, and what to type.
fn greet(session: &Session, store: &Store, shell: &Shell) {
    session.tell(&described(shell));
    let command = shell.arguments().join(" ");
    session.tell(&match shell.script() {
        Some(script) => format!("type `{script}` to build as zosc does: {command}"),
        None => format!("its command: {command}"),
    });
    if let Some(log) = shell.log(store) {
        session.tell(&format!("its last log: {}", log.display()));
    }
    session.tell("leave with `exit`");
}

fn described(shell: &Shell) -> String {
    let (id, label) = (shell.id(), shell.label());
    match shell.state() {
        State::Started => format!("sandbox {id}: all is ready for `{label}`"),
        State::Failed => format!("sandbox {id}: as `{label}` left it when it failed"),
    }
}

fn stop(session: &Session, names: &[String], all: bool) -> Outcome {
    let store = session.store()?;
    let mut chosen = Vec::new();
    if all {
        let shells = build::shells(&store).into_iter();
        chosen.extend(shells.filter(|shell| !shell.is_in_use()));
    }
    for name in names {
        chosen.push(session.settle(build::find_shell(&store, name).map_err(Into::into))?);
    }
    for shell in chosen {
        let id = shell.id();
        session.settle(shell.stop(&store).map_err(Into::into))?;
        session.tell(&format!("{} {id}", session.style().verb("stopped")));
    }
    Ok(())
}

fn list(session: &Session) -> Outcome {
    let store = session.store()?;
    let shells = build::shells(&store);
    if shells.is_empty() {
        session.tell("no sandboxes; `zosc shell SOURCE` makes one");
    }
    let mut text = String::new();
    let width = shells.iter().map(|shell| shell.id().len()).max();
    for shell in &shells {
        let (id, state, folder) = (shell.id(), state(shell), shell.folder().display());
        let since = shell
            .since()
            .and_then(|since| jiff::Timestamp::try_from(since).ok());
        let since = since.map_or_else(String::new, |since| {
            since.strftime("%Y-%m-%d %H:%M UTC").to_string()
        });
        text.push_str(&if session.for_people() {
            format!("{id:width$}  {state:<7}  {since}  {folder}\n", width = width.unwrap_or(0))
        } else {
            let object = json!({
                "name": shell.name(), "id": id, "state": state, "since": since, "folder": shell.folder(),
            });
            format!("{object}\n")
        });
    }
    session.print(&text)
}

fn state(shell: &Shell) -> &'static str {
    match shell.state() {
        _ if shell.is_in_use() => "in use",
        State::Started => "started",
        State::Failed => "failed",
    }
}
