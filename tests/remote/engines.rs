//! BuildGrid, a second engine: another scheduler, another store, other answers, the same builds.

use rustix::process::{Pid, Signal, kill_process};

use super::buildgrid::BuildGrid;
use super::project::{Project, on, shown_on, wait};

#[test]
fn another_engine_builds_the_same() {
    let Some(grid) = BuildGrid::start(2) else {
        return;
    };
    let Some(project) = Project::new() else {
        return;
    };
    let here = project.build(&[]);
    let other = project.elsewhere();
    let there = other.build(&on(&grid.url()));
    assert_eq!(here.outputs(), there.outputs());
    there.assert_remote();
    other.assert_sound();
    let third = project.elsewhere();
    let shared = third.build(&on(&grid.url()));
    assert_eq!(here.outputs(), shared.outputs());
    shared.assert_shared();

    let Some(compiled) = Project::compiled() else {
        return;
    };
    let here = compiled.build(&[]);
    let there = compiled.elsewhere().build(&shown_on(&grid.url()));
    assert_eq!(here.outputs(), there.outputs());

    project.edit("echo word > word; cat word", "echo last words; exit 7");
    let refused = project.refuse(&on(&grid.url()));
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("ended with exit code 7"), "{refused}");
    assert_eq!(refused["notes"][0], "last words", "{refused}");

    let Some(sleepers) = Project::sleepers(&["one", "two"], 1000) else {
        return;
    };
    let child = sleepers.start(&on(&grid.url()));
    wait("both bots are at work", || grid.running() == 2);
    let id = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    wait("the bots have nothing to do", || grid.running() == 0);
}
