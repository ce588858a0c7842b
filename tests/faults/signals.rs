//! Ctrl-C, once and twice, and the other signals that ask for an end.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::kills::kill;
use super::project::Project;

/// Signals and the exit codes that they lead to. The loss of the terminal means nothing to those that were started by `nohup`.
fn cases() -> Vec<(Signal, i32)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)]
        .into_iter()
        .filter(|(signal, _)| ignored >> (signal.as_raw() - 1) & 1 == 0)
        .collect()
}

/// Waits until a process has something to do at Ctrl-C; on a busy machine that takes a while.
fn wait_until_it_listens(child: &Child) {
    let listens = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        cases()
            .iter()
            .map(|(signal, _)| signal)
            .all(|signal| mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1))
    };
    let patience = Instant::now() + Duration::from_secs(20);
    while !listens() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn who_is_asked_to_stop_leaves_nothing_and_says_so() {
    let Some(project) = Project::new() else {
        return;
    };
    let clock = Instant::now();
    let wanted = project.build();
    let mut length = clock.elapsed();
    let mut stopped = 0;
    for share in 0..4 {
        for (number, (signal, code)) in cases().into_iter().enumerate() {
            project.forget();
            let child = project.start();
            wait_until_it_listens(&child);
            std::thread::sleep(length * (3 * share + number as u32) / 14);
            // A terminal's Ctrl-C goes to all that run in it; others mean zosc alone.
            kill(&child, signal, signal == Signal::INT);
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let when = format!("{signal:?} at share {share}: {said}");
            match output.status.code() {
                // The machine had more to do when the time was taken.
                Some(0) => length = length * 2 / 3,
                ended => {
                    assert_eq!(ended, Some(code), "{when}");
                    assert!(said.contains("cancelled"), "{when}");
                    stopped += 1;
                }
            }
            project.assert_alone(&when);
            let left = std::fs::read_dir(project.store.join("temporary"));
            assert_eq!(left.into_iter().flatten().count(), 0, "{when}");
            for (name, digest) in project.digests() {
                assert_eq!(wanted.get(&name), Some(&digest), "{when}");
            }
            assert_eq!(project.build(), wanted, "{when}");
            project.assert_sound(&when);
        }
    }
    println!("{stopped} of {} builds were stopped", 4 * cases().len());
    assert!(stopped > 2, "{stopped}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let Some(project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    project.forget();
    project.write("src/make", "sleep 60; touch out\n");
    for second in [Signal::INT, Signal::TERM] {
        let child = project.start();
        wait_until_it_listens(&child);
        std::thread::sleep(Duration::from_millis(400));
        kill(&child, Signal::INT, true);
        kill(&child, second, true);
        let output = child.wait_with_output().unwrap();
        let ended = output.status.code();
        let codes = [Some(130), Some(128 + second.as_raw())];
        assert!(
            codes.contains(&ended),
            "{ended:?} {:?}",
            output.status.signal()
        );
        project.assert_alone("a second signal");
    }
    let made = "for n in $(seq 40); do seq $n 2000 | sha256sum; done > out\nmkdir -p many; for n in $(seq 60); do echo $n > many/$n; done\n";
    project.write("src/make", made);
    assert_eq!(project.build(), wanted);
    project.assert_sound("a second signal");
}
