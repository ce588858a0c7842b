//! What a server builds, and what it says where that fails.

use super::casd::Casd;
use super::project::{Project, on, shown_on};

#[test]
fn components_are_built_to_the_local_digests() {
    let Some(casd) = Casd::start(2) else { return };
    let Some(project) = Project::new() else {
        return;
    };
    let here = project.build(&[]);
    let other = project.elsewhere();
    let there = other.build(&on(&casd.url()));
    assert_eq!(here.outputs(), there.outputs());
    there.assert_remote();
    assert_eq!(there.ran().len(), 3);
    assert_eq!(casd.performed(), 3);
    other.assert_sound();
    // Who performed an action is no part of what it is: there is nothing left to do, here or there.
    other.assert_settled(&[]);
    project.assert_settled(&on(&casd.url()));
    assert_eq!(casd.asked(), 3);
}

#[test]
fn the_machines_compiler_is_that_of_the_worker() {
    let Some(casd) = Casd::start(1) else { return };
    let Some(project) = Project::compiled() else {
        return;
    };
    let here = project.build(&[]);
    let other = project.elsewhere();
    // A worker that has none of its programs says which.
    let refused = other.refuse(&on(&casd.url()));
    assert_eq!(
        refused["code"], "zosc::remote::other-toolchain",
        "{refused}"
    );
    let there = other.build(&shown_on(&casd.url()));
    assert_eq!(here.outputs(), there.outputs());
    there.assert_remote();
}

#[test]
fn what_covers_a_toolchain_is_refused() {
    let Some(casd) = Casd::start(1) else { return };
    let Some(project) = Project::new() else {
        return;
    };
    let refused = project.refuse(&shown_on(&casd.url()));
    assert_eq!(
        refused["code"], "zosc::remote::covered-toolchain",
        "{refused}"
    );
}

#[test]
fn failures_are_told_as_the_sandbox_tells_them() {
    let Some(casd) = Casd::start(1) else { return };
    let Some(project) = Project::new() else {
        return;
    };
    let mut script = "echo word > word; cat word";
    for (failing, words) in [
        ("echo last words; exit 7", "ended with exit code 7"),
        ("echo last words; kill -SEGV $$", "was killed by signal 11"),
    ] {
        project.edit(&format!("{script:?}"), &format!("{failing:?}"));
        script = failing;
        let here = project.refuse(&[]);
        let asked = casd.asked();
        let there = project.refuse(&on(&casd.url()));
        for part in ["code", "message", "labels"] {
            assert_eq!(here[part], there[part]);
        }
        assert!(
            there["message"].as_str().unwrap().contains(words),
            "{there}"
        );
        assert_eq!(there["notes"][0], here["notes"][0], "{there}");
        assert_eq!(there["notes"][0], "last words", "{there}");
        // A failure is kept nowhere.
        project.refuse(&on(&casd.url()));
        assert!(casd.asked() >= asked + 2);
        project.assert_sound();
    }
}
