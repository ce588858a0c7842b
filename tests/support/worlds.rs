//! Worlds asked of the real apk by the thousand, and what zosc answers to them.
//!
//! apk spends about a second on its indexes before it solves anything. `apk_server.c` lets one process of it read them once, and answer each
//! world in a copy of itself; that this changes no answer is tested against plain runs.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use zosc::apk::dependency::Dependency;
use zosc::apk::solver::Catalogue;

use super::oracle::Oracle;

/// Words that a question to a server may have; `apk_server.c` says the same.
const SLOTS: usize = 16;

/// `name-version` in the order of installation, or what is said against the world.
pub type Answer = Result<Vec<String>, String>;

/// Processes that run at a time.
const SERVERS: usize = 2;

/// Compiles the server's library into the jail; `None`, said aloud, where there is no C compiler.
pub fn prepare(oracle: &Oracle) -> Option<()> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/apk_server.c");
    let compiled = Command::new("cc")
        .args([
            "-O1",
            "-shared",
            "-fPIC",
            "-nostdlib",
            "-fno-stack-protector",
            "-o",
        ])
        .args([oracle.folder("apk_server.so").as_os_str(), source.as_ref()])
        .status();
    match compiled {
        Ok(status) => assert!(status.success(), "the server compiles"),
        Err(error) => {
            eprintln!("skipped: the oracle's server needs a C compiler: {error}");
            return None;
        }
    }
    for number in 0..SERVERS {
        let root = format!("out{number}");
        oracle
            .install(&root, "/nowhere", &[], &[])
            .expect("an empty root");
    }
    Some(())
}

