//! `zosc remote check`.

use serde_json::json;

use crate::build::remote::{Probed, probe};
use crate::cli::running::{RemoteArguments, connection};
use crate::cli::session::{CANCELLED, Session};
use crate::cli::{Failed, Format, Outcome};
use crate::diagnostic::{Diagnostic, Diagnostics, bytes};
use crate::io;
use crate::remote::{
    Abilities, ActionResult, Blob, Client, Command, Content, Failure, Folder, Settings, action,
};

/// Says what a server is and can, and whether zosc can work with it.
///
/// It sends contents of two sizes and reads them back, gives the server a result to keep and asks for it, and has a worker run zosc itself.
/// What it sends is a few MiB that nobody needs, and the program; a server forgets such things by and by.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// Sizes of contents: one goes in a batch, the other as a stream.
const SIZES: [usize; 2] = [1 << 10, 3 << 20];

/// What was found out.
struct Found<'a> {
    settings: &'a Settings,
    abilities: &'a Abilities,
    /// Whether the server takes results from us.
    keeps: Option<bool>,
    /// Who ran zosc, and how long that took.
    ran: Option<Probed>,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let settings = connection(session, &arguments.remote, "`zosc remote check`")?;
    let store = session.store()?;
    let client = session.settle(connect(&settings).map_err(Into::into))?;
    let mut problems = Diagnostics::new();
    let mut found = Found {
        settings: &settings,
        abilities: client.abilities(),
        keeps: None,
        ran: None,
    };
    if let Err(problem) = contents(&client) {
        problems.push(problem);
    } else {
        let keeps = results(&client);
        found.keeps = keeps.map_err(|problem| problems.push(problem)).ok();
        if found.abilities.executes {
            session.tell(&format!("{} a worker", session.style().verb("asking")));
            let ran = probe(&client, &settings, &store, &CANCELLED);
            found.ran = ran.map_err(|failure| problems.push(failure.problem)).ok();
        }
    }
    let text = match arguments.format {
        Format::Human => found.human(session, !problems.has_errors()),
        Format::Json => format!("{}\n", found.json(!problems.has_errors())),
    };
    session.print(&text)?;
    if problems.is_empty() {
        return Ok(());
    }
    session.report(&problems);
    Err(Failed)
}

fn connect(settings: &Settings) -> Result<Client, Diagnostic> {
    Ok(Client::connect(settings, &CANCELLED)?)
}

/// Sends contents that no server can have, and reads them back.
fn contents(client: &Client) -> Result<(), Diagnostic> {
    for size in SIZES {
        let mut sent = vec![0; size];
        io::random(&mut sent).map_err(|error| {
            Diagnostic::error(
                "zosc::cli::cannot-read",
                format!("this machine has no random numbers: {error}"),
            )
            .help("run the command again")
        })?;
        let blob = Blob::of(&sent);
        let parcel = [(blob, Content::Bytes(sent))];
        client.upload(&parcel, &mut |_, _| {}, &CANCELLED)?;
        // What comes back is hashed.
        client.read(&blob, blob.size, &CANCELLED)?;
    }
    Ok(())
}

/// Gives the server a result to keep and asks for it; whether it took it.
fn results(client: &Client) -> Result<bool, Diagnostic> {
    let try_it = || -> Result<bool, Failure> {
        let text = format!("zosc remote check {}", io::unix_milliseconds());
        let content = Blob::of(text.as_bytes());
        let command = Command {
            arguments: vec![text.clone()],
            ..Command::default()
        };
        let (root, mut messages) = Folder::new().messages();
        let prepared = action(&command, &root);
        messages.extend(prepared.messages.clone());
        messages.push((content, text.into_bytes()));
        let parcel = messages.into_iter();
        let parcel: Vec<_> = parcel
            .map(|(blob, bytes)| (blob, Content::Bytes(bytes)))
            .collect();
        client.upload(&parcel, &mut |_, _| {}, &CANCELLED)?;
        let result = ActionResult {
            files: vec![("checked".to_owned(), content, false)],
            ..ActionResult::default()
        };
        let is_kept = client.keep_result(&prepared.blob, &result, &CANCELLED)?;
        let found = client.result_of(&prepared.blob, &CANCELLED)?;
        Ok(is_kept && found.is_some_and(|found| found.files == result.files))
    };
    Ok(try_it()?)
}

impl Found<'_> {
    /// What can be done with such a server.
    fn verdict(&self, is_sound: bool) -> &'static str {
        match (is_sound, &self.ran, self.keeps) {
            (false, ..) => "zosc cannot work with it as it is",
            (_, Some(_), Some(true)) => "`--executor remote` and `--remote-cache` work",
            (_, Some(_), _) => "`--executor remote` works; results of this machine are not shared",
            (_, None, Some(true)) => "`--remote-cache` works; it runs no commands",
            (_, None, _) => "results can be taken from it; it takes none, and runs no commands",
        }
    }

    fn human(&self, session: &Session, is_sound: bool) -> String {
        let style = session.output_style();
        let instance = match self.settings.instance.as_str() {
            "" => String::new(),
            name => format!(", instance `{name}`"),
        };
        let batch = match self.abilities.batch {
            0 => "any size".to_owned(),
            size => bytes(size),
        };
        let results = match self.keeps {
            Some(true) => "kept, and found again",
            Some(false) => "it takes none from here",
            None => "not known",
        };
        let commands = match &self.ran {
            Some(ran) => format!(
                "{} runs on {} ({:.1} s)",
                ran.version,
                if ran.worker.is_empty() {
                    "a worker without a name"
                } else {
                    &ran.worker
                },
                ran.elapsed.as_secs_f64()
            ),
            None if self.abilities.executes => "not run".to_owned(),
            None => "it runs none".to_owned(),
        };
        let lines = [
            ("server", format!("{}{instance}", self.settings.endpoint)),
            (
                "protocol",
                format!(
                    "{} by {}",
                    self.abilities.api,
                    self.abilities.digests.join(", ")
                ),
            ),
            ("contents", format!("batches of {batch}")),
            ("results", results.to_owned()),
            ("commands", commands),
        ];
        let lines =
            lines.map(|(what, fact)| format!("{} {fact}\n", style.faint(&format!("{what:<9}"))));
        format!(
            "{}{} {}\n",
            lines.concat(),
            if is_sound {
                style.good("ok")
            } else {
                style.bad("no")
            },
            self.verdict(is_sound)
        )
    }

    fn json(&self, is_sound: bool) -> serde_json::Value {
        let Abilities {
            api,
            executes,
            keeps_results,
            batch,
            largest,
            digests,
            ..
        } = self.abilities;
        json!({
            "server": self.settings.endpoint,
            "instance": self.settings.instance,
            "api": api,
            "digests": digests,
            "executes": executes,
            "keeps-results": keeps_results,
            "batch": batch,
            "largest": largest,
            "results": self.keeps,
            "worker": self.ran.as_ref().map(|ran| &ran.worker),
            "program": self.ran.as_ref().map(|ran| &ran.version),
            "seconds": self.ran.as_ref().map(|ran| ran.elapsed.as_secs_f64()),
            "works": is_sound,
        })
    }
}
