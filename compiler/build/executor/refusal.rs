//! Why an engine makes no container, and what to do about it.

use super::super::sandbox;
use crate::diagnostic::Diagnostic;
use crate::io::{self, Engine};
use crate::tools;

/// How many lines of an engine's own words are shown.
const SHOWN: usize = 12;

/// No executor has this name.
pub(super) fn unknown_executor(name: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::unknown-executor",
        format!("ZOSC_EXECUTOR names no executor: `{name}`"),
    )
    .help("set it to `sandbox`, `podman`, `docker` or `remote`, or unset it")
}

/// The further options have no end.
pub(super) fn unclosed_quote(options: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::container-arguments",
        format!("a quote in ZOSC_CONTAINER_ARGS is not closed: `{options}`"),
    )
    .help("close the quote; options are split at spaces as a shell does, and nothing is expanded")
}

/// The engine's program is missing.
pub(super) fn no_engine(engine: Engine) -> Diagnostic {
    let name = engine.program();
    Diagnostic::error(
        "zosc::build::no-engine",
        format!("there is no program `{name}` in PATH"),
    )
    .help(format!(
        "install it: {}; or build with `--executor sandbox`",
        tools::installing(name)
    ))
}

/// zosc's own file has gone.
pub(super) fn replaced() -> Diagnostic {
    Diagnostic::error(
        "zosc::build::engine-failed",
        "the file of this zosc was replaced or removed while it runs, so no container can start it",
    )
    .help("run the command again")
}

/// Something went wrong with an engine, in zosc's words.
pub(super) fn failed(engine: Engine, what: &str) -> Diagnostic {
    let name = engine.program();
    Diagnostic::error(
        "zosc::build::engine-failed",
        format!("`{name}` ran no command: {what}"),
    )
    .help(format!("see whether `{name} info` and `{name} ps --all` work, then run the command again; or build with `--executor sandbox`"))
}

/// Whether docker lacks the image without content.
pub(super) fn is_missing_image(words: &str) -> bool {
    words.contains("No such image") && words.contains(super::engine::EMPTY_IMAGE)
}

/// What an engine's words mean.
pub(super) fn said(engine: Engine, words: &str) -> Diagnostic {
    let diagnostic = KNOWN
        .iter()
        .find(|known| known.said.iter().any(|part| words.contains(part)))
        .map_or_else(
            || failed(engine, "it refuses"),
            |known| (known.means)(engine),
        );
    with_words(diagnostic, words)
}

/// Words that are known, in the order in which they are looked for.
struct Known {
    said: &'static [&'static str],
    means: fn(Engine) -> Diagnostic,
}

const KNOWN: [Known; 11] = [
    Known {
        said: &io::NOT_PERMITTED,
        means: not_permitted,
    },
    Known {
        said: &io::NOT_RUNNING,
        means: not_running,
    },
    Known {
        said: &["bind source path does not exist"],
        means: elsewhere,
    },
    Known {
        said: &[
            "unknown flag",
            "unknown shorthand flag",
            "flag needs an argument",
        ],
        means: |engine| wrong_option(engine),
    },
    Known {
        said: &["\"newuidmap\"", "newuidmap: not found"],
        means: |_| sandbox::no_map_helper("newuidmap"),
    },
    Known {
        said: &["\"newgidmap\"", "newgidmap: not found"],
        means: |_| sandbox::no_map_helper("newgidmap"),
    },
    Known {
        said: &[
            "cannot clone",
            "user namespaces are not enabled",
            "cannot set up namespace",
            "creating user namespace",
        ],
        means: |_| sandbox::namespaces(&std::io::ErrorKind::PermissionDenied.into()),
    },
    Known {
        said: &[
            "OCI runtime \"",
            "no default OCI runtime",
            "invalid runtime name",
            "no such runtime",
            "unknown runtime",
            "Unknown runtime",
        ],
        means: no_runtime,
    },
    Known {
        said: &["setting rlimit", "setting rlimits", "ulimit option"],
        means: limits,
    },
    Known {
        said: &[
            "GetDriver",
            "graph driver",
            "graphdriver",
            "storage driver",
            "'overlay' is not supported",
            "fuse-overlayfs",
            "no space left on device",
            "storage-driver",
        ],
        means: storage,
    },
    Known {
        said: &["read unix @", "cgroup"],
        means: cgroups,
    },
];

fn with_words(mut diagnostic: Diagnostic, words: &str) -> Diagnostic {
    let lines: Vec<&str> = words
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Run 'docker run --help'"))
        .collect();
    for line in &lines[lines.len().saturating_sub(SHOWN)..] {
        let plain: String = line.chars().filter(|it| !it.is_control()).collect();
        diagnostic = diagnostic.note(plain);
    }
    diagnostic
}

