//! `kill -9`, at moments that are spread over the length of a build.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use zosc::tree::Digest;

use super::project::Project;
use super::support::made::Dice;

/// How many builds are killed in all.
const KILLS: usize = 200;
/// How many of them at a time.
const WORKERS: usize = 2;

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// zosc and all that it has started, as when a terminal's job is killed.
    Group,
    /// zosc alone, as the kernel does it where memory runs out.
    Zosc,
}

pub(crate) fn kill(child: &Child, signal: Signal, whole_group: bool) {
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    // One that has ended already is none the worse for it.
    let _ = if whole_group {
        kill_process_group(pid, signal)
    } else {
        kill_process(pid, signal)
    };
}

fn seed() -> u64 {
    let named = std::env::var("ZOSC_FAULTS_SEED").ok();
    named.map_or_else(
        || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
                | 1
        },
        |seed| seed.parse().unwrap(),
    )
}

/// A project where what is fetched is in the store, or nothing at all, and how long a build takes from there.
struct Start {
    is_cold: bool,
    length: Duration,
}

impl Start {
    fn again(&self, project: &Project) {
        project.forget();
        if !self.is_cold {
            let copied = Command::new("cp")
                .arg("-a")
                .args([project.path("fetched"), project.store.clone()])
                .status();
            assert!(copied.unwrap().success());
        }
    }
}

/// The two starts, and what a build that nobody disturbs yields.
fn prepare(project: &Project) -> ([Start; 2], BTreeMap<String, Digest>) {
    project.succeed(&["fetch"]);
    std::fs::rename(&project.store, project.path("fetched")).unwrap();
    let mut wanted = BTreeMap::new();
    let starts = [true, false].map(|is_cold| {
        let mut start = Start {
            is_cold,
            length: Duration::ZERO,
        };
        start.again(project);
        let clock = Instant::now();
        wanted = project.build();
        start.length = clock.elapsed();
        start
    });
    (starts, wanted)
}

#[test]
fn a_killed_build_leaves_nothing_and_the_next_one_ends_the_same() {
    let seed = seed();
    println!("ZOSC_FAULTS_SEED={seed}");
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            scope.spawn(move || murders(seed + worker as u64, KILLS / WORKERS));
        }
    });
}

fn murders(seed: u64, count: usize) {
    let Some(project) = Project::new() else {
        return;
    };
    let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut starts, wanted) = prepare(&project);
    let lengths = starts.each_ref().map(|start| start.length);
    println!("a build takes {lengths:?}");
    let (mut killed, mut too_late) = (0, 0);
    while killed < count {
        let start = &mut starts[killed % 2];
        start.again(&project);
        // Each moment has its share of the build's length, and lies somewhere in it.
        let share = start.length.as_micros() as usize / count;
        let moment = Duration::from_micros((killed * share + dice.below(share.max(1))) as u64);
        let victim = [Victim::Group, Victim::Zosc][dice.below(2)];
        let mut child = project.start();
        std::thread::sleep(moment);
        let has_ended = child.try_wait().unwrap().is_some();
        kill(&child, Signal::KILL, matches!(victim, Victim::Group));
        child.wait().unwrap();
        if has_ended {
            // The machine has become quicker since the build was measured: later moments are meant for one that ends sooner.
            start.length = start.length * 9 / 10;
            too_late += 1;
            assert!(too_late < count, "no build can be caught");
            continue;
        }
        killed += 1;
        let when = format!(
            "{victim:?} killed after {moment:?} of {:?}, seed {seed}",
            start.length
        );
        project.assert_alone(&when);
        // What is there is whole; nothing half-written has got a name.
        for (name, digest) in project.digests() {
            assert!(
                name.starts_with('.') || wanted[&name] == digest,
                "{when}: {name}"
            );
        }
        assert_eq!(project.build(), wanted, "{when}");
        project.assert_sound(&when);
    }
    println!("{killed} builds killed, and {too_late} that had ended before");
}

/// Whoever is removing things is killed as well.
#[test]
fn a_killed_gc_leaves_a_sound_store() {
    let Some(project) = Project::new() else {
        return;
    };
    let mut dice = Dice::new(seed() | 1);
    let first = project.build();
    project.manifest("two");
    let second = project.build();
    std::fs::rename(&project.store, project.path("full")).unwrap();
    let again = || {
        let _ = std::fs::remove_dir_all(&project.store);
        let copied = Command::new("cp")
            .arg("-a")
            .args([project.path("full"), project.store.clone()])
            .status();
        assert!(copied.unwrap().success());
    };
    again();
    let clock = Instant::now();
    project.succeed(&["store", "gc", "--keep", "0"]);
    let length = clock.elapsed().as_micros() as usize;
    for round in 0..24 {
        again();
        let keep = ["0", "1"][round % 2];
        let mut gc = project.command(&["store", "gc", "--keep", keep]);
        let mut child = gc.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(dice.below(length) as u64));
        kill(&child, Signal::KILL, true);
        child.wait().unwrap();
        project.assert_sound("after a killed gc");
        if round % 8 == 0 {
            project.manifest("one");
            assert_eq!(project.build(), first);
            project.manifest("two");
            assert_eq!(project.build(), second);
        }
    }
}
