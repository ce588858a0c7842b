//! Servers that run commands or share results: the options about them, and what a connection needs.

use clap::{ArgAction, Args, ValueEnum};

use crate::build::executor::{self, Choice};
use crate::build::remote::{Remote, Use};
use crate::cli::Failed;
use crate::cli::session::Session;
use crate::configuration::{self, Asked, Field, Server, VARIABLES, Word};
use crate::diagnostic::Diagnostics;
use crate::io;
use crate::remote::{Secret, Settings, Tls};
use crate::source::SourceMap;
use crate::tree::Store;

use super::{ExecutorArgument, Running, settled, user_file, wanted};

/// Where the options stand in the help.
const HEADING: &str = "Remote execution";

/// A server of the Remote Execution API. Each of these may also stand in the environment or in the user's configuration.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct RemoteArguments {
    /// The server: `grpcs://HOST:PORT`, or `grpc://HOST:PORT` without TLS. Default: $ZOSC_REMOTE, else the user's configuration.
    ///
    /// It is used with `--executor remote`, which runs commands there, or with `--remote-cache`, which shares results alone.
    /// What the user's configuration says of another server is left out.
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    remote: Option<String>,
    /// Take results that the server keeps, and add to them, also where commands run on this machine.
    #[arg(long, overrides_with = "no_remote_cache", help_heading = HEADING)]
    remote_cache: bool,
    /// Run commands on this machine without the server's results, whatever the user's configuration says.
    #[arg(long, overrides_with = "remote_cache", help_heading = HEADING)]
    no_remote_cache: bool,
    /// The server's instance that is meant. Default: $ZOSC_REMOTE_INSTANCE, else the one without a name.
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    remote_instance: Option<String>,
    /// A header of every request; `(env)NAME` in it stands for what that environment variable holds. May be repeated.
    ///
    /// `--remote-header "authorization=Bearer (env)TOKEN"` sends a token that stands in no command line; $ZOSC_REMOTE_TOKEN does the same.
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append, help_heading = HEADING)]
    remote_header: Vec<String>,
    /// A platform property that workers must have: `OSFamily=linux`. None are sent but these. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append, help_heading = HEADING)]
    remote_property: Vec<String>,
    /// The authorities that the server's certificate is checked against, in PEM. Default: $SSL_CERT_FILE, else Mozilla's.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    remote_ca: Option<String>,
    /// The certificate that zosc shows to the server, in PEM.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    remote_cert: Option<String>,
    /// The private key of that certificate, in PEM.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    remote_key: Option<String>,
    /// How many commands may be on their way at once; they take no processors of `--jobs`. Default: 32.
    #[arg(long, value_name = "N", help_heading = HEADING)]
    remote_jobs: Option<String>,
    /// How long a command may wait for a worker, such as `90s`. Default: 10m.
    #[arg(long, value_name = "TIME", help_heading = HEADING)]
    remote_timeout: Option<String>,
    /// Who runs a command where the server cannot be reached. Default: none, and the build fails.
    #[arg(long, value_name = "WHO", help_heading = HEADING)]
    remote_fallback: Option<Fallback>,
}

/// Who runs a command where the server cannot be reached.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fallback {
    /// The sandbox of this machine.
    Local,
    /// Nobody: the build fails.
    None,
}

impl RemoteArguments {
    /// What was typed.
    fn typed(&self) -> Vec<Word> {
        let word = |name, field, value: &str| Word {
            name,
            field,
            value: value.to_owned(),
        };
        let single = [
            ("--remote", Field::Address, &self.remote),
            ("--remote-instance", Field::Instance, &self.remote_instance),
            ("--remote-ca", Field::Authority, &self.remote_ca),
            ("--remote-cert", Field::Certificate, &self.remote_cert),
            ("--remote-key", Field::Key, &self.remote_key),
            ("--remote-jobs", Field::Jobs, &self.remote_jobs),
            ("--remote-timeout", Field::Timeout, &self.remote_timeout),
        ];
        let repeated = [
            ("--remote-header", Field::Header, &self.remote_header),
            ("--remote-property", Field::Property, &self.remote_property),
        ];
        let mut words = Vec::new();
        for (name, field, value) in single {
            words.extend(value.iter().map(|value| word(name, field, value)));
        }
        for (name, field, values) in repeated {
            words.extend(values.iter().map(|value| word(name, field, value)));
        }
        if self.remote_cache {
            words.push(word("--remote-cache", Field::Cache, "true"));
        }
        if self.no_remote_cache {
            words.push(word("--no-remote-cache", Field::Cache, "false"));
        }
        let fallback = self.remote_fallback.map(|fallback| match fallback {
            Fallback::Local => "local",
            Fallback::None => "none",
        });
        let fallback = fallback.map(|who| word("--remote-fallback", Field::Fallback, who));
        words.extend(fallback);
        words
    }