fn daemon(message: &str) -> Diagnostic {
    Diagnostic::error("zosc::build::engine-daemon", message)
}

fn not_running(_: Engine) -> Diagnostic {
    daemon("no docker daemon answers").help(
        "start it (`sudo systemctl start docker`), or say where it listens in DOCKER_HOST; podman needs none: `--executor podman`",
    )
}

fn not_permitted(_: Engine) -> Diagnostic {
    daemon("this user may not use the docker daemon").help(
        "run `sudo usermod -aG docker $USER` and log in again (its members are as mighty as root), or use `--executor podman`",
    )
}

fn elsewhere(engine: Engine) -> Diagnostic {
    daemon(&format!("{} does not see this machine's files", engine.program())).help(
        "use a daemon of this machine, outside of containers and virtual machines: unset DOCKER_HOST or choose another context",
    )
}

fn wrong_option(engine: Engine) -> Diagnostic {
    let name = engine.program();
    Diagnostic::error(
        "zosc::build::container-arguments",
        format!("`{name} run` does not know an option"),
    )
    .help(format!("correct ZOSC_CONTAINER_ARGS, which holds options of `{name} run`; without it, install a newer {name}"))
}

fn no_runtime(engine: Engine) -> Diagnostic {
    let name = engine.program();
    Diagnostic::error(
        "zosc::build::engine-runtime",
        format!("`{name}` has no runtime that starts containers"),
    )
    .help(format!(
        "install one: {}; or name one that is there: `ZOSC_CONTAINER_ARGS=\"--runtime crun\"`",
        tools::installing("runc")
    ))
}

fn limits(engine: Engine) -> Diagnostic {
    let name = engine.program();
    Diagnostic::error(
        "zosc::build::engine-failed",
        format!("`{name}` may not set the limits of a command"),
    )
    .help("give limits that its daemon or runtime may set: `ZOSC_CONTAINER_ARGS=\"--ulimit nofile=1024:1024 --ulimit nproc=1024:1024\"`")
}

fn storage(engine: Engine) -> Diagnostic {
    let name = engine.program();
    let way = match engine {
        Engine::Podman => {
            let installing = tools::installing("fuse-overlayfs");
            format!(
                "see `podman info`; install fuse-overlayfs: {installing}; or put `driver = \"vfs\"` into the section [storage] of /etc/containers/storage.conf \
                 (~/.config/containers/storage.conf for an ordinary user), then `podman system reset`"
            )
        }
        Engine::Docker => {
            "see `docker info` and the daemon's log; `dockerd --storage-driver=vfs` works everywhere".to_owned()
        }
    };
    Diagnostic::error(
        "zosc::build::engine-storage",
        format!("`{name}` cannot use its storage"),
    )
    .help(way)
}

fn cgroups(engine: Engine) -> Diagnostic {
    failed(engine, "its runtime cannot make a control group").help(
        "run zosc outside of containers, or give the engine a way without: `ZOSC_CONTAINER_ARGS=\"--cgroups=disabled\"` (podman)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_have_a_code_and_a_way_on() {
        use Engine::{Docker, Podman};

        for (engine, words, code) in [
            (
                Docker,
                "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
                "engine-daemon",
            ),
            (
                Docker,
                "permission denied while trying to connect to the Docker daemon socket at unix:///x",
                "engine-daemon",
            ),
            (
                Docker,
                "docker: Error response from daemon: invalid mount config for type \"bind\": bind source path does not exist: /x.",
                "engine-daemon",
            ),
            (Docker, "unknown flag: --colour", "container-arguments"),
            (
                Docker,
                "docker: Error response from daemon: unknown or invalid runtime name: kata.",
                "engine-runtime",
            ),
            (
                Podman,
                "Error: command required for rootless mode with multiple IDs: exec: \"newuidmap\": executable file not found in $PATH",
                "no-subordinate-ids",
            ),
            (
                Podman,
                "cannot clone: Operation not permitted\nError: cannot re-exec process",
                "no-namespaces",
            ),
            (
                Podman,
                "Error: default OCI runtime \"crun\" not found: invalid argument",
                "engine-runtime",
            ),
            (
                Podman,
                "Error: 'overlay' is not supported over overlayfs, a mount_program is required",
                "engine-storage",
            ),
            (Podman, "Error: something new", "engine-failed"),
        ] {
            let problem = said(engine, words);
            assert_eq!(problem.code, format!("zosc::build::{code}"), "{words}");
            assert!(problem.help.is_some(), "{words}");
            let last = words.lines().last().map(str::to_owned);
            assert_eq!(problem.notes.last(), last.as_ref(), "{words}");
        }
    }
}
