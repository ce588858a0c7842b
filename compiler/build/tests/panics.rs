//! A thread that panics takes the build down with it: nobody waits for what will never come.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Panics where an event of the command is told that answers.
struct Panicking(fn(Event<'_>) -> bool);

impl Observer for Panicking {
    fn event(&self, action: &PlannedAction, event: Event<'_>) {
        let is_command = matches!(action.action, Action::Run { .. });
        assert!(!is_command || !(self.0)(event), "told so");
    }
}

fn panics(bench: &Bench, options: &Options<'_>, when: fn(Event<'_>) -> bool) -> bool {
    let plan = image("hello", SCRIPT);
    let observer = Panicking(when);
    let job = Job {
        observer: &observer,
        ..bench.job(&plan, "test")
    };
    let build = || run(&[job], &bench.store, options).map(|_| ());
    catch_unwind(AssertUnwindSafe(build)).is_err()
}

#[test]
fn a_panic_ends_the_build_however_many_threads_wait() {
    for jobs in [1, 4] {
        let bench = Bench::new();
        let options = Options {
            jobs,
            ..bench.options()
        };
        let is_started = |event: Event<'_>| matches!(event, Event::Started { .. });
        assert!(panics(&bench, &options, is_started));
        let is_finished = |event: Event<'_>| matches!(event, Event::Finished { .. });
        assert!(panics(&bench, &options, is_finished));
        // What was done before is kept, and nothing stands in the way.
        bench.build(&image("hello", SCRIPT)).expect("builds");
    }
}

#[test]
fn a_panic_beside_a_fleet_ends_the_build() {
    let bench = Bench::new();
    let fleet = elsewhere::Double::new(&bench, true);
    let options = Options {
        remote: Some(&fleet),
        ..bench.options()
    };
    let is_away = |event: Event<'_>| matches!(event, Event::Elsewhere(Elsewhere::Queued));
    assert!(panics(&bench, &options, is_away));
}
