//! A worker: lays out the input of an action in a folder of its own, runs the command there, collects what it left.
//!
//! It isolates nothing.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use prost::Message;
use rustix::process::{Pid, Signal, kill_process_group};
use tonic::Code;

use super::execution::failed;
use super::protocol::{
    Action, ActionResult, Command, Digest, Directory, DirectoryNode, ExecuteResponse,
    ExecutedActionMetadata, FileNode, OutputDirectory, OutputFile, OutputSymlink, SymlinkNode,
    Tree,
};
use super::{Fault, State};

/// What it is called.
pub const WORKER: &str = "test-worker";

/// Carries out an action.
pub(super) fn perform(
    state: &State,
    action: &Action,
    fault: Option<&Fault>,
    stop: &AtomicBool,
) -> ExecuteResponse {
    if let Some(Fault::Lose(hash)) = fault {
        state.storage.remove(hash);
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let work = Work {
        state,
        root: &root,
        folder: folder.path(),
    };
    let command: Command = match work.message(action.command_digest.as_ref()) {
        Ok(command) => command,
        Err(Lost(hash)) => return state.lost(&hash),
    };
    let mut inputs = BTreeMap::new();
    if let Err(Lost(hash)) = work.lay_out(action.input_root_digest.as_ref(), &root, &mut inputs) {
        return state.lost(&hash);
    }
    let seconds = action
        .timeout
        .as_ref()
        .map(|timeout| timeout.seconds as u64);
    let ended = work.run(&command, seconds.map(Duration::from_secs), stop);
    if let Some(Fault::Tamper(tamper)) = fault {
        tamper(&root.join(&command.working_directory));
    }
    if state.manners.shares_inputs {
        work.spread(&inputs);
    }
    let result = |exit_code| work.result(&command, exit_code);
    match ended {
        Ended::With(exit_code) => ExecuteResponse {
            result: Some(result(exit_code)),
            ..ExecuteResponse::default()
        },
        Ended::Late => ExecuteResponse {
            result: Some(result(state.manners.late_exit)),
            ..failed(Code::DeadlineExceeded, "the command took too long")
        },
        Ended::Stopped => failed(Code::Cancelled, "cancelled"),
        Ended::Unable(message) => failed(Code::InvalidArgument, &message),
    }
}

/// The hash of a blob that is not there.
struct Lost(String);

enum Ended {
    With(i32),
    Late,
    Stopped,
    Unable(String),
}

struct Work<'a> {
    state: &'a State,
    /// Where the input is laid out.
    root: &'a Path,
    /// Where other things of this action lie.
    folder: &'a Path,
}

