//! The language server: a face over the same passes as the command line, for editors.
//!
//! Comes in: what an editor says about its texts. Goes out: problems, and answers about places. [`server`] is the loop that
//! everything goes through; it never waits. [`checker`] checks manifests on a thread of its own, the newest state only;
//! [`reader`] reads on another what caches know ([`knowledge`]);
//! features answer on others, each over a [`View`](view::View) that does not change meanwhile, from the text as it is and from
//! the last manifest that was good. [`dispatch`] lists them. Writes no file of a project, only copies of the library ([`library`]) and notes in the
//! store, runs no program, and never uses the network.

pub mod client;
pub mod document;
pub mod knowledge;
pub mod project;
pub mod protocol;
pub mod text;
pub mod uri;
pub mod view;

mod checker;
mod crew;
mod dispatch;
mod lifecycle;
mod publish;
mod reader;
mod reply;
mod server;
mod sync;
mod transport;
mod watching;

mod code_actions;
mod completion;
mod contents;
mod cursor;
mod difference;
mod edit;
mod formatting;
mod hover;
mod inlay;
mod lens;
mod meaning;
mod signature;
mod sketch;

mod folding;
mod library;
mod links;
mod names;
mod navigation;
mod nodes;
mod places;
mod renaming;
mod selection;
mod symbols;
mod tokens;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use protocol::Connection;
use protocol::wire::Message;

use crew::Crew;
use server::{Event, Helpers, Server};

/// What the server is to know beside what the editor says.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where contents and results are kept; it is read, where it is there.
    pub store: PathBuf,
}

/// Serves over standard input and output until the editor is done; whether it said goodbye properly.
pub fn serve_stdio(options: &Options) -> io::Result<bool> {
    serve_streams(io::BufReader::new(io::stdin()), io::stdout(), options)
}

/// Serves over any two streams.
pub fn serve_streams(
    mut input: impl io::BufRead + Send + 'static,
    mut output: impl io::Write + Send + 'static,
    options: &Options,
) -> io::Result<bool> {
    let (events, inbox) = channel();
    let (outbox, messages) = channel();
    let reader = events.clone();
    thread::spawn(move || transport::read(&mut input, &reader));
    let writer = thread::spawn(move || transport::write(&messages, &mut output));
    let ended_well = run(options, events, &inbox, outbox)?;
    // The last answers are written before the program ends.
    let _ = writer.join();
    Ok(ended_well)
}

/// Serves one end of a connection in memory.
pub fn serve(connection: Connection, options: &Options) -> io::Result<bool> {
    let (events, inbox) = channel();
    let (outbox, messages) = channel();
    let Connection { sender, receiver } = connection;
    let reader = events.clone();
    thread::spawn(move || {
        for message in receiver {
            if reader.send(Event::Client(message)).is_err() {
                return;
            }
        }
        let _ = reader.send(Event::Gone);
    });
    thread::spawn(move || messages.iter().try_for_each(|message| sender.send(message)));
    run(options, events, &inbox, outbox)
}

fn run(
    options: &Options,
    events: Sender<Event>,
    inbox: &Receiver<Event>,
    outbox: Sender<Message>,
) -> io::Result<bool> {
    let wishes = checker::start(options.store.clone(), events.clone())?;
    let readings = reader::start(options.store.clone(), events.clone())?;
    let helpers = Helpers {
        crew: Crew::start()?,
        wishes,
        readings,
    };
    let store = options.store.clone();
    let server = Server::new(dispatch::table(), helpers, store, events, outbox);
    Ok(server.run(inbox))
}
