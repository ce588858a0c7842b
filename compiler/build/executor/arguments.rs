//! The command line that starts a container.
//!
//! The engine is asked for as little as possible: namespaces, no network, the files that were declared, a life that ends
//! with zosc's. Everything that a command can see of its surroundings is made inside.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::super::sandbox::{Access, Bind, Network, RootFs, Sandbox};
use super::engine::{EMPTY_IMAGE, options};
use super::job::{FOLDER, SHARED};
use super::program::Program;
use crate::io::{CONTAINER_LABEL, Engine};

/// What laying out a root takes; all but what the embedded sandbox leaves to a command is dropped before it starts.
const CAPABILITIES: [&str; 13] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_CHROOT",
];

/// What is to be started.
pub(super) struct Start<'a> {
    pub(super) engine: Engine,
    /// Further options of the user's.
    pub(super) further: &'a [String],
    pub(super) name: &'a str,
    /// The folder that both sides see.
    pub(super) shared: &'a Path,
    /// An empty folder that becomes the container's own root, where the engine takes one.
    pub(super) root: &'a Path,
    pub(super) program: &'a Program,
    pub(super) terminal: bool,
}

impl Start<'_> {
    /// The arguments of the engine's program for a command whose files are on the host.
    pub(super) fn arguments(&self, sandbox: &Sandbox) -> Vec<String> {
        let mut all: Vec<String> = ["run", "--rm", "--pull=never", "--log-driver=none"]
            .map(str::to_owned)
            .into();
        all.push(format!("--name={}", self.name));
        all.push(format!("--label={CONTAINER_LABEL}"));
        all.push(match sandbox.network {
            Network::None => "--network=none".to_owned(),
            Network::Host => "--network=host".to_owned(),
        });
        // Which users these are, `Ground` finds out.
        all.extend(["--user=0:0", "--userns=host", "--cap-drop=ALL"].map(str::to_owned));
        all.extend(CAPABILITIES.map(|name| format!("--cap-add={name}")));
        // The embedded sandbox has no such filters; a command must not see a difference.
        for filter in ["seccomp=unconfined", "apparmor=unconfined", "label=disable"] {
            all.push(format!("--security-opt={filter}"));
        }
        all.extend(limits());
        all.extend(options(self.engine).iter().map(|&option| option.to_owned()));
        all.push("--interactive".to_owned());
        if self.terminal {
            all.push("--tty".to_owned());
        } else {
            all.push("--sig-proxy=false".to_owned());
        }
        all.push(mount(self.shared, SHARED, Access::Write));
        for (host, guest) in &self.program.binds {
            all.push(mount(host, guest, Access::Read));
        }
        if let RootFs::ReadOnly(root) = &sandbox.root {
            all.push(mount(root, &root_place(), Access::Read));
        }
        if let RootFs::Writable(root) = &sandbox.root {
            all.push(mount(root, &root_place(), Access::Write));
        }
        for (number, bind) in sandbox.binds.iter().enumerate() {
            all.push(mount(&bind.host, &bind_place(number), bind.access));
        }
        all.extend_from_slice(self.further);
        match self.engine {
            Engine::Podman => {
                all.push("--rootfs".to_owned());
                all.push(self.root.to_string_lossy().into_owned());
            }
            Engine::Docker => all.push(EMPTY_IMAGE.to_owned()),
        }
        all.extend_from_slice(&self.program.arguments);
        all.push(super::inside::COMMAND.to_owned());
        all
    }
}

/// The same command with its files where the container has them.
pub(super) fn moved(sandbox: &Sandbox) -> Sandbox {
    let mut inside = sandbox.clone();
    inside.root = match &sandbox.root {
        RootFs::Empty => RootFs::Empty,
        RootFs::ReadOnly(_) => RootFs::ReadOnly(root_place().into()),
        RootFs::Writable(_) => RootFs::Writable(root_place().into()),
    };
    let binds = sandbox.binds.iter().enumerate();
    inside.binds = binds
        .map(|(number, bind)| Bind {
            host: bind_place(number).into(),
            ..bind.clone()
        })
        .collect();
    inside
}

fn root_place() -> String {
    format!("{FOLDER}/root")
}

fn bind_place(number: usize) -> String {
    format!("{FOLDER}/binds/{number}")
}

/// `--mount`, whose value is one line of comma-separated values.
fn mount(host: &Path, guest: &str, access: Access) -> String {
    let host = std::fs::canonicalize(host).unwrap_or_else(|_| host.to_owned());
    let source = format!("source={}", host.display());
    let source = if source.contains([',', '"']) {
        format!("\"{}\"", source.replace('"', "\"\""))
    } else {
        source
    };
    let read_only = match access {
        Access::Read => ",readonly",
        Access::Write => "",
    };
    format!("--mount=type=bind,{source},target={guest}{read_only}")
}

/// This process's own limits, which the embedded sandbox has too; engines set others, and may not even be able to.
fn limits() -> impl Iterator<Item = String> {
    // podman takes no more for itself, and what it does not have it cannot give.
    let processes = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap_or_default();
    let processes: Option<u64> = processes.trim().parse().ok();
    [
        ("nofile", Resource::Nofile, None),
        ("nproc", Resource::Nproc, processes),
    ]
    .into_iter()
    .map(|(name, resource, most)| {
        let limit = getrlimit(resource);
        let shown = |value: Option<u64>| {
            let value = value.into_iter().chain(most).min();
            value.map_or("-1".to_owned(), |it| it.to_string())
        };
        format!(
            "--ulimit={name}={}:{}",
            shown(limit.current),
            shown(limit.maximum)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(engine: Engine, sandbox: &Sandbox) -> String {
        let program = Program::new("/opt/zosc".into(), "");
        let start = Start {
            engine,
            further: &["--memory=1g".into()],
            name: "zosc-1-2-3-4",
            shared: Path::new("/store/shared"),
            root: Path::new("/store/empty"),
            program: &program,
            terminal: false,
        };
        start.arguments(sandbox).join(" ")
    }

    #[test]
    fn an_engine_gets_the_declared_files_and_no_more() {
        let sandbox = Sandbox::new(RootFs::Writable("/store/tree".into()), ["true"])
            .bind("/in,put", "/in", Access::Read)
            .bind("/out", "/out", Access::Write);
        let line = start(Engine::Podman, &sandbox);
        let mounts: Vec<&str> = line
            .split(' ')
            .filter_map(|option| option.strip_prefix("--mount=type=bind,"))
            .collect();
        assert_eq!(
            mounts,
            [
                "source=/store/shared,target=/.zosc/shared",
                "source=/opt/zosc,target=/.zosc/zosc,readonly",
                "source=/store/tree,target=/.zosc/root",
                "\"source=/in,put\",target=/.zosc/binds/0,readonly",
                "source=/out,target=/.zosc/binds/1",
            ]
        );
        let end = "--memory=1g --rootfs /store/empty /.zosc/zosc inside-container";
        assert!(line.ends_with(end), "{line}");
        let inside = moved(&sandbox);
        assert_eq!(inside.root, RootFs::Writable("/.zosc/root".into()));
        assert_eq!(inside.binds[1].host, Path::new("/.zosc/binds/1"));
        assert_eq!(inside.binds[1].guest, "/out");
    }

    #[test]
    fn docker_starts_from_the_empty_image() {
        let line = start(Engine::Docker, &Sandbox::new(RootFs::Empty, ["true"]));
        let end = "--memory=1g zosc-empty:1 /.zosc/zosc inside-container";
        assert!(line.ends_with(end), "{line}");
        assert!(line.contains(" --network=none "), "{line}");
    }
}
