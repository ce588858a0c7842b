//! Whether workers of a server can run zosc's program at all: `zosc remote check`.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::job::{LIBRARIES, PROGRAM};
use super::own::Own;
use crate::diagnostic::Diagnostic;
use crate::io::Stopwatch;
use crate::remote::{
    self, ActionResult, Client, Command, Content, Failure, Folder, Lookup, Output, Settings,
};
use crate::tree::Store;

/// After what time a worker gives up.
const LIMIT: Duration = Duration::from_mins(2);

/// The most that is read of what a worker says.
const MOST_SAID: u64 = 64 << 10;

/// A worker that has run zosc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// What it says it is: `zosc 0.1.0`.
    pub version: String,
    /// What it calls itself; may be empty.
    pub worker: String,
    /// How long that took, from the moment that the server had everything.
    pub elapsed: Duration,
}

/// Has a worker run this very program, which says its version.
///
/// # Errors
/// What fails on the way, and `zosc::remote::cannot-run` where a worker cannot run it.
pub fn probe(
    client: &Client,
    settings: &Settings,
    store: &Store,
    cancel: &AtomicBool,
) -> Result<Probed, Failure> {
    let own = Own::read(store)?;
    let mut root = Folder::new();
    let mut contents = Vec::new();
    let (program, blob) = &own.program;
    root.file(PROGRAM, *blob, true)?;
    contents.push((*blob, Content::File(program.clone())));
    for (library, blob) in &own.libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy();
        root.file(&format!("{LIBRARIES}/{name}"), *blob, true)?;
        contents.push((*blob, Content::File(library.clone())));
    }
    let mut arguments = own.start.clone();
    arguments.push("--version".to_owned());
    let command = Command {
        arguments,
        properties: settings.properties.clone(),
        timeout: Some(LIMIT),
        ..Command::default()
    };
    let (root, messages) = root.messages();
    let action = remote::action(&command, &root);
    let messages = messages.into_iter().chain(action.messages.clone());
    contents.extend(messages.map(|(blob, bytes)| (blob, Content::Bytes(bytes))));
    client.upload(&contents, &mut |_, _| {}, cancel)?;
    let watch = Stopwatch::start();
    let executed = client.execute(&action, Lookup::Skip, &mut |_| {}, cancel)?;
    let elapsed = watch.elapsed();
    let ActionResult {
        exit_code,
        worker,
        stdout,
        stderr,
        ..
    } = executed.result;
    let said = text(client, &stdout, cancel)?;
    let version = said.trim();
    if exit_code != 0 || !version.starts_with("zosc ") {
        let complaints = text(client, &stderr, cancel)?;
        return Err(cannot_run(exit_code, &format!("{said}\n{complaints}")).into());
    }
    Ok(Probed {
        version: client.clean(version.lines().next().unwrap_or_default()),
        worker,
        elapsed,
    })
}

fn text(client: &Client, output: &Output, cancel: &AtomicBool) -> Result<String, Failure> {
    Ok(match output {
        Output::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Output::Blob(blob) if blob.size <= MOST_SAID => {
            String::from_utf8_lossy(&client.read(blob, MOST_SAID, cancel)?).into_owned()
        }
        Output::Blob(_) => String::new(),
    })
}

fn cannot_run(code: i32, said: &str) -> Diagnostic {
    let problem = Diagnostic::error(
        "zosc::remote::cannot-run",
        format!("a worker cannot run zosc: its command ended with {code}"),
    );
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.take(8).fold(problem, Diagnostic::note).help(
        "workers need the processor and the kernel that this zosc was built for; name those that have them with `--remote-property`",
    )
}
