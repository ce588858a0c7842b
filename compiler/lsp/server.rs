//! The loop that everything goes through: messages of the client, what checks found, answers of features.
//!
//! It never waits for anything but the next event: checks and features work on threads of their own, over states that stay
//! as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use serde_json::{Value, json};

use crate::io;

use super::checker::{Job, Wish};
use super::client::Client;
use super::crew::Crew;
use super::dispatch::{Answer, Feature, fault};
use super::knowledge::Knowledge;
use super::project::{Checked, Project};
use super::protocol::wire::{Message, Notification, Request};
use super::protocol::{ErrorCode, RequestId, Response};
use super::publish::Publisher;
use super::reply::Reply;
use super::view::Workspace;
use super::{lifecycle, reader, sync, watching};

/// How often it is seen whether the editor still runs.
const LOOK: Duration = Duration::from_secs(5);

/// What the loop hears of.
pub(super) enum Event {
    /// The client says something.
    Client(Message),
    /// The client says something that is no message.
    Malformed(String),
    /// The client says nothing any more.
    Gone,
    /// A check has ended; without a result where it could not be made.
    Checked {
        entry: PathBuf,
        revision: u64,
        checked: Option<Arc<Checked>>,
    },
    /// The manifest that a file belongs to.
    Found { path: PathBuf, entry: PathBuf },
    /// What caches know of a project.
    Known {
        entry: PathBuf,
        knowledge: Knowledge,
    },
    /// A feature has an answer.
    Answered { ticket: u64, answer: Answer },
}

/// How far the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// `initialize` has not come yet.
    Before,
    /// Everything may come.
    Open,
    /// `shutdown` has come.
    Closed,
}

/// A request that has no answer yet.
struct Waiting {
    id: RequestId,
    cancelled: Arc<AtomicBool>,
    /// The request itself, while it waits for a check.
    parked: Option<(usize, Value)>,
}

/// The threads that work for it.
pub(super) struct Helpers {
    /// Those that answer.
    pub(super) crew: Crew,
    /// The one that checks.
    pub(super) wishes: Sender<Wish>,
    /// The one that reads what caches know.
    pub(super) readings: Sender<reader::Wish>,
}

/// The server.
pub(super) struct Server {
    pub(super) workspace: Workspace,
    pub(super) stage: Stage,
    /// The number of the latest state of texts and files.
    pub(super) revision: u64,
    pub(super) publisher: Publisher,
    pub(super) table: Arc<Vec<Feature>>,
    helpers: Helpers,
    /// Where contents are kept.
    pub(super) store: PathBuf,
    events: Sender<Event>,
    outbox: Sender<Message>,
    waiting: BTreeMap<u64, Waiting>,
    tickets: u64,
    asked: i32,
    /// The files that the client was asked to watch beside manifests and locks.
    pub(super) watched: BTreeSet<PathBuf>,
    /// The process of the editor, where it is to be seen.
    pub(super) editor: Option<u32>,
}

impl Server {
    /// A server that has not heard anything yet.
    pub(super) fn new(
        table: Vec<Feature>,
        helpers: Helpers,
        store: PathBuf,
        events: Sender<Event>,
        outbox: Sender<Message>,
    ) -> Self {
        Self {
            workspace: Workspace::new(Client::new(&Value::Null)),
            stage: Stage::Before,
            revision: 0,
            publisher: Publisher::default(),
            table: Arc::new(table),
            helpers,
            store,
            events,
            outbox,
            waiting: BTreeMap::new(),
            tickets: 0,
            asked: 0,
            watched: BTreeSet::new(),
            editor: None,
        }
    }

