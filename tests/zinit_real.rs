//! The real zinit of each dialect reads the units that `zosc::zinit` writes.
//!
//! Both generations come from the Cargo registry into a cache outside the repository, once. Each test starts one in its own
//! mount and process namespaces and reads the states with the very script that images report with.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use zosc::zinit::{self, Dialect, Kind, Log, Probe, Restart, Unit};

const DIALECTS: [Dialect; 2] = [Dialect::Yaml, Dialect::Toml];

/// How long a state may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The folder with the programs of a dialect, installed where it is missing; `None`, said aloud, where that cannot be.
fn programs(dialect: Dialect) -> Option<PathBuf> {
    let (version, extra): (&str, &[&str]) = match dialect {
        Dialect::Yaml => ("0.2.1", &[]),
        // 0.3.9 does not compile with pid1.
        Dialect::Toml => (
            "0.3.8",
            &["--no-default-features", "--features", "client,server,pid1"],
        ),
    };
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: mount namespaces for zinit need root");
        return None;
    }
    let cache = std::env::var_os("ZOSC_TEST_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/zosc-tests"),
        PathBuf::from,
    );
    fs::create_dir_all(&cache).expect("the cache folder can be made");
    let root = cache.join(format!("zinit-{version}"));
    let lock = File::create(cache.join(format!("zinit-{version}.lock"))).expect("a lock file");
    lock.lock().expect("the lock can be taken");
    if !root.join("bin/zinit").exists() {
        eprintln!("installing zinit {version} below {}", cache.display());
        let status = Command::new("nice")
            .args(["-n", "10", "cargo", "install", "--quiet", "zinit"])
            .args(["--version", version, "--root"])
            .arg(&root)
            .args(extra)
            // Its own profile optimises across all crates, which takes minutes.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env_remove("RUSTFLAGS")
            .status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("skipped: zinit {version} cannot be installed from the Cargo registry");
            return None;
        }
    }
    Some(root.join("bin"))
}

/// A running zinit with its own root; it and all it started end when this is dropped.
struct Running {
    folder: tempfile::TempDir,
    child: Child,
}

impl Running {
    /// Starts the zinit of a dialect on units; `None` where it is not to be had.
    fn start(dialect: Dialect, units: &[Unit]) -> Option<Self> {
        let programs = programs(dialect)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::create_dir_all(path.join("out")).expect("a folder");
        for file in zinit::lower(units, dialect).files {
            let to = path.join("files").join(file.path.trim_start_matches('/'));
            fs::create_dir_all(to.parent().expect("a unit's path has a folder")).expect("a folder");
            fs::write(to, file.text).expect("a unit file");
        }
        let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime-units/boot-report.sh");
        fs::write(path.join("start"), start_script(dialect)).expect("a script");
        let child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh"])
            .arg(path.join("start"))
            .args([path, &programs, &report])
            .stdin(Stdio::null())
            .stdout(File::create(path.join("log")).expect("a log"))
            .stderr(Stdio::inherit())
            .spawn()
            .expect("unshare(1) is there");
        Some(Self { folder, child })
    }

