//! Several at once on one store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use zosc::tree::Digest;

use super::project::{Project, unwrapped};

/// Projects that share a store: two have the same manifest, two have others.
fn neighbours(count: usize) -> Option<Vec<Project>> {
    let mut projects = Vec::new();
    for number in 0..count {
        let project = Project::new()?;
        project.manifest(["one", "one", "two", "three"][number]);
        projects.push(project);
    }
    let store = projects[0].store.clone();
    for project in &mut projects {
        project.store.clone_from(&store);
    }
    Some(projects)
}

fn build_all(projects: &[Project]) -> Vec<BTreeMap<String, Digest>> {
    std::thread::scope(|scope| {
        let builds: Vec<_> = projects
            .iter()
            .map(|project| scope.spawn(|| project.build()))
            .collect();
        builds
            .into_iter()
            .map(|build| build.join().unwrap())
            .collect()
    })
}

#[test]
fn builds_side_by_side_end_as_they_would_alone() {
    let Some(projects) = neighbours(4) else {
        return;
    };
    let alone: Vec<_> = projects
        .iter()
        .map(|project| {
            let _ = std::fs::remove_dir_all(&project.store);
            project.build()
        })
        .collect();
    assert_eq!(alone[0], alone[1]);
    assert_ne!(alone[1], alone[2]);
    for count in [2, 4, 4] {
        let together = &projects[..count];
        let _ = std::fs::remove_dir_all(&projects[0].store);
        for project in together {
            let _ = std::fs::remove_dir_all(&project.outputs);
        }
        assert_eq!(build_all(together), alone[..count]);
        projects[0].assert_sound("side by side");
    }
}

#[test]
fn the_same_project_can_be_built_twice_at_once() {
    let Some(project) = Project::new() else {
        return;
    };
    let alone = project.build();
    for _ in 0..3 {
        project.forget();
        std::thread::scope(|scope| {
            for build in [
                scope.spawn(|| project.succeed(&project.build_arguments())),
                scope.spawn(|| project.succeed(&project.build_arguments())),
            ] {
                build.join().unwrap();
            }
        });
        // Only now: while one of them still writes, its temporary file stands beside the outputs.
        assert_eq!(project.digests(), alone);
        project.assert_sound("twice at once");
    }
}

#[test]
fn a_gc_waits_for_builds_and_takes_nothing_from_them() {
    let Some(projects) = neighbours(4) else {
        return;
    };
    let alone = build_all(&projects);
    let done = AtomicBool::new(false);
    let collected = std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                projects[0].succeed(&["store", "gc", "--keep", "0"]);
                count += 1;
            }
            count
        });
        for round in 0..4 {
            for (project, wanted) in projects.iter().zip(&alone) {
                let _ = std::fs::remove_dir_all(&project.outputs);
                assert_eq!(project.build(), *wanted, "round {round}");
            }
        }
        done.store(true, Ordering::Relaxed);
        collector.join().unwrap()
    });
    println!("{collected} collections beside 16 builds");
    projects[0].assert_sound("beside gc");
}

#[test]
fn a_gc_says_whom_it_waits_for() {
    let Some(project) = Project::new() else {
        return;
    };
    let store = zosc::tree::Store::open(&project.store).unwrap();
    let refused = project.refuse(&["store", "gc", "--no-wait"]);
    assert!(refused.contains("zosc::store::busy"), "{refused}");
    let own = format!("process{}", std::process::id());
    assert!(refused.contains(&own), "{refused}");
    let mut command = project.command(&["store", "gc"]);
    let waiting = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(store);
    let output = waiting.wait_with_output().unwrap();
    let said = unwrapped(&output.stderr);
    assert!(output.status.success() && said.contains(&own), "{said}");
}