    /// Serves until the client is done; whether it said goodbye properly.
    pub(super) fn run(mut self, inbox: &Receiver<Event>) -> bool {
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Event::Client(Message::Notification(exit))) if exit.method == "exit" => break,
                Ok(Event::Gone) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(event) => self.hear_safely(event),
                Err(RecvTimeoutError::Timeout) => {
                    if self.editor.is_some_and(|editor| !io::is_running(editor)) {
                        break;
                    }
                }
            }
        }
        self.stage == Stage::Closed
    }

    /// Hears of something; a panic over it ends nothing else.
    fn hear_safely(&mut self, event: Event) {
        let heard = catch_unwind(AssertUnwindSafe(|| self.hear(event)));
        if heard.is_err() {
            self.log("zosc failed at a message: please report it");
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Client(Message::Request(request)) => self.request(request),
            Event::Client(Message::Notification(notification)) => self.notification(notification),
            Event::Client(Message::Response(_)) | Event::Gone => {}
            Event::Malformed(reason) => self.log(&reason),
            Event::Checked {
                entry,
                revision,
                checked,
            } => self.checked(entry, revision, checked),
            Event::Found { path, entry } => self.found(path, entry),
            Event::Known { entry, knowledge } => self.known(entry, knowledge),
            Event::Answered { ticket, answer } => self.answered(ticket, answer),
        }
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        match (self.stage, method.as_str()) {
            (Stage::Before, "initialize") => {
                let result = lifecycle::initialize(self, &params);
                self.respond(id, Ok(result));
            }
            // Some editors ask twice.
            (Stage::Open | Stage::Closed, "shutdown") => {
                self.stage = Stage::Closed;
                self.respond(id, Ok(Value::Null));
            }
            (Stage::Open, "initialize") | (Stage::Closed, _) => {
                let problem = fault(
                    ErrorCode::InvalidRequest,
                    format!("`{method}` comes too late"),
                );
                self.respond(id, Err(problem));
            }
            (Stage::Before, _) => {
                let problem = fault(
                    ErrorCode::ServerNotInitialized,
                    format!("`{method}` comes before `initialize`"),
                );
                self.respond(id, Err(problem));
            }
            (Stage::Open, _) => self.feature(id, &method, params),
        }
    }

    fn feature(&mut self, id: RequestId, method: &str, parameters: Value) {
        let mut features = self.table.iter();
        let Some(feature) = features.position(|feature| feature.method == method) else {
            let problem = fault(
                ErrorCode::MethodNotFound,
                format!("`{method}` is not known here"),
            );
            return self.respond(id, Err(problem));
        };
        self.tickets += 1;
        let ticket = self.tickets;
        let waits = self.table[feature].is_about_checks && self.awaits_check(&parameters);
        let mut waiting = Waiting {
            id,
            cancelled: Arc::default(),
            parked: None,
        };
        if waits {
            waiting.parked = Some((feature, parameters));
        } else {
            self.start(ticket, feature, parameters, waiting.cancelled.clone());
        }
        self.waiting.insert(ticket, waiting);
    }

    /// Whether the document that a request is about was not checked as it is now; if so, it is checked at once.
    fn awaits_check(&mut self, parameters: &Value) -> bool {
        let uri = parameters
            .pointer("/textDocument/uri")
            .and_then(Value::as_str);
        let path = self.workspace.path(&uri.unwrap_or_default().into());
        if self
            .workspace
            .documents
            .get(&path)
            .is_none_or(|open| !open.is_manifest())
        {
            return false;
        }
        match self.workspace.project(&path).cloned() {
            // Which project it belongs to is being found out.
            None => true,
            Some(project) if project.is_current() => false,
            Some(project) => {
                self.wish(&project, true);
                true
            }
        }
    }

    fn start(&self, ticket: u64, feature: usize, parameters: Value, cancelled: Arc<AtomicBool>) {
        let (table, workspace) = (self.table.clone(), self.workspace.clone());
        let events = self.events.clone();
        self.helpers.crew.hand(move || {
            // Sent also where the feature panics.
            let mut reply = Reply::to(ticket, events);
            if !cancelled.load(Ordering::Relaxed) {
                let run = &table[feature].run;
                reply.answer = Some(run(&workspace, &cancelled, parameters));
            }
        });
    }

    /// Starts requests whose checks are there now.
    fn release(&mut self) {
        let parked: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, request)| request.parked.is_some())
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in parked {
            let parameters = self
                .waiting
                .get(&ticket)
                .and_then(|request| request.parked.clone());
            let Some((feature, parameters)) = parameters else {
                continue;
            };
            if self.awaits_check(&parameters) {
                continue;
            }
            if let Some(request) = self.waiting.get_mut(&ticket) {
                request.parked = None;
                let cancelled = request.cancelled.clone();
                self.start(ticket, feature, parameters, cancelled);
            }
        }
    }

    fn answered(&mut self, ticket: u64, answer: Answer) {
        if let Some(request) = self.waiting.remove(&ticket) {
            self.respond(request.id, answer);
        }
    }

    /// Lets a request go that the client does not want any more.
    fn cancel(&mut self, parameters: &Value) {
        let id: Option<RequestId> = parameters
            .get("id")
            .and_then(|id| serde_json::from_value(id.clone()).ok());
        let mut waiting = self.waiting.iter();
        let found = waiting.find(|(_, request)| Some(&request.id) == id.as_ref());
        let Some(ticket) = found.map(|(ticket, _)| *ticket) else {
            return;
        };
        if let Some(request) = self.waiting.remove(&ticket) {
            request.cancelled.store(true, Ordering::Relaxed);
            let problem = fault(ErrorCode::RequestCanceled, "cancelled");
            self.respond(request.id, Err(problem));
        }
    }

    fn notification(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        if self.stage != Stage::Open {
            return;
        }
        match method.as_str() {
            "initialized" => watching::begin(self),
            "$/cancelRequest" => self.cancel(&params),
            "textDocument/didOpen" => sync::opened(self, params),
            "textDocument/didChange" => sync::changed(self, &params),
            "textDocument/didSave" => sync::saved(self, &params),
            "textDocument/didClose" => sync::closed(self, &params),
            "workspace/didChangeWatchedFiles" => sync::files_changed(self),
            "workspace/didChangeWorkspaceFolders" => sync::folders_changed(self, &params),
            // Others may be ignored, by the protocol.
            _ => return,
        }
        // A request may have waited for a check of what is not open any more.
        self.release();
    }

    /// Takes what a check found, and tells it where it is about the texts as they are.
    fn checked(&mut self, entry: PathBuf, revision: u64, checked: Option<Arc<Checked>>) {
        let Some(project) = self.workspace.projects.get(&entry) else {
            return;
        };
        let mut project = Project::clone(project);
        let checked = checked.unwrap_or_else(|| {
            self.log(&format!(
                "{} could not be checked: please report this",
                entry.display()
            ));
            Arc::new(Checked {
                revision,
                ..Checked::clone(&project.checked)
            })
        });
        project.take(checked);
        if project.checked.image.is_some() {
            let wish = reader::Wish {
                entry: entry.clone(),
                checked: project.checked.clone(),
            };
            let _ = self.helpers.readings.send(wish);
        }
        let is_current = project.is_current();
        let project = Arc::new(project);
        self.workspace.projects.insert(entry, project.clone());
        sync::assign(self);
        if is_current && self.workspace.projects.contains_key(&project.entry) {
            self.publisher.take(&self.workspace, &project);
        }
        self.publish();
        watching::follow(self);
        self.release();
    }

    /// Takes what caches know of a project.
    fn known(&mut self, entry: PathBuf, knowledge: Knowledge) {
        if let Some(project) = self.workspace.projects.get(&entry) {
            let project = Project {
                knowledge,
                ..Project::clone(project)
            };
            self.workspace.projects.insert(entry, Arc::new(project));
            // What is shown without being pointed at is asked for again.
            for what in ["inlayHint", "codeLens"] {
                let client = &self.workspace.client;
                if client.has(&format!("/workspace/{what}/refreshSupport")) {
                    self.ask(&format!("workspace/{what}/refresh"), Value::Null);
                }
            }
        }
    }

    /// Makes the project that a file belongs to, if it is still open.
    fn found(&mut self, path: PathBuf, entry: PathBuf) {
        if self.workspace.documents.get(&path).is_some()
            && !self.workspace.owners.contains_key(&path)
        {
            sync::adopt(self, path, entry);
        }
        self.release();
    }

    /// Has a project checked as it is now.
    pub(super) fn wish(&mut self, project: &Project, at_once: bool) {
        let mut wanted = project.clone();
        wanted.wanted = self.revision;
        let job = Job {
            folder: project.folder.clone(),
            documents: self.workspace.documents.clone(),
            revision: self.revision,
        };
        let entry = project.entry.clone();
        self.workspace
            .projects
            .insert(entry.clone(), Arc::new(wanted));
        let _ = self.helpers.wishes.send(Wish::Check {
            entry,
            job,
            at_once,
        });
    }

    /// Has somebody look for the manifest that a file belongs to.
    pub(super) fn seek(&self, path: PathBuf) {
        let top = self.workspace.folder(&path).map(ToOwned::to_owned);
        let _ = self.helpers.wishes.send(Wish::Find {
            path,
            top,
            documents: self.workspace.documents.clone(),
        });
    }

    /// Tells the client what changed about the problems of files.
    pub(super) fn publish(&mut self) {
        for told in self.publisher.news(&self.workspace) {
            self.notify("textDocument/publishDiagnostics", &told);
        }
    }

    fn respond(&self, id: RequestId, answer: Answer) {
        let response = Response {
            id,
            response_result: answer,
        };
        self.send(Message::Response(response));
    }

    /// Tells the client something.
    pub(super) fn notify(&self, method: &str, parameters: &impl serde::Serialize) {
        if let Ok(params) = serde_json::to_value(parameters) {
            let method = method.to_owned();
            self.send(Message::Notification(Notification { method, params }));
        }
    }

    /// Asks the client for something; that it was done is all that it could answer.
    pub(super) fn ask(&mut self, method: &str, params: Value) {
        self.asked += 1;
        self.send(Message::Request(Request {
            id: RequestId::from(format!("zosc-{}", self.asked)),
            method: method.to_owned(),
            params,
        }));
    }

    /// Leaves a line in the editor's log.
    pub(super) fn log(&self, text: &str) {
        const WARNING: u32 = 2;
        self.notify(
            "window/logMessage",
            &json!({ "type": WARNING, "message": text }),
        );
    }

    fn send(&self, message: Message) {
        // Where nobody reads any more, the end is near: the reader will hear of it.
        let _ = self.outbox.send(message);
    }
}