    /// What the report last said: states by unit.
    fn states(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.folder.path().join("out/report")).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let (unit, state) = line
                    .strip_prefix("zosc-report unit=")?
                    .split_once(" state=")?;
                Some((unit.to_owned(), state.to_owned()))
            })
            .collect()
    }

    /// Waits until a unit is in a state.
    #[track_caller]
    fn wait(&self, unit: &str, state: &str) {
        self.wait_until(&format!("{unit} is {state}"), || {
            self.states().get(unit).is_some_and(|now| now == state)
        });
    }

    #[track_caller]
    fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(
                start.elapsed() < PATIENCE,
                "waited in vain: {what}\nstates: {:#?}\nzinit said:\n{}",
                self.states(),
                fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What a unit wrote to `/out/NAME`.
    fn output(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join("out").join(name)).ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // unshare takes its process namespace along.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a root of the machine's programs and the units, starts zinit in it and reports its states again and again.
fn start_script(dialect: Dialect) -> String {
    let server = match dialect {
        Dialect::Yaml => {
            "mkdir -p root/hero/cfg root/hero/var; ln -s /etc/zinit root/hero/cfg/zinit\n\
             run zinit start &"
        }
        Dialect::Toml => "run zinit-server -c /etc/zinit/services -s /run/zinit.sock &",
    };
    format!(
        r#"set -e
mkdir "$1/root"
mount -t tmpfs tmpfs "$1/root"
cd "$1/root"
for name in bin sbin lib lib64 usr dev; do
    [ -d "/$name" ] || continue
    mkdir "$name"
    mount --rbind "/$name" "$name"
done
mkdir etc run tmp proc out srv root opt
mount -t proc proc proc
mount --bind "$1/out" out
mount --bind "$2" opt
cp -r "$1/files/." .
cp "$3" run/report
run() {{
    chroot . /usr/bin/env -i HOME=/root PATH=/opt:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 "$@"
}}
{server}
while sleep 0.1; do
    run sh /run/report once >"$1/out/report.new" && mv "$1/out/report.new" "$1/out/report"
done
"#
    )
}

fn argv(words: &[&str]) -> zinit::Command {
    zinit::Command::Argv(words.iter().map(|word| (*word).to_owned()).collect())
}

fn shell(text: &str) -> zinit::Command {
    zinit::Command::Shell(text.to_owned())
}

fn requiring(mut unit: Unit, names: &[&str]) -> Unit {
    unit.requires = names.iter().map(|name| (*name).to_owned()).collect();
    unit
}

/// A daemon that notes that it was started.
fn witness(name: &str, requires: &[&str]) -> Unit {
    let note = format!("date +%s.%N >/out/{name}; exec sleep 1000");
    requiring(Unit::daemon(name, shell(&note)), requires)
}

#[test]
fn a_probed_daemon_runs_once_its_probe_passes() {
    for dialect in DIALECTS {
        let mut slow = Unit::daemon("slow-start", argv(&["sleep", "1000"]));
        slow.probe = Some(Probe::Exec(shell("test -e /out/go")));
        let units = [slow, witness("behind", &["slow-start"])];
        let Some(running) = Running::start(dialect, &units) else {
            return;
        };
        running.wait("slow-start", "starting");
        running.wait("behind", "blocked");
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(running.states()["slow-start"], "starting");
        assert_eq!(running.output("behind"), None, "it must wait for the probe");
        fs::write(running.folder.path().join("out/go"), "").expect("a file");
        running.wait("slow-start", "running");
        running.wait("behind", "running");
    }
}

#[test]
fn a_tcp_probe_passes_once_something_listens() {
    // A port that nobody else has: the machine's network is shared.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut daemon = Unit::daemon("listener", argv(&["sleep", "1000"]));
    daemon.probe = Some(Probe::Tcp(address));
    // The other dialect needs a tool of the image, whose text the unit tests hold.
    let Some(running) = Running::start(Dialect::Toml, &[daemon]) else {
        return;
    };
    running.wait("listener", "running");
}

#[test]
fn dependents_of_a_oneshot_start_after_it_has_ended_well() {
    for dialect in DIALECTS {
        let gate = shell("sleep 2; date +%s.%N >/out/ended");
        let mut ordered = witness("ordered", &[]);
        ordered.after = vec!["gate".to_owned()];
        let units = [
            Unit::oneshot("gate", gate),
            witness("behind", &["gate"]),
            requiring(Unit::target("point"), &["gate"]),
            witness("behind.point", &["point"]),
            ordered,
        ];
        let Some(running) = Running::start(dialect, &units) else {
            return;
        };
        running.wait("gate", "starting");
        running.wait("behind.point", "running");
        running.wait("behind", "running");
        running.wait("ordered", "running");
        assert_eq!(running.states()["gate"], "success");
        let point = &running.states()["point"];
        assert!(point == "running" || point == "success", "{point}");
        let time = |name: &str| -> f64 {
            let text = running.output(name).expect("it was noted");
            text.trim().parse().expect("it is a time")
        };
        assert!(time("behind") > time("ended"));
        assert!(time("behind.point") > time("ended"));
    }
}

#[test]
fn a_failed_oneshot_blocks_what_requires_it() {
    for dialect in DIALECTS {
        let units = [
            Unit::oneshot("broken", shell("sleep 1; exit 3")),
            witness("behind", &["broken"]),
            requiring(Unit::target("point"), &["broken"]),
            witness("beside", &[]),
        ];
        let Some(running) = Running::start(dialect, &units) else {
            return;
        };
        running.wait("broken", "failed");
        running.wait("beside", "running");
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(running.states()["behind"], "blocked");
        assert_eq!(running.states()["point"], "blocked");
        assert_eq!(running.output("behind"), None);
    }
}

#[test]
fn a_oneshot_that_overruns_its_limit_fails() {
    let mut endless = Unit::oneshot("endless", argv(&["sleep", "1000"]));
    endless.start_timeout = Some(Duration::from_secs(2));
    let units = [endless, witness("behind", &["endless"])];
    // zinit 0.2 has no limit: a named loss.
    let Some(running) = Running::start(Dialect::Toml, &units) else {
        return;
    };
    running.wait("endless", "failed");
    assert_eq!(running.states()["behind"], "blocked");
}

#[test]
fn every_argument_and_variable_arrives_as_written() {
    let hostile = [
        "a b",
        "it's",
        "$HOME",
        "&&",
        "|",
        ">x",
        "",
        "#x",
        "*",
        "ü→日本",
        "a\"b\\",
        "tab\there",
        "two\nlines",
        "`id`",
        "$(id)",
        "{a,b}",
        "~",
        "!x",
        "yes",
        "null: [1]",
        " lead",
        "trail ",
    ];
    for dialect in DIALECTS {
        let mut words = vec![
            "sh",
            "-c",
            "printf '<%s>' \"$0\" \"$@\" >/out/argv; env -0 >/out/env",
        ];
        words.extend(hostile);
        let mut unit = Unit::oneshot("writer", argv(&words));
        for (index, value) in hostile.iter().enumerate() {
            unit.environment
                .insert(format!("V{index:02}"), (*value).to_owned());
        }
        unit.directory = Some("/srv".to_owned());
        let probe =
            shell("pwd >/out/pwd; test \"$V00\" = 'a b' && printf '%s' \"$V01\" >/out/probe");
        let mut probed = Unit::daemon("probed", argv(&["sleep", "1000"]));
        probed.environment.clone_from(&unit.environment);
        probed.directory.clone_from(&unit.directory);
        probed.probe = Some(Probe::Exec(probe));
        let Some(running) = Running::start(dialect, &[unit, probed]) else {
            return;
        };
        running.wait("writer", "success");
        running.wait("probed", "running");
        let expected = format!("<{}>", hostile.join("><"));
        assert_eq!(running.output("argv"), Some(expected), "{dialect:?}");
        let environment = running.output("env").expect("it was written");
        let arrived: BTreeMap<&str, &str> = environment
            .split('\0')
            .filter_map(|line| line.split_once('='))
            .collect();
        for (index, value) in hostile.iter().enumerate() {
            assert_eq!(
                arrived.get(&*format!("V{index:02}")),
                Some(value),
                "{dialect:?}"
            );
        }
        assert_eq!(running.output("pwd").as_deref(), Some("/srv\n"));
        assert_eq!(running.output("probe").as_deref(), Some("it's"));
    }
}

#[test]
fn a_script_of_several_lines_runs_whole() {
    let script = "set -e\n# it's a comment: \"quoted\"\nfor word in a b; do\n\techo \"<$word>\" >>/out/script\ndone\n\ntest -s /out/script\n";
    for dialect in DIALECTS {
        let mut quiet = Unit::oneshot("quiet", shell(script));
        quiet.log = Log::None;
        let Some(running) = Running::start(dialect, &[quiet]) else {
            return;
        };
        running.wait("quiet", "success");
        assert_eq!(running.output("script").as_deref(), Some("<a>\n<b>\n"));
    }
}

#[test]
fn restart_policies_hold() {
    for dialect in DIALECTS {
        let counting = |name: &str, status: u8, restart| {
            let script = format!("echo x >>/out/{name}; exit {status}");
            let mut unit = Unit::daemon(name, shell(&script));
            unit.restart = restart;
            unit
        };
        let units = [
            counting("always", 0, Restart::Always),
            counting("on-failure-bad", 1, Restart::OnFailure),
            counting("on-failure-good", 0, Restart::OnFailure),
            counting("never", 1, Restart::Never),
        ];
        let Some(running) = Running::start(dialect, &units) else {
            return;
        };
        let times = |name: &str| running.output(name).unwrap_or_default().lines().count();
        running.wait_until("always restarts", || times("always") >= 3);
        running.wait_until("a failure restarts", || times("on-failure-bad") >= 2);
        assert_eq!(times("on-failure-good"), 1, "{dialect:?}");
        assert_eq!(times("never"), 1, "{dialect:?}");
    }
}

#[test]
fn every_field_is_one_that_zinit_parses() {
    for dialect in DIALECTS {
        let mut everything = witness("everything", &["base"]);
        everything.after = vec!["beside".to_owned()];
        everything.wants = vec!["beside".to_owned()];
        everything.conflicts = vec!["rival".to_owned()];
        everything.stop_signal = "SIGINT".parse().ok();
        everything.stop_timeout = Some(Duration::from_millis(2500));
        everything.log = Log::None;
        everything.directory = Some("/srv".to_owned());
        let mut rival = Unit::new("rival", Kind::Daemon, Some(argv(&["sleep", "1000"])));
        rival.enabled = false;
        let units = [
            everything,
            rival,
            witness("beside", &[]),
            Unit::oneshot("base", argv(&["true"])),
        ];
        let Some(running) = Running::start(dialect, &units) else {
            return;
        };
        running.wait("everything", "running");
        let states = running.states();
        let names: Vec<&str> = states.keys().map(String::as_str).collect();
        assert_eq!(names, ["base", "beside", "everything"], "{dialect:?}");
    }
}

#[test]
fn conflicts_keep_two_units_apart() {
    let mut one = witness("one", &[]);
    one.conflicts = vec!["two".to_owned()];
    let Some(running) = Running::start(Dialect::Toml, &[one, witness("two", &[])]) else {
        return;
    };
    running.wait_until("one of them runs, the other waits", || {
        let mut states: Vec<String> = running.states().into_values().collect();
        states.sort();
        states == ["blocked", "running"]
    });
}