impl Work<'_> {
    fn bytes(&self, digest: Option<&Digest>) -> Result<Arc<Vec<u8>>, Lost> {
        let hash = digest.map(|digest| digest.hash.clone()).unwrap_or_default();
        self.state.storage.get(&hash).ok_or(Lost(hash))
    }

    fn message<M: Message + Default>(&self, digest: Option<&Digest>) -> Result<M, Lost> {
        let bytes = self.bytes(digest)?;
        // What is no message is as good as gone.
        let hash = || digest.map(|digest| digest.hash.clone()).unwrap_or_default();
        M::decode(bytes.as_slice()).map_err(|_| Lost(hash()))
    }

    /// Writes a directory out, and notes which file came of which blob.
    fn lay_out(
        &self,
        digest: Option<&Digest>,
        at: &Path,
        inputs: &mut BTreeMap<PathBuf, String>,
    ) -> Result<(), Lost> {
        let directory: Directory = self.message(digest)?;
        std::fs::create_dir_all(at).unwrap();
        for file in &directory.files {
            let path = at.join(&file.name);
            std::fs::write(&path, &*self.bytes(file.digest.as_ref())?).unwrap();
            let mode = if file.is_executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let hash = file.digest.as_ref().map(|digest| digest.hash.clone());
            inputs.insert(path, hash.unwrap_or_default());
        }
        for link in &directory.symlinks {
            symlink(&link.target, at.join(&link.name)).unwrap();
        }
        for node in &directory.directories {
            self.lay_out(node.digest.as_ref(), &at.join(&node.name), inputs)?;
        }
        Ok(())
    }

    fn run(&self, command: &Command, timeout: Option<Duration>, stop: &AtomicBool) -> Ended {
        let folder = self.root.join(&command.working_directory);
        for output in &command.output_paths {
            let parent = folder.join(output).parent().map(Path::to_owned);
            std::fs::create_dir_all(parent.unwrap_or_default()).unwrap();
        }
        let Some((program, arguments)) = command.arguments.split_first() else {
            return Ended::Unable("a command without arguments".to_owned());
        };
        // A name with a slash is one in the folder; another is looked for where programs are.
        let file = if program.contains('/') {
            folder.join(program)
        } else {
            PathBuf::from(program)
        };
        let variables = command.environment_variables.iter();
        let file_of = |name| std::fs::File::create(self.folder.join(name)).unwrap();
        let child = Process::new(file)
            .arg0(program)
            .args(arguments)
            .current_dir(&folder)
            .env_clear()
            .envs(variables.map(|variable| (&variable.name, &variable.value)))
            .stdin(Stdio::null())
            .stdout(file_of("stdout"))
            .stderr(file_of("stderr"))
            .process_group(0)
            .spawn();
        match child {
            Ok(child) => watch(child, timeout, stop),
            Err(error) => Ended::Unable(format!("{program}: {error}")),
        }
    }

    /// Takes inputs that the command changed for what their digests mean from here on.
    fn spread(&self, inputs: &BTreeMap<PathBuf, String>) {
        for (path, hash) in inputs {
            if let Ok(bytes) = std::fs::read(path) {
                self.state.storage.insert(hash, bytes);
            }
        }
    }

    fn result(&self, command: &Command, exit_code: i32) -> ActionResult {
        let mut result = ActionResult {
            exit_code,
            execution_metadata: Some(ExecutedActionMetadata {
                worker: WORKER.to_owned(),
                ..ExecutedActionMetadata::default()
            }),
            ..ActionResult::default()
        };
        (result.stdout_raw, result.stdout_digest) = self.said("stdout");
        (result.stderr_raw, result.stderr_digest) = self.said("stderr");
        for path in &command.output_paths {
            self.collect(&command.working_directory, path, &mut result);
        }
        result
    }

    fn said(&self, name: &str) -> (Vec<u8>, Option<Digest>) {
        let bytes = std::fs::read(self.folder.join(name)).unwrap_or_default();
        if self.state.manners.inlines {
            return (bytes, None);
        }
        (Vec::new(), Some(self.state.storage.put(&bytes)))
    }

    /// Adds an output to the result, if it is there.
    fn collect(&self, working_directory: &str, path: &str, result: &mut ActionResult) {
        let at = self.root.join(working_directory).join(path);
        let Ok(metadata) = std::fs::symlink_metadata(&at) else {
            return;
        };
        if metadata.is_symlink() {
            result.output_symlinks.push(OutputSymlink {
                path: path.to_owned(),
                target: target(&at),
                node_properties: None,
            });
        } else if metadata.is_dir() {
            let mut tree = Tree::default();
            let root = self.directory(&at, &mut tree.children);
            if self.state.manners.repeats_root {
                tree.children.insert(0, root.clone());
            }
            tree.root = Some(root);
            result.output_directories.push(OutputDirectory {
                path: path.to_owned(),
                tree_digest: Some(self.state.storage.put(&tree.encode_to_vec())),
                ..OutputDirectory::default()
            });
        } else {
            let bytes = std::fs::read(&at).unwrap_or_default();
            result.output_files.push(OutputFile {
                path: path.to_owned(),
                digest: Some(self.state.storage.put(&bytes)),
                is_executable: metadata.permissions().mode() & 0o111 != 0,
                ..OutputFile::default()
            });
        }
    }

    /// A folder as a message; those of the folders within are added to `children`.
    fn directory(&self, at: &Path, children: &mut Vec<Directory>) -> Directory {
        let mut entries: Vec<_> = std::fs::read_dir(at).unwrap().map(Result::unwrap).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        let mut directory = Directory::default();
        for entry in entries {
            let name = entry.file_name().to_str().unwrap().to_owned();
            let metadata = entry.metadata().unwrap();
            if metadata.is_symlink() {
                directory.symlinks.push(SymlinkNode {
                    name,
                    target: target(&entry.path()),
                    node_properties: None,
                });
            } else if metadata.is_dir() {
                let child = self.directory(&entry.path(), children);
                let digest = self.state.storage.put(&child.encode_to_vec());
                children.push(child);
                directory.directories.push(DirectoryNode {
                    name,
                    digest: Some(digest),
                });
            } else {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                directory.files.push(FileNode {
                    name,
                    digest: Some(self.state.storage.put(&bytes)),
                    is_executable: metadata.permissions().mode() & 0o111 != 0,
                    node_properties: None,
                });
            }
        }
        directory
    }
}

fn target(link: &Path) -> String {
    let target = std::fs::read_link(link).unwrap();
    target.to_str().unwrap().to_owned()
}

/// Waits for a command, and ends it with all that it started where it is to stop.
fn watch(mut child: Child, timeout: Option<Duration>, stop: &AtomicBool) -> Ended {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let signal = status.signal().map(|signal| 128 + signal);
            return Ended::With(status.code().or(signal).unwrap_or(-1));
        }
        let is_late = timeout.is_some_and(|timeout| begun.elapsed() >= timeout);
        let is_stopped = stop.load(Ordering::SeqCst);
        if is_late || is_stopped {
            let group = Pid::from_child(&child);
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait();
            return if is_stopped {
                Ended::Stopped
            } else {
                Ended::Late
            };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
