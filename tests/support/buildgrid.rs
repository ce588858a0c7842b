//! BuildGrid with its database and with bots of ours: a second engine of remote execution.
//!
//! Needs `$ZOSC_TEST_BUILDGRID`, a virtual environment of Python with BuildGrid in it, PostgreSQL, and what
//! [`super::casd`] needs: bots have its `buildbox-run` perform actions.

// Each test that includes this uses a part of it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::casd;

const SETTINGS: &str = include_str!("buildgrid/server.yml");
const BOT: &str = include_str!("buildgrid/bot.py");

/// A server on a port of its own; it ends with this, with everything that belongs to it.
pub struct BuildGrid {
    /// Ended in reverse: each needs those before it.
    children: Vec<Child>,
    folder: tempfile::TempDir,
    pub port: u16,
}

impl BuildGrid {
    /// Starts one with so many bots. `None`, aloud, where something is missing.
    pub fn start(bots: usize) -> Option<Self> {
        let Some(environment) = std::env::var_os("ZOSC_TEST_BUILDGRID").map(PathBuf::from) else {
            println!(
                "skipped: ZOSC_TEST_BUILDGRID does not name a BuildGrid (it needs Python 3.13)"
            );
            return None;
        };
        let Some(database) = postgresql() else {
            println!("skipped: BuildGrid needs PostgreSQL (apt-get install postgresql)");
            return None;
        };
        let (runner, arguments) = casd::runner()?;
        // The database's user has to get to its folder.
        let folder = tempfile::Builder::new()
            .prefix("zosc-buildgrid-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let mut grid = Self {
            children: Vec::new(),
            folder,
            port: casd::free_port(),
        };
        let port = grid.start_database(&database);
        grid.start_server(&environment, port);
        let mut bot = Command::new(environment.join("bin/python"));
        bot.args(["-c", BOT, &grid.address(), &bots.to_string()])
            .arg(runner)
            .args(arguments)
            .env("TMPDIR", grid.folder.path());
        grid.spawn("bots", bot);
        Some(grid)
    }

    /// Its address, for clients.
    pub fn url(&self) -> String {
        format!("grpc://{}", self.address())
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How many actions its bots perform at the moment.
    pub fn running(&self) -> usize {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        let works = entries.filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("zosc-bot-")
        });
        works.count()
    }

    fn start_database(&mut self, programs: &Path) -> u16 {
        let folder = self.folder.path().join("database");
        std::fs::create_dir(&folder).unwrap();
        let port = casd::free_port();
        // It refuses to be run by root.
        let command = |program: &str| {
            let program = programs.join(program);
            if !rustix::process::geteuid().is_root() {
                return Command::new(program);
            }
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(program);
            command
        };
        if rustix::process::geteuid().is_root() {
            let given = Command::new("chown").arg("postgres").arg(&folder).status();
            assert!(given.unwrap().success());
        }
        let mut prepare = command("initdb");
        prepare
            .arg("-D")
            .arg(&folder)
            .args(["-U", "zosc", "--auth=trust", "--no-sync", "--encoding=UTF8"])
            .arg("--locale=C")
            .current_dir("/");
        succeed(prepare);
        let mut server = command("postgres");
        server
            .arg("-D")
            .arg(&folder)
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args(["-k", "", "-c", "fsync=off"])
            .current_dir("/");
        self.spawn("database", server);
        assert!(casd::answers(port, self.children.last_mut().unwrap()));
        port
    }

    fn start_server(&mut self, environment: &Path, database: u16) {
        let program = environment.join("bin/bgd");
        let mut migrate = Command::new(&program);
        migrate.args(["migrate", "apply"]).arg(format!(
            "postgresql+psycopg://zosc@127.0.0.1:{database}/postgres"
        ));
        succeed(migrate);
        let settings = SETTINGS
            .replace("PORT", &self.port.to_string())
            .replace("DATABASE", &database.to_string())
            .replace("FOLDER", self.folder.path().to_str().unwrap());
        let file = self.folder.path().join("server.yml");
        std::fs::write(&file, settings).unwrap();
        let mut server = Command::new(program);
        server.args(["server", "start", "-v"]).arg(file);
        self.spawn("server", server);
        let answers = casd::answers(self.port, self.children.last_mut().unwrap());
        assert!(answers, "{}", self.log("server"));
    }

    /// What a part of it wrote: `database`, `server`, `bots`.
    pub fn log(&self, part: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(part).with_extension("log")).unwrap()
    }

    /// Starts a part in a process group of its own.
    fn spawn(&mut self, part: &str, mut command: Command) {
        let log = self.folder.path().join(part).with_extension("log");
        let log = std::fs::File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.children.push(child);
    }
}

impl Drop for BuildGrid {
    fn drop(&mut self) {
        // The database is the first; it has shared memory to give back.
        let database = self.children.first().map(Child::id);
        for child in self.children.iter_mut().rev() {
            let (signal, whom) = match child.id() {
                id if Some(id) == database => ("-QUIT", id.to_string()),
                group => ("-KILL", format!("-{group}")),
            };
            let _ = Command::new("kill").args([signal, "--", &whom]).status();
            let _ = child.wait();
        }
    }
}

/// The folder with PostgreSQL's programs.
fn postgresql() -> Option<PathBuf> {
    let releases = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut folders: Vec<PathBuf> = releases.map(|release| release.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    folders.sort();
    folders.pop()
}

fn succeed(mut command: Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
