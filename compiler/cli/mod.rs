//! The command line: one file a command, whose doc comment is its help.
//!
//! Comes in: arguments. Goes out: text for people on standard error, results on standard output, and an exit code: 0 for
//! success, 1 for a failure that was explained, 2 for arguments that make no sense, 128 and the signal's number where somebody
//! asked it to stop before it was done (130 after Ctrl-C); `diff` has the codes of diff(1). Holds no logic that another face
//! of zosc would need.

mod boot;
mod build;
mod check;
mod clean;
mod completions;
mod contents;
mod diff;
mod doctor;
mod explain;
mod fetch;
#[cfg(feature = "publish")]
mod flist;
mod fmt;
mod inspect;
mod lock;
#[cfg(feature = "lsp")]
mod lsp;
mod man;
mod message;
mod migrate;
mod new;
mod page;
mod plan;
mod progress;
mod provenance;
#[cfg(feature = "publish")]
mod publish;
mod reference;
#[cfg(feature = "remote")]
mod remote;
mod render;
mod repo;
mod report;
mod resolve;
mod running;
mod sbom;
mod schema;
mod session;
mod shell;
mod store;
mod units;
mod update;
mod vendor;
mod watch;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::build::executor::{Choice, inside_container};

use running::ExecutorArgument;
use session::Session;

pub use reference::reference;

/// Compiles one declarative manifest, zos.kdl, into a bootable Zero-OS image.
///
/// A first image, from nothing: `zosc new`, then `zosc check`, `zosc build`, `zosc boot`.
#[derive(Debug, Parser)]
#[command(
    name = "zosc",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// How problems are told: for people, or one JSON object a line for programs.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,
    /// When to use colours; NO_COLOR turns them off too.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Where contents and results are kept. Default: $ZOSC_STORE, else `zosc` in the user's cache folder.
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
}

/// How problems are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MessageFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorChoice {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which manifest, and what is changed in it.
#[derive(Debug, Args)]
struct ManifestArguments {
    /// The manifest.
    #[arg(value_name = "MANIFEST", default_value = "zos.kdl")]
    manifest: PathBuf,
    /// Sets a value of the manifest for this run: `--set kernel.version=6.12.50`. May be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// Which manifests, for commands that take several, and what is changed in each of them.
#[derive(Debug, Args)]
struct ManifestsArguments {
    /// The manifests, one or more.
    #[arg(value_name = "MANIFEST", default_value = "zos.kdl")]
    manifests: Vec<PathBuf>,
    /// Sets a value of each manifest for this run: `--set kernel.version=6.12.50`. May be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl ManifestsArguments {
    /// Each by itself.
    fn each(&self) -> Vec<ManifestArguments> {
        let manifests = self.manifests.iter();
        let each = manifests.map(|manifest| ManifestArguments {
            manifest: manifest.clone(),
            set: self.set.clone(),
        });
        each.collect()
    }
}

/// Which manifest, for commands whose own arguments are something else.
#[derive(Debug, Args)]
struct ManifestOption {
    /// The manifest.
    #[arg(long, value_name = "MANIFEST", default_value = "zos.kdl")]
    manifest: PathBuf,
    /// Sets a value of the manifest for this run: `--set alpine.release=3.21`. May be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl ManifestOption {
    fn arguments(&self) -> ManifestArguments {
        ManifestArguments {
            manifest: self.manifest.clone(),
            set: self.set.clone(),
        }
    }
}

/// What the lock may do.
#[derive(Debug, Clone, Copy, Args)]
struct LockArguments {
    /// Fail where zos.lock would change.
    #[arg(long)]
    locked: bool,
    /// Do not use the network.
    #[arg(long)]
    offline: bool,
}

impl LockArguments {
    /// What the pass may do, keeping what the lock has.
    fn mode(self) -> crate::lock::Mode<'static> {
        crate::lock::Mode {
            locked: self.locked,
            dry: false,
            offline: self.offline,
            update: crate::lock::Update::Nothing,
            engine: None,
        }
    }

    /// The same, where images of toolchains come from the engine that is to run commands.
    fn mode_with(self, executor: ExecutorArgument) -> crate::lock::Mode<'static> {
        crate::lock::Mode {
            engine: executor.choice().and_then(Choice::engine),
            ..self.mode()
        }
    }
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Arguments),
    Migrate(migrate::Arguments),
    Check(check::Arguments),
    Fmt(fmt::Arguments),
    Lock(lock::Arguments),
    Update(update::Arguments),
    Fetch(fetch::Arguments),
    Vendor(vendor::Arguments),
    Plan(plan::Arguments),
    Build(build::Arguments),
    Watch(watch::Arguments),
    Boot(boot::Arguments),
    Inspect(inspect::Arguments),
    Diff(diff::Arguments),
    Resolve(resolve::Arguments),
    Units(units::Arguments),
    Why(why::Arguments),
    Shell(shell::Arguments),
    Store(store::Arguments),
    Clean(clean::Arguments),
    #[cfg(feature = "publish")]
    Flist(flist::Arguments),
    #[cfg(feature = "publish")]
    Publish(publish::Arguments),
    #[cfg(feature = "remote")]
    Remote(remote::Arguments),
    Repo(repo::Arguments),
    Report(report::Arguments),
    Provenance(provenance::Arguments),
    Sbom(sbom::Arguments),
    Doctor(doctor::Arguments),
    Schema(schema::Arguments),
    Explain(explain::Arguments),
    #[cfg(feature = "lsp")]
    Lsp(lsp::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    /// Becomes a program that is killed when zosc ends.
    #[command(hide = true)]
    EndWithParent {
        /// The program and its arguments.
        #[arg(
            hide = true,
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        command: Vec<std::ffi::OsString>,
    },
    /// Lays out and runs the command that a container was started for.
    #[command(hide = true)]
    InsideContainer,
    /// Lays out and runs the command that a worker was given.
    #[cfg(feature = "remote")]
    #[command(hide = true)]
    InsideWorker {
        /// What the command is called at home, for those who look at the worker's processes.
        #[arg(hide = true)]
        label: String,
    },
}

