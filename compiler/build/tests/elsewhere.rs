//! What the engine asks of a fleet, and what becomes of it.

use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::build::perform::Context;
use crate::build::perform::run::Request;

/// A fleet in memory.
pub(super) struct Double {
    executes: bool,
    slots: usize,
    /// Whether commands get there.
    is_there: bool,
    /// What others have shared, by key.
    results: Mutex<BTreeMap<Digest, Digest>>,
    /// Each command waits for so many others at once.
    meets: Option<Barrier>,
    /// Where trees come from that commands leave.
    output: Digest,
    asked: AtomicUsize,
    again: AtomicUsize,
}

impl Double {
    pub(super) fn new(bench: &Bench, executes: bool) -> Self {
        let mut tree = Tree::new();
        tree.insert(path("/made"), bench.entry(b"there", 0o644));
        Self {
            executes,
            slots: 4,
            is_there: true,
            results: Mutex::default(),
            meets: None,
            output: bench.store.put_tree(&tree).expect("stored"),
            asked: AtomicUsize::new(0),
            again: AtomicUsize::new(0),
        }
    }

    fn shared(&self) -> usize {
        self.results.lock().expect("no panic").len()
    }
}

impl Fleet for Double {
    fn executes(&self) -> bool {
        self.executes
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn found(
        &self,
        context: &Context<'_>,
        is_there: &dyn Fn(),
    ) -> Result<Option<Digest>, Diagnostic> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let results = self.results.lock().expect("no panic");
        let found = results.get(&context.key).copied();
        if found.is_some() {
            is_there();
        }
        Ok(found)
    }

    fn run(&self, context: &Context<'_>, request: &Request) -> Result<Option<Digest>, Diagnostic> {
        if !self.is_there {
            return Ok(None);
        }
        assert_eq!(request.label, context.planned.label);
        self.again
            .fetch_add(usize::from(context.again), Ordering::Relaxed);
        let tell = |event| {
            context
                .observer
                .event(context.planned, Event::Elsewhere(event));
        };
        tell(Elsewhere::Queued);
        if let Some(meets) = &self.meets {
            meets.wait();
        }
        let worker = Some("build-7");
        tell(Elsewhere::Executing { worker });
        Ok(Some(self.output))
    }

    fn share(&self, context: &Context<'_>, output: &Digest) {
        let mut results = self.results.lock().expect("no panic");
        results.insert(context.key, *output);
    }
}

impl Bench {
    fn build_with(&self, plan: &Plan, fleet: &Double, again: Again) -> Artifacts {
        let options = Options {
            jobs: 1,
            remote: Some(fleet),
            selection: Selection { until: None, again },
            ..self.options()
        };
        self.run(plan, &options).expect("builds")
    }

    /// Where each action of the last build was performed that says so.
    fn places(&self) -> Vec<(String, String)> {
        let record = newest_first(&self.store)
            .next()
            .expect("something was done");
        let actions = record.actions.into_iter();
        let places = actions.map(|action| (action.label, action.place));
        places.filter(|(_, place)| !place.is_empty()).collect()
    }
}

fn at(label: &str, place: &str) -> (String, String) {
    (label.to_owned(), place.to_owned())
}

#[test]
fn commands_have_slots_of_their_own_and_take_no_processor() {
    let bench = Bench::new();
    let mut plan = Plan::default();
    for label in ["one", "two", "three"] {
        shell(&mut plan, label, &format!("echo {label}"), Vec::new());
    }
    let fleet = Double {
        meets: Some(Barrier::new(3)),
        ..Double::new(&bench, true)
    };
    let built = bench.build_with(&plan, &fleet, Again::Nothing);
    let counts = built.counts;
    assert_eq!((counts.performed, counts.elsewhere), (3, 3));
    let place = "remote build-7";
    assert_eq!(
        bench.places(),
        [at("one", place), at("two", place), at("three", place)]
    );
    assert_eq!(fleet.shared(), 3);
}

#[test]
fn only_commands_on_toolchains_that_leave_a_folder_go_elsewhere() {
    let command = |root| {
        let mut plan = Plan::default();
        shell_in(&mut plan, root, "command", "true", Vec::new());
        plan.actions.remove(0).action
    };
    let tree = Input::Known(Digest::of(b"a tree"));
    assert!(command(Root::Toolchain(tree)).goes_remote());
    let script = command(Root::Tree(tree));
    assert!(!script.goes_remote() && image("", "").actions[1].action.goes_remote());
    assert!(!image("", "").actions[0].action.goes_remote());
}

#[test]
fn a_result_that_somebody_shared_is_not_made_again() {
    let (first, second) = (Bench::new(), Bench::new());
    let plan = image("hello", SCRIPT);
    let cache = Double::new(&first, false);
    let built = first.build_with(&plan, &cache, Again::Nothing);
    assert_eq!((built.counts.performed, built.counts.shared), (4, 0));
    assert_eq!(first.places(), []);
    // What a fleet would bring.
    let shared: Vec<Digest> = cache
        .results
        .lock()
        .expect("no panic")
        .values()
        .copied()
        .collect();
    let [tree] = shared.as_slice() else {
        panic!("{shared:?}");
    };
    second.store.put(b"5\n").expect("stored");
    let tree = first.store.get_tree(tree).expect("there");
    second.store.put_tree(&tree).expect("stored");
    let built = second.build_with(&plan, &cache, Again::Nothing);
    assert_eq!((built.counts.performed, built.counts.shared), (3, 1));
    assert!(second.told().contains(&"build tool shared".to_owned()));
    assert_eq!(second.places(), [at("build tool", "shared cache")]);
    let asked = cache.asked.load(Ordering::Relaxed);
    let built = second.build_with(&plan, &cache, Again::Everything);
    assert_eq!((built.counts.performed, built.counts.shared), (4, 0));
    assert_eq!(cache.asked.load(Ordering::Relaxed), asked);
}

#[test]
fn what_does_not_get_there_runs_here() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let mut fleet = Double::new(&bench, true);
    fleet.is_there = false;
    let built = bench.build_with(&plan, &fleet, Again::Nothing);
    assert_eq!((built.counts.performed, built.counts.elsewhere), (4, 0));
    assert!(bench.told().contains(&"build tool said built".to_owned()));
    assert_eq!((bench.places(), fleet.shared()), (Vec::new(), 1));
    fleet.is_there = true;
    let built = bench.build_with(&plan, &fleet, Again::Everything);
    assert_eq!(built.counts.elsewhere, 1);
    assert_eq!(fleet.again.load(Ordering::Relaxed), 1);
}

#[test]
fn what_failed_here_is_forgotten_when_it_succeeds_elsewhere() {
    let bench = Bench::new();
    bench
        .build(&image("hello", "echo bad; exit 3"))
        .expect_err("fails");
    assert_eq!(shells(&bench.store).len(), 1);
    let fleet = Double::new(&bench, true);
    let built = bench.build_with(&image("hello", SCRIPT), &fleet, Again::Nothing);
    assert_eq!(built.counts.elsewhere, 1);
    assert!(shells(&bench.store).is_empty());
}
