//! A client with a store of its own, and what tests do with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use zosc::remote::{
    ActionResult, Blob, Client, Command, Content, Executed, Failure, Folder, Kind, Lookup, Output,
    Prepared, Settings, Stage, Uploaded, action, files_of,
};
use zosc::tree::Store;

use crate::reapi::Server;

/// How often a question is asked here.
pub(crate) const ATTEMPTS: u32 = 4;

pub(crate) static GO_ON: AtomicBool = AtomicBool::new(false);

/// Settings that have patience with a slow machine, and none with a server that fails.
pub(crate) fn settings(endpoint: String) -> Settings {
    Settings {
        endpoint,
        attempts: ATTEMPTS,
        pause: Duration::from_millis(1),
        ..Settings::default()
    }
}

/// The same, for a server that says nothing.
pub(crate) fn impatient(endpoint: String) -> Settings {
    Settings {
        answer: Duration::from_secs(3),
        ..settings(endpoint)
    }
}

pub(crate) struct Visitor {
    pub(crate) client: Client,
    pub(crate) store: Store,
    pub(crate) cancel: AtomicBool,
    _folder: tempfile::TempDir,
}

impl Visitor {
    pub(crate) fn of(server: &Server) -> Self {
        Self::with(&settings(server.endpoint()))
    }

    pub(crate) fn with(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            client: Client::connect(settings, &GO_ON).unwrap(),
            store: Store::open(folder.path().join("store")).unwrap(),
            cancel: AtomicBool::new(false),
            _folder: folder,
        }
    }

    pub(crate) fn upload(&self, contents: &[Vec<u8>]) -> Result<Uploaded, Failure> {
        let contents: Vec<_> = contents
            .iter()
            .map(|bytes| (Blob::of(bytes), Content::Bytes(bytes.clone())))
            .collect();
        self.client.upload(&contents, &mut |_, _| {}, &self.cancel)
    }

    /// Fetches contents into the store, and leaves a store that is sound, whatever comes of it.
    pub(crate) fn download(&self, blobs: &[Blob]) -> Result<(), Failure> {
        let fetched = self
            .client
            .download(blobs, &self.store, &mut |_, _| {}, &self.cancel);
        for blob in blobs {
            let is_there = self.store.contains_sized(&blob.digest, blob.size);
            assert!(is_there || fetched.is_err(), "{blob:?} never came");
            if is_there {
                assert_eq!(self.store.is_sound(&blob.digest).unwrap(), Some(true));
            }
        }
        fetched
    }

    /// Uploads a command for a shell with its input, as an action with the output folder `out`.
    pub(crate) fn prepare(&self, script: &str, inputs: &[(&str, &[u8])]) -> Prepared {
        self.prepare_with(&shell(script), inputs)
    }

    pub(crate) fn prepare_with(&self, command: &Command, inputs: &[(&str, &[u8])]) -> Prepared {
        let mut root = Folder::new();
        for (path, bytes) in inputs {
            root.file(path, Blob::of(bytes), false).unwrap();
        }
        let (root, mut messages) = root.messages();
        let prepared = action(command, &root);
        messages.extend(prepared.messages.clone());
        let messages = messages.into_iter().map(|(_, bytes)| bytes);
        let inputs = inputs.iter().map(|(_, bytes)| bytes.to_vec());
        let contents: Vec<_> = messages.chain(inputs).collect();
        self.upload(&contents).unwrap();
        prepared
    }

    pub(crate) fn execute(&self, action: &Prepared) -> Result<Executed, Failure> {
        self.execute_as(action, Lookup::Ask).0
    }

    /// Executes, and tells the stages as well.
    pub(crate) fn execute_as(
        &self,
        action: &Prepared,
        lookup: Lookup,
    ) -> (Result<Executed, Failure>, Vec<Stage>) {
        let mut stages = Vec::new();
        let executed = self.client.execute(
            action,
            lookup,
            &mut |stage| stages.push(stage),
            &self.cancel,
        );
        (executed, stages)
    }

    /// The files of the output folder with their contents.
    pub(crate) fn files(&self, result: &ActionResult) -> Vec<(String, Vec<u8>)> {
        let (path, tree) = &result.folders[0];
        assert_eq!(path, "out");
        let tree = self.client.read(tree, 1 << 20, &GO_ON).unwrap();
        let files = files_of(&tree).unwrap();
        let blobs: Vec<Blob> = files.values().copied().collect();
        self.download(&blobs).unwrap();
        files
            .into_iter()
            .map(|(path, blob)| (path, self.store.get(&blob.digest).unwrap()))
            .collect()
    }

    /// What a command wrote, wherever it stands.
    pub(crate) fn said(&self, output: &Output) -> String {
        let bytes = match output {
            Output::Inline(bytes) => bytes.clone(),
            Output::Blob(blob) => self.client.read(blob, 1 << 20, &GO_ON).unwrap(),
        };
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn stop(&self) {
        self.cancel.store(true, Ordering::SeqCst);
    }
}

/// A command for a shell with the output folder `out`.
pub(crate) fn shell(script: &str) -> Command {
    Command {
        arguments: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        outputs: vec!["out".to_owned()],
        ..Command::default()
    }
}

/// Bytes that look like nothing else, always the same for a seed.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| next()).collect()
}

/// Holds that something failed in this way, with this code, and that the message names the server.
#[track_caller]
pub(crate) fn fails<T: std::fmt::Debug>(
    outcome: Result<T, Failure>,
    kind: Kind,
    code: &str,
) -> Failure {
    let failure = outcome.expect_err("it fails");
    assert_eq!(
        (failure.kind, failure.problem.code),
        (kind, code),
        "{failure:?}"
    );
    assert!(failure.problem.help.is_some(), "{failure:?}");
    failure
}