/// How a command ended.
type Outcome = Result<(), Failed>;

/// The command failed and has said why.
#[derive(Debug)]
struct Failed;

/// Runs zosc with the process's arguments.
pub fn run() -> ExitCode {
    crate::io::keep_others_from_writing();
    #[cfg_attr(not(feature = "publish"), allow(unused_mut))]
    let mut arguments = Arguments::parse();
    // Theirs is a store of blocks, which clap hands up as if it were the option of every command.
    #[cfg(feature = "publish")]
    if let Command::Flist(_) = arguments.command {
        arguments.global.store = None;
    }
    // A server ends at the first signal, as editors expect it.
    #[cfg(feature = "lsp")]
    if let Command::Lsp(_) = arguments.command {
        return lsp::run(arguments.global.store);
    }
    let mut session = Session::new(&arguments.global);
    let outcome = match arguments.command {
        Command::New(arguments) => new::run(&mut session, &arguments),
        Command::Migrate(arguments) => migrate::run(&mut session, &arguments),
        Command::Check(arguments) => check::run(&mut session, &arguments),
        Command::Fmt(arguments) => fmt::run(&mut session, &arguments),
        Command::Lock(arguments) => lock::run(&mut session, &arguments),
        Command::Update(arguments) => update::run(&mut session, &arguments),
        Command::Fetch(arguments) => fetch::run(&mut session, &arguments),
        Command::Vendor(arguments) => vendor::run(&mut session, &arguments),
        Command::Plan(arguments) => plan::run(&mut session, &arguments),
        Command::Build(arguments) => build::run(&mut session, &arguments),
        Command::Watch(arguments) => watch::run(&mut session, &arguments),
        Command::Boot(arguments) => boot::run(&mut session, &arguments),
        Command::Inspect(arguments) => inspect::run(&mut session, &arguments),
        Command::Diff(arguments) => return diff::run(&mut session, &arguments),
        Command::Resolve(arguments) => resolve::run(&mut session, &arguments),
        Command::Units(arguments) => units::run(&mut session, &arguments),
        Command::Why(arguments) => why::run(&mut session, &arguments),
        Command::Shell(arguments) => match shell::run(&mut session, &arguments) {
            Ok(code) => return code,
            Err(failed) => Err(failed),
        },
        Command::Store(arguments) => store::run(&mut session, &arguments),
        Command::Clean(arguments) => clean::run(&mut session, &arguments),
        #[cfg(feature = "publish")]
        Command::Flist(arguments) => flist::run(&mut session, &arguments),
        #[cfg(feature = "publish")]
        Command::Publish(arguments) => publish::run(&mut session, &arguments),
        #[cfg(feature = "remote")]
        Command::Remote(arguments) => remote::run(&mut session, &arguments),
        Command::Repo(arguments) => repo::run(&mut session, &arguments),
        Command::Provenance(arguments) => provenance::run(&mut session, &arguments),
        Command::Report(arguments) => report::run(&mut session, &arguments),
        Command::Sbom(arguments) => sbom::run(&mut session, &arguments),
        Command::Doctor(arguments) => doctor::run(&mut session, &arguments),
        Command::Schema(arguments) => schema::run(&mut session, &arguments),
        Command::Explain(arguments) => explain::run(&mut session, &arguments),
        Command::Completions(arguments) => completions::run(&mut session, &arguments),
        Command::Man(arguments) => man::run(&mut session, &arguments),
        #[cfg(feature = "lsp")]
        Command::Lsp(_) => Ok(()),
        Command::EndWithParent { command } => return end_with_parent(&command),
        Command::InsideContainer => return inside_container(),
        #[cfg(feature = "remote")]
        Command::InsideWorker { .. } => return crate::build::remote::inside_worker(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed) => session::stopped_by().map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// Becomes a program that does not outlive zosc.
fn end_with_parent(command: &[std::ffi::OsString]) -> ExitCode {
    if let Some((program, arguments)) = command.split_first() {
        let error = crate::io::run_in_place(program, arguments);
        eprintln!("{}: {error}", program.display());
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn has_help(command: &clap::Command) {
        let name = command.get_name();
        assert!(
            command.get_about().is_some(),
            "`{name}` says nothing of itself"
        );
        for argument in command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set())
        {
            let id = argument.get_id();
            assert!(argument.get_help().is_some(), "`{id}` of `{name}`");
        }
        command.get_subcommands().for_each(has_help);
    }

    #[test]
    fn the_arguments_are_consistent_and_every_command_has_help() {
        let command = Arguments::command();
        command.clone().debug_assert();
        command.get_subcommands().for_each(has_help);
    }
}
