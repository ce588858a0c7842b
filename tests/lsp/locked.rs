//! An editor beside a manifest that is locked, with the packages of a test.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::support::project::Project;

/// How long it may take until what is asked about is known.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the manifest asks for behind its head.
const SECTIONS: &str = "packages {\n    install marks \"shell\"\n}\nunit ready { target }\nzinit dialect=toml\n\
     outputs { initramfs \"größe-{version}.cpio\" }\n";

/// An editor in which the manifest is open, and the repository that its packages are from.
pub(crate) struct Locked {
    pub(crate) client: Client,
    pub(crate) manifest: String,
    _project: Project,
}

impl Locked {
    /// A locked project.
    pub(crate) fn new(capabilities: &Value) -> Self {
        let locked = Self::unlocked(capabilities);
        locked.lock();
        locked
    }

    /// The same without its lock.
    pub(crate) fn unlocked(capabilities: &Value) -> Self {
        let project = Project::new(SECTIONS);
        let manifest = std::fs::read_to_string(project.path("zos.kdl")).unwrap();
        let key = std::fs::read_to_string(project.path("keys/test.rsa.pub")).unwrap();
        let files = [("zos.kdl", manifest.as_str()), ("keys/test.rsa.pub", &key)];
        Self {
            client: Client::able(capabilities, &files),
            manifest,
            _project: project,
        }
    }

    /// Makes the lock.
    pub(crate) fn lock(&self) {
        let mut command = assert_cmd::Command::cargo_bin("zosc").unwrap();
        let folder = self.client.folder.path();
        let command = command.current_dir(folder).arg("lock");
        let store = folder.join(".store");
        command.env("ZOSC_STORE", store).assert().success();
    }

    /// The answer to a request, asked again until it fits.
    pub(crate) fn until(
        &mut self,
        mut ask: impl FnMut(&mut Client) -> Value,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let start = Instant::now();
        loop {
            let answer = ask(&mut self.client);
            if fits(&answer) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "still {answer:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