/// A command that runs the jail's apk with the server's library, both streams in one.
fn command(oracle: &Oracle, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec chroot \"$@\" 2>&1", "sh"])
        .arg(oracle.folder(""))
        .args(["/lib/ld-musl-x86_64.so.1", "--preload", "/apk_server.so"])
        .arg("/sbin/apk")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// An apk that has read its indexes and waits for worlds.
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// One that adds to the empty root `/ROOT` from the repositories of `/repositories`.
    fn start(oracle: &Oracle, root: &str) -> Self {
        let root = format!("/{root}");
        let mut arguments = vec!["add", "--simulate", "--allow-untrusted", "--root", &root];
        arguments.extend(["--keys-dir", "/etc/apk/keys"]);
        arguments.extend(["--repositories-file", "/repositories"]);
        arguments.extend(["="; SLOTS]);
        Self::spawn(command(oracle, &arguments))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the oracle starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self {
            input: child.stdin.take(),
            child,
            output,
        }
    }

    fn ask(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{line}").expect("the oracle listens");
    }

    /// Whether a world is solved, and what apk prints of it.
    fn print(&mut self, world: &[String]) -> (bool, String) {
        assert!((1..=SLOTS).contains(&world.len()), "it fits: {world:?}");
        self.ask(&world.join(" "));
        let mut text = String::new();
        loop {
            let read = self.output.read_line(&mut text).expect("readable");
            assert!(read > 0, "the oracle ended: {text}");
            for (end, solved) in [("\n== solved\n", true), ("\n== refused\n", false)] {
                if let Some(printed) = text.strip_suffix(end) {
                    return (solved, printed.to_owned());
                }
            }
        }
    }

    pub fn solve(&mut self, world: &[String]) -> Answer {
        match self.print(world) {
            (true, text) => Ok(installed(&text)),
            (false, text) => Err(text),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

/// The packages of apk's `(1/2) Installing NAME (VERSION)` lines.
pub fn installed(text: &str) -> Vec<String> {
    let install = |line: &str| {
        let (name, version) = line.split_once(") Installing ")?.1.split_once(" (")?;
        let name = name.split('@').next().unwrap_or(name);
        Some(format!("{name}-{}", version.strip_suffix(')')?))
    };
    text.lines().filter_map(install).collect()
}

/// What apk says of versions: for each row `v` or `x`, whether its first word is a version, and how that compares with each other word.
pub fn version_rows(oracle: &Oracle, rows: &[&str]) -> Vec<String> {
    let mut server = Server::spawn(command(oracle, &["version", "-t", "1", "1"]));
    rows.iter()
        .map(|row| {
            server.ask(row);
            let mut answer = String::new();
            server.output.read_line(&mut answer).expect("readable");
            answer.trim_end().to_owned()
        })
        .collect()
}

/// What zosc makes of a world.
pub fn ours(catalogue: &Catalogue<'_>, world: &[String]) -> Answer {
    let wishes: Vec<Dependency<'_>> = world
        .iter()
        .map(|wish| Dependency::parse(wish).expect("a dependency"))
        .collect();
    match catalogue.resolve(&wishes) {
        Ok(solution) => Ok(solution
            .packages
            .iter()
            .map(|choice| format!("{}-{}", choice.package.name, choice.package.version))
            .collect()),
        Err(refusal) => Err(format!("{refusal:?}")),
    }
}

/// How often both sides say the same.
#[derive(Debug, Default)]
pub struct Agreement {
    pub what: &'static str,
    /// Same packages in the same order.
    pub agreed: usize,
    /// Refused by both.
    pub refused: usize,
    pub disagreements: Vec<String>,
}

impl Agreement {
    pub const HEAD: &'static str =
        "                                              tried   agreed  refused  disagreed";

    /// A line of the table: what was asked, how often, and how it went.
    pub fn line(&self) -> String {
        let (agreed, refused, disagreed) = (self.agreed, self.refused, self.disagreements.len());
        let tried = agreed + refused + disagreed;
        format!(
            "{:<42} {tried:>8} {agreed:>8} {refused:>8} {disagreed:>10}",
            self.what
        )
    }

    pub fn add(&mut self, world: &[String], theirs: &Answer, ours: &Answer) {
        match (theirs, ours) {
            (Err(_), Err(_)) => self.refused += 1,
            _ if theirs == ours => self.agreed += 1,
            _ => self.disagreements.push(describe(world, theirs, ours)),
        }
    }
}

fn describe(world: &[String], theirs: &Answer, ours: &Answer) -> String {
    let mut text = format!("world {}\n", world.join(" "));
    let (Ok(theirs), Ok(ours)) = (theirs, ours) else {
        let _ = writeln!(text, "  apk:  {theirs:?}\n  here: {ours:?}");
        return text;
    };
    let missing: Vec<_> = theirs.iter().filter(|name| !ours.contains(name)).collect();
    let surplus: Vec<_> = ours.iter().filter(|name| !theirs.contains(name)).collect();
    let _ = writeln!(text, "  only apk: {missing:?}\n  only here: {surplus:?}");
    if missing.is_empty() && surplus.is_empty() {
        let _ = writeln!(
            text,
            "  another order:\n    apk:  {theirs:?}\n    here: {ours:?}"
        );
    }
    text
}

/// Asks the server and a plain run of apk for every world; returns where what they print differs.
pub fn against_plain_runs(
    oracle: &Oracle,
    repositories: &[String],
    worlds: &[Vec<String>],
) -> Vec<String> {
    fs::write(oracle.folder("repositories"), repositories.join("\n")).expect("writable");
    let mut server = Server::start(oracle, "out0");
    let mut differences = Vec::new();
    for world in worlds {
        let served = server.print(world);
        let arguments = [
            "add",
            "--simulate",
            "--root",
            "/out1",
            "--keys-dir",
            "/etc/apk/keys",
        ];
        let mut arguments = arguments.to_vec();
        arguments.extend(["--repositories-file", "/repositories"]);
        arguments.extend(world.iter().map(String::as_str));
        let plain = match oracle.run(&arguments) {
            Ok(said) => (true, said),
            Err(said) => (false, said),
        };
        if served != plain {
            differences.push(format!("{world:?}: {served:?}, plainly {plain:?}"));
        }
    }
    differences
}

/// Asks both sides every world; `repositories` are lines of `/etc/apk/repositories`.
pub fn compare(
    what: &'static str,
    oracle: &Oracle,
    repositories: &[String],
    catalogue: &Catalogue<'_>,
    worlds: &[Vec<String>],
) -> Agreement {
    fs::write(oracle.folder("repositories"), repositories.join("\n")).expect("writable");
    let next = AtomicUsize::new(0);
    let agreement = Mutex::new(Agreement {
        what,
        ..Agreement::default()
    });
    std::thread::scope(|scope| {
        for number in 0..SERVERS.min(worlds.len()) {
            let (next, agreement) = (&next, &agreement);
            scope.spawn(move || {
                let mut server = Server::start(oracle, &format!("out{number}"));
                while let Some(world) = worlds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (theirs, ours) = (server.solve(world), ours(catalogue, world));
                    let mut agreement = agreement.lock().expect("not poisoned");
                    agreement.add(world, &theirs, &ours);
                }
            });
        }
    });
    agreement.into_inner().expect("not poisoned")
}