    fn asked(&self) -> Asked {
        let set = VARIABLES.iter().filter_map(|(name, field)| {
            Some(Word {
                name,
                field: *field,
                value: io::environment(name)?,
            })
        });
        Asked {
            command_line: self.typed(),
            environment: set.collect(),
            ..Asked::default()
        }
    }

    /// Settles who runs commands, and what a server is used for.
    pub(super) fn settle(
        &self,
        session: &Session,
        typed: ExecutorArgument,
        store: &Store,
    ) -> Result<Running, Failed> {
        let (configuration, sources) = settled(session, &self.asked())?;
        let choice = wanted(typed, configuration.executor);
        let choice = session.settle(choice.map_err(Diagnostics::from))?;
        let executor = executor::make(choice, store);
        let executor = session.settle(executor.map_err(Diagnostics::from))?;
        let executes = choice == Choice::Remote;
        let Some(server) = configuration.server else {
            if executes {
                let problem =
                    configuration::no_server("`remote` as executor", user_file().as_ref());
                return session.fail(problem).map(|()| Running {
                    executor,
                    remote: None,
                });
            }
            return Ok(Running {
                executor,
                remote: None,
            });
        };
        let used = match (executes, server.cache) {
            (true, cache) => Some(Use::Execute {
                falls_back: server.falls_back,
                shares: cache != Some(false),
            }),
            (false, Some(true)) => Some(Use::Cache),
            (false, _) => None,
        };
        let Some(used) = used else {
            if server.is_typed {
                session.report(&configuration::unused_server(&server.address).into());
            }
            return Ok(Running {
                executor,
                remote: None,
            });
        };
        let settings = ready(session, &server, &sources)?;
        Ok(Running {
            executor,
            remote: Some(Remote::new(settings, used)),
        })
    }
}

/// What is needed to speak to the server that is named, and what to call it.
pub(in crate::cli) fn connection(
    session: &Session,
    arguments: &RemoteArguments,
    what: &str,
) -> Result<Settings, Failed> {
    let (configuration, sources) = settled(session, &arguments.asked())?;
    if let Some(server) = configuration.server {
        return ready(session, &server, &sources);
    }
    session.fail(configuration::no_server(what, user_file().as_ref()))?;
    Err(Failed)
}

/// Who runs commands where nothing is typed, and the server that the environment or the user's configuration names.
pub(in crate::cli) fn configured(
    session: &Session,
) -> Result<(Choice, Option<(Server, SourceMap)>), Failed> {
    let (configuration, sources) = settled(session, &RemoteArguments::default().asked())?;
    let choice = wanted(ExecutorArgument::default(), configuration.executor);
    let choice = session.settle(choice.map_err(Diagnostics::from))?;
    Ok((choice, configuration.server.map(|server| (server, sources))))
}

/// Everything that a connection needs; secrets are read here.
pub(in crate::cli) fn ready(
    session: &Session,
    server: &Server,
    sources: &SourceMap,
) -> Result<Settings, Failed> {
    if let Some(caution) = server.caution() {
        session.report_in(&caution.into(), sources);
    }
    let mut problems = Diagnostics::new();
    let mut headers = Vec::new();
    for header in &server.headers {
        match header.value(&io::environment) {
            Ok(value) => headers.push((header.name.clone(), Secret::new(value))),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        session.report_in(&problems, sources);
        return Err(Failed);
    }
    let usual = Settings::default();
    Ok(Settings {
        endpoint: server.address.clone(),
        instance: server.instance.clone(),
        headers,
        properties: server.properties.clone(),
        tls: Tls {
            ca: server.authority.clone(),
            certificate: server.certificate.clone(),
            key: server.key.clone(),
        },
        slots: server.jobs.unwrap_or(usual.slots),
        queue: server.timeout.unwrap_or(usual.queue),
        ..usual
    })
}
