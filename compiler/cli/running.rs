//! Who runs commands, and which server helps: options that several commands share, and what they come to together with the environment and
//! the user's configuration.

#[cfg(feature = "remote")]
mod remote;

use clap::{Args, ValueEnum};

use crate::build::Fleet;
use crate::build::executor::{self, Choice, Executor};
use crate::configuration::{self, Asked, Configuration, UserFile};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::manifest::configuration::Executor as Written;
use crate::source::SourceMap;
use crate::tree::Store;

use super::Failed;
use super::session::Session;

#[cfg(feature = "remote")]
pub(super) use remote::{RemoteArguments, configured, connection, ready};

/// Who runs foreign code, and with what help.
#[derive(Debug, Clone, Args)]
pub(super) struct RunningArguments {
    #[command(flatten)]
    pub(super) executor: ExecutorArgument,
    #[cfg(feature = "remote")]
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Who runs foreign code.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct ExecutorArgument {
    /// Who runs foreign code; it does not change what comes out. Default: $ZOSC_EXECUTOR, else the user's configuration, else the sandbox.
    ///
    /// $ZOSC_CONTAINER_ARGS has further options of `podman run` or `docker run`.
    #[arg(long, value_name = "WHO")]
    executor: Option<ExecutorName>,
}

/// An executor.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExecutorName {
    /// The sandbox that zosc brings along.
    Sandbox,
    /// Containers of podman, as root or as an ordinary user.
    Podman,
    /// Containers of docker.
    Docker,
    /// Workers of the server that `--remote` names; what cannot go there runs in the sandbox.
    #[cfg(feature = "remote")]
    Remote,
}

impl ExecutorArgument {
    /// The executor that was typed.
    pub(super) fn choice(self) -> Option<Choice> {
        self.executor.map(|name| match name {
            ExecutorName::Sandbox => Choice::Sandbox,
            ExecutorName::Podman => Choice::Podman,
            ExecutorName::Docker => Choice::Docker,
            #[cfg(feature = "remote")]
            ExecutorName::Remote => Choice::Remote,
        })
    }

    /// The executor on this machine, for what makes no sense elsewhere: a shell.
    pub(super) fn here(
        self,
        session: &Session,
        store: &Store,
    ) -> Result<Box<dyn Executor>, Failed> {
        if self.choice() == Some(Choice::Remote) {
            let problem = Diagnostic::error(
                "zosc::cli::only-here",
                "nobody enters a sandbox on another machine",
            )
            .help("leave `--executor remote` out: the sandbox is made on this machine, from the same inputs");
            session.report(&problem.into());
            return Err(Failed);
        }
        let (settled, _) = settled(session, &Asked::default())?;
        let choice = session.settle(wanted(self, settled.executor).map_err(Into::into))?;
        let choice = if choice == Choice::Remote {
            Choice::Sandbox
        } else {
            choice
        };
        session.settle(executor::make(choice, store).map_err(Into::into))
    }
}

/// Who runs commands, as it was settled.
pub(super) struct Running {
    /// Those that run on this machine.
    pub(super) executor: Box<dyn Executor>,
    #[cfg(feature = "remote")]
    remote: Option<crate::build::remote::Remote>,
}

impl Running {
    /// The machines elsewhere that help.
    #[cfg(feature = "remote")]
    pub(super) fn fleet(&self) -> Option<&dyn Fleet> {
        self.remote.as_ref().map(|remote| remote as &dyn Fleet)
    }

    /// The machines elsewhere that help: this zosc was built without them.
    #[cfg(not(feature = "remote"))]
    #[allow(clippy::unused_self)] // The same face as with them.
    pub(super) fn fleet(&self) -> Option<&dyn Fleet> {
        None
    }
}

impl RunningArguments {
    /// What was typed, for another zosc that does the same on this machine.
    #[cfg_attr(
        not(feature = "remote"),
        allow(clippy::match_wildcard_for_single_variants)
    )] // With it, there are two.
    pub(super) fn words_here(&self) -> Vec<String> {
        let name = self.executor.executor.map(|name| match name {
            ExecutorName::Podman => "podman",
            ExecutorName::Docker => "docker",
            _ => "sandbox",
        });
        name.map_or_else(Vec::new, |name| {
            vec!["--executor".to_owned(), name.to_owned()]
        })
    }

    /// Settles who runs commands. Nobody is asked yet: a server or an engine that is missing fails the first command, and none where all results
    /// are stored.
    pub(super) fn settle(&self, session: &Session, store: &Store) -> Result<Running, Failed> {
        #[cfg(feature = "remote")]
        return self.remote.settle(session, self.executor, store);
        #[cfg(not(feature = "remote"))]
        {
            let (settled, _) = settled(session, &Asked::default())?;
            let choice = wanted(self.executor, settled.executor);
            let made = choice.and_then(|choice| executor::make(choice, store));
            let executor = session.settle(made.map_err(Into::into))?;
            Ok(Running { executor })
        }
    }

    /// Who runs commands on this machine, whatever the environment and the user's configuration say of others.
    pub(super) fn settle_here(&self, session: &Session, store: &Store) -> Result<Running, Failed> {
        Ok(Running {
            executor: self.executor.here(session, store)?,
            #[cfg(feature = "remote")]
            remote: None,
        })
    }
}

/// The executor that is meant: as typed, else as the environment has it, else as the user's configuration has it.
fn wanted(typed: ExecutorArgument, written: Option<Written>) -> Result<Choice, Diagnostic> {
    let written = written.map_or(Choice::Sandbox, |written| match written {
        Written::Sandbox => Choice::Sandbox,
        Written::Podman => Choice::Podman,
        Written::Docker => Choice::Docker,
        Written::Remote => Choice::Remote,
    });
    executor::wanted(typed.choice(), written)
}

/// Who runs commands where nothing is typed.
#[cfg(not(feature = "remote"))]
pub(super) fn configured_executor(session: &Session) -> Result<Choice, Failed> {
    let (configuration, _) = settled(session, &Asked::default())?;
    let choice = wanted(ExecutorArgument::default(), configuration.executor);
    session.settle(choice.map_err(Into::into))
}

/// Where the user's configuration is.
fn user_file() -> Option<UserFile> {
    let (path, is_named) = io::configuration_file()?;
    Some(UserFile { path, is_named })
}

/// What the three sources come to and their texts, after showing what is wrong with them.
fn settled(session: &Session, asked: &Asked) -> Result<(Configuration, SourceMap), Failed> {
    let asked = Asked {
        current_directory: session.current_directory()?,
        home: io::environment("HOME").map(Into::into),
        file: user_file(),
        ..asked.clone()
    };
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let configuration = configuration::settle(&asked, &io::System, &mut sources, &mut problems);
    if !problems.is_empty() {
        session.report_in(&problems, &sources);
    }
    if problems.has_errors() {
        return Err(Failed);
    }
    Ok((configuration, sources))
}
