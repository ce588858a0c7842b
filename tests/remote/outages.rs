//! Servers that die, come back, forget; builds that are stopped.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::casd::Casd;
use super::project::{Project, on, texts, wait};

#[test]
fn a_server_that_comes_back_is_asked_again() {
    let Some(mut casd) = Casd::start(2) else {
        return;
    };
    let Some(project) = Project::sleepers(&["one", "two"], 3) else {
        return;
    };
    let here = project.elsewhere().build(&[]);
    let child = project.start(&on(&casd.url()));
    wait("actions run", || casd.running() == 2);
    casd.kill();
    std::thread::sleep(Duration::from_millis(700));
    casd.restart();
    let there = project.built(&child.wait_with_output().unwrap());
    assert_eq!(here.outputs(), there.outputs());
    there.assert_remote();
    project.assert_sound();
}

#[test]
fn a_server_that_comes_back_without_its_store_is_given_everything_again() {
    let Some(mut casd) = Casd::start(2) else {
        return;
    };
    let Some(project) = Project::sleepers(&["one"], 3) else {
        return;
    };
    let here = project.elsewhere().build(&[]);
    let child = project.start(&on(&casd.url()));
    wait("an action runs", || casd.running() == 1);
    casd.kill();
    casd.empty();
    casd.restart();
    let there = project.built(&child.wait_with_output().unwrap());
    assert_eq!(here.outputs(), there.outputs());
    project.assert_sound();
}

#[test]
fn a_server_that_stays_away_is_an_error_or_a_build_here() {
    let Some(mut casd) = Casd::start(1) else {
        return;
    };
    let Some(project) = Project::new() else {
        return;
    };
    let url = casd.url();
    casd.kill();
    let started = Instant::now();
    let refused = project.refuse(&on(&url));
    assert!(started.elapsed() < Duration::from_mins(1));
    let (code, message) = (refused["code"].as_str(), refused["message"].as_str());
    assert!(code.unwrap().starts_with("zosc::remote::"), "{refused}");
    assert!(message.unwrap().contains(&url), "{refused}");
    assert!(refused["help"].is_string(), "{refused}");
    project.assert_sound();
    let fallback = [&on(&url)[..], &["--remote-fallback", "local"]].concat();
    let output = project.command(&fallback).output().unwrap();
    let record = project.built(&output);
    assert_eq!(record.ran().len(), 3);
    assert!(record.ran().values().all(|place| place.is_empty()));
    // Once, however many actions there are.
    let (said, errors) = texts(&output);
    let warnings = said
        .lines()
        .filter(|line| line.contains("\"severity\":\"warning\""));
    assert_eq!(warnings.count(), 1, "{said}{errors}");
}

#[test]
fn a_cache_that_is_emptied_costs_time_and_nothing_else() {
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = Project::new() else {
        return;
    };
    let first = project.build(&on(&casd.url()));
    // What was uploaded has gone when something else is built from it.
    casd.empty();
    project.edit("echo word > word", "echo other > word");
    let second = project.build(&on(&casd.url()));
    assert_eq!(second.ran().len(), 1);
    second.assert_remote();
    // Results are there, and what they name is not.
    project.edit("echo other > word", "echo word > word");
    casd.lose_contents();
    let other = project.elsewhere();
    let third = other.build(&on(&casd.url()));
    assert_eq!(first.outputs(), third.outputs());
    other.assert_sound();
}

#[test]
fn ctrl_c_calls_actions_off() {
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = Project::sleepers(&["one", "two"], 1000) else {
        return;
    };
    let child = project.start(&on(&casd.url()));
    wait("actions run", || casd.running() == 2);
    let id = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(130), "{said}{errors}");
    wait("the server has nothing to do", || casd.running() == 0);
    project.assert_sound();
}
