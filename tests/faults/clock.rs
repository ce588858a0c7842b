//! Clocks that go backwards.

use std::fs::FileTimes;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::project::Project;

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[test]
fn a_clock_that_goes_backwards_changes_nothing() {
    let Some(mut project) = Project::new() else {
        return;
    };
    let first = project.build();
    project.manifest("two");
    let second = project.build();
    assert_ne!(first, second);
    project.forget();
    project.manifest("one");
    assert_eq!(project.build(), first);
    if Path::new(LIBRARY).is_file() {
        for (name, value) in [("LD_PRELOAD", LIBRARY), ("FAKETIME", "-400d")] {
            project
                .environment
                .push((name.to_owned(), value.to_owned()));
        }
    } else {
        println!("skipped: there is no {LIBRARY}");
    }
    project.manifest("two");
    assert_eq!(project.build(), second);
    assert!(project.succeed(&["build"]).contains("nothing to do"));
    // The build of a year ago is the last one all the same.
    let said = project.succeed(&["store", "gc", "--keep", "1", "--format", "json"]);
    let collected: serde_json::Value =
        serde_json::from_str(&said[said.find('{').unwrap()..]).unwrap();
    assert_eq!(collected["kept"], serde_json::json!([2]), "{said}");
    assert!(project.succeed(&["build"]).contains("nothing to do"));
    project.environment.clear();
    assert!(project.succeed(&["build"]).contains("nothing to do"));
    project.assert_sound("with a clock that went backwards");
}

/// A file of the same length whose time is older than that of the one it replaces.
#[test]
fn an_edit_with_an_older_time_is_seen() {
    let Some(project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    project.write("motd", "goodbye\n");
    let file = std::fs::File::options()
        .write(true)
        .open(project.path("motd"))
        .unwrap();
    let earlier = SystemTime::now() - Duration::from_secs(1_000_000);
    file.set_times(FileTimes::new().set_modified(earlier).set_accessed(earlier))
        .unwrap();
    assert_ne!(project.build(), wanted);
    project.write("motd", "welcome\n");
    file.set_times(FileTimes::new().set_modified(earlier).set_accessed(earlier))
        .unwrap();
    assert_eq!(project.build(), wanted);
}
