//! What several machines have of one server.

use super::casd::Casd;
use super::project::{Project, on, wait};

#[test]
fn independent_components_are_built_at_once() {
    let Some(casd) = Casd::start(3) else { return };
    let Some(project) = Project::sleepers(&["one", "two", "three"], 4) else {
        return;
    };
    let url = casd.url();
    // Processors of this machine are not what limits it.
    let arguments = [&on(&url)[..], &["--jobs", "1"]].concat();
    let child = project.start(&arguments);
    wait("three actions run at once", || casd.running() == 3);
    let record = project.built(&child.wait_with_output().unwrap());
    record.assert_remote();
    assert_eq!(record.ran().len(), 3);
}

#[test]
fn only_so_many_actions_are_under_way_as_were_asked_for() {
    let Some(casd) = Casd::start(3) else { return };
    let Some(project) = Project::sleepers(&["one", "two", "three"], 1) else {
        return;
    };
    let url = casd.url();
    let arguments = [&on(&url)[..], &["--remote-jobs", "1"]].concat();
    let mut child = project.start(&arguments);
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(casd.running());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    project.built(&child.wait_with_output().unwrap());
    assert_eq!(most, 1);
}

#[test]
fn two_builds_share_a_server() {
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = Project::new() else {
        return;
    };
    let here = project.build(&[]);
    let machines = [project.elsewhere(), project.elsewhere()];
    let url = casd.url();
    let children = machines.each_ref().map(|machine| machine.start(&on(&url)));
    for (machine, child) in machines.iter().zip(children) {
        let there = machine.built(&child.wait_with_output().unwrap());
        assert_eq!(here.outputs(), there.outputs());
        machine.assert_sound();
    }
}

#[test]
fn a_second_machine_performs_nothing() {
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = Project::new() else {
        return;
    };
    let first = project.build(&on(&casd.url()));
    let (asked, url) = (casd.asked(), casd.url());
    let cache = ["--remote", url.as_str(), "--remote-cache"];
    for arguments in [&on(&url)[..], &cache] {
        let other = project.elsewhere();
        let second = other.build(arguments);
        assert_eq!(first.outputs(), second.outputs());
        second.assert_shared();
        other.assert_sound();
    }
    assert_eq!(casd.asked(), asked);
}

#[test]
fn what_was_built_here_is_shared_too() {
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = Project::new() else {
        return;
    };
    let url = casd.url();
    let cache = ["--remote", url.as_str(), "--remote-cache"];
    let first = project.build(&cache);
    assert_eq!(first.ran().len(), 3);
    assert!(first.ran().values().all(|place| place.is_empty()));
    let other = project.elsewhere();
    let second = other.build(&cache);
    assert_eq!(first.outputs(), second.outputs());
    second.assert_shared();
    assert_eq!(casd.asked(), 0);
}
