//! Parts of plans, what is performed again, and what that shows.

use super::*;

const RANDOM: &str = "cat /proc/sys/kernel/random/uuid > output/id";

impl Bench {
    /// Builds a part of a plan, or parts of it again; what was performed, by label.
    fn select(&self, plan: &Plan, until: Option<Stage>, again: Again) -> (Artifacts, Vec<String>) {
        self.told();
        let options = Options {
            selection: Selection { until, again },
            ..self.options()
        };
        let built = self.run(plan, &options).expect("builds");
        let told = self.told().into_iter();
        let finished = told.filter_map(|event| Some(event.strip_suffix(" finished")?.to_owned()));
        (built, finished.collect())
    }
}

#[test]
fn a_stage_takes_what_it_needs_and_leaves_the_rest() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let until = Some(Stage::ComponentsBuild);
    let (built, performed) = bench.select(&plan, until, Again::Nothing);
    assert_eq!(performed, ["write files", "build tool"]);
    assert!(built.outputs.is_empty() && !bench.outputs().exists());
    let left = Left {
        name: "initramfs.cpio.zst".into(),
        stage: Stage::InitramfsCreate,
    };
    assert_eq!((built.left, built.unwanted), (vec![left], 2));
    let record = records(&bench.store).pop().expect("something was done");
    assert_eq!((record.actions.len(), record.tree), (2, None));
    let (built, performed) = bench.select(&plan, Some(Stage::InitramfsCreate), Again::Nothing);
    assert_eq!(performed, ["merge", "pack"]);
    assert!(built.left.is_empty() && built.outputs[0].written);
}

#[test]
fn a_stage_and_what_is_behind_it_are_performed_again() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let first = bench.build(&plan).expect("builds");
    let from = Again::From(Stage::ComponentsBuild);
    let (built, performed) = bench.select(&plan, None, from);
    assert_eq!(performed, ["build tool", "merge", "pack"]);
    assert_eq!(built.outputs[0].digest, first.outputs[0].digest);
    assert!(!built.outputs[0].written);
    let record = records(&bench.store).pop().expect("something was done");
    let causes: Vec<String> = record
        .actions
        .iter()
        .map(|action| action.cause.join(", "))
        .collect();
    let asked = "asked for: from components_build on";
    assert_eq!(causes, ["", asked, asked, asked]);
    let (_, performed) = bench.select(&plan, None, Again::Everything);
    assert_eq!(performed.len(), 4);
    let (_, performed) = bench.select(&plan, Some(Stage::AlpineConfigure), Again::Everything);
    assert_eq!(performed, ["write files"]);
}

#[test]
fn what_was_fetched_is_not_fetched_again() {
    let bench = Bench::new();
    let source = bench.folder.path().join("x");
    fs::write(&source, "hello").expect("written");
    let mut plan = Plan::default();
    let action = Action::Fetch {
        urls: vec![format!("file://{}", source.display())],
        sha256: Digest::of(b"hello"),
        size: 5,
    };
    let content = plan.add(Stage::AlpineExtract, "fetch x", None, action);
    output(&mut plan, "x", content);
    bench.build(&plan).expect("fetched");
    fs::remove_file(source).expect("removed");
    let (_, performed) = bench.select(&plan, None, Again::Everything);
    assert!(performed.is_empty(), "{performed:?}");
}

#[test]
fn to_fetch_forgets_nothing_of_the_last_build() {
    let bench = Bench::new();
    let source = bench.folder.path().join("x");
    fs::write(&source, "hello").expect("written");
    let mut plan = Plan::default();
    let action = Action::Fetch {
        urls: vec![crate::io::file_address(&source)],
        sha256: Digest::of(b"hello"),
        size: 5,
    };
    let content = plan.add(Stage::AlpineExtract, "fetch x", None, action);
    output(&mut plan, "x", content);
    write(&mut plan, "beside it", &[("/a", "a")]);
    bench.build(&plan).expect("built");
    let settled = settled::recall(&bench.store, &plan);
    assert!(settled.is_some());
    let observer = Events::default();
    fetch(&plan, &bench.store, &bench.options(), &observer).expect("fetched");
    assert_eq!(settled::recall(&bench.store, &plan), settled);
}

#[test]
fn a_preview_says_what_is_sure_and_what_was_asked_for() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let selection = |until, again| Selection { until, again };
    let shown = |selection| -> Vec<String> {
        let all = preview(&plan, &bench.store, selection).into_iter();
        let shown = all.map(|status| match status {
            None => "left".to_owned(),
            Some(Status::Cached(_)) => "stored".to_owned(),
            Some(Status::Stale(reason)) => reason.to_string(),
        });
        shown.collect()
    };
    assert_eq!(
        shown(selection(Some(Stage::ComponentsBuild), Again::Nothing)),
        [
            "never built",
            "after `write files`: never built",
            "left",
            "left"
        ]
    );
    bench.build(&plan).expect("builds");
    assert_eq!(
        shown(selection(None, Again::From(Stage::ComponentsCopy))),
        [
            "stored",
            "stored",
            "asked for: from components_copy on",
            "asked for: from components_copy on"
        ]
    );
}

#[test]
fn an_action_that_cannot_be_reproduced_is_named_with_its_file() {
    let bench = Bench::new();
    let plan = image("hello", RANDOM);
    bench.build(&plan).expect("builds");
    let mut warnings = Vec::new();
    let observer = Warnings(Mutex::default());
    let options = Options {
        selection: Selection {
            until: None,
            again: Again::From(Stage::ComponentsBuild),
        },
        ..bench.options()
    };
    let job = Job {
        observer: &observer,
        ..bench.job(&plan, "test")
    };
    run(&[job], &bench.store, &options).expect("builds");
    warnings.append(&mut observer.0.lock().expect("no panic"));
    let [warning] = warnings.as_slice() else {
        panic!("one for the culprit, none for what is behind it: {warnings:?}");
    };
    assert_eq!(warning.code, "zosc::build::not-reproducible");
    assert!(warning.message.contains("`build tool`"), "{warning:?}");
    let place = &warning.notes[1];
    assert!(
        place.starts_with("`/id` (source tool): its content differs from byte "),
        "{place}"
    );
}

/// Keeps what is told as a warning.
struct Warnings(Mutex<Vec<Diagnostic>>);

impl Observer for Warnings {
    fn event(&self, _: &PlannedAction, event: Event<'_>) {
        if let Event::Warning(warning) = event {
            self.0.lock().expect("no panic").push(warning.clone());
        }
    }
}

/// Builds a plan twice, the second time elsewhere and in the other order.
fn twice(plan: &Plan) -> Verdict {
    let (here, there) = (Bench::new(), Bench::new());
    let first = here.build(plan).expect("builds");
    share_fetched(plan, &here.store, &there.store).expect("shared");
    let options = Options {
        jobs: 1,
        reversed: true,
        ..there.options()
    };
    there.run(plan, &options).expect("builds");
    let record = records(&there.store).pop().expect("recorded");
    compare(plan, (&here.store, &first), (&there.store, &record)).expect("readable")
}

#[test]
fn two_builds_of_what_can_be_reproduced_are_the_same() {
    let plan = image("hello", SCRIPT);
    let verdict = twice(&plan);
    assert!(
        verdict.is_same() && verdict.culprit.is_none(),
        "{verdict:?}"
    );
    assert!(verdict.problems(&plan).is_empty());
}

#[test]
fn the_first_output_file_and_action_that_differ_are_named() {
    let mut plan = image("hello", RANDOM);
    plan.tree = Some(Input::Output(ActionId(2)));
    let verdict = twice(&plan);
    assert!(!verdict.is_same());
    let culprit = verdict.culprit.as_ref().expect("an action is to blame");
    assert_eq!(culprit.action, ActionId(1));
    let file = verdict.file.as_ref().expect("a file differs");
    assert!(
        file.starts_with("`/id` (source tool): its content"),
        "{file}"
    );
    let problems = verdict.problems(&plan);
    assert!(problems.has_errors());
    let notes = problems.iter().next().expect("one").notes.join("\n");
    assert!(
        notes.contains("`initramfs.cpio.zst` differs from byte"),
        "{notes}"
    );
    assert!(notes.contains("`build tool` (components_build)"), "{notes}");
}

#[test]
fn what_reaches_no_output_is_a_warning() {
    let mut plan = image("hello", SCRIPT);
    let other = format!("{RANDOM}; mkdir -p output/x");
    shell(&mut plan, "build aside", &other, Vec::new());
    let verdict = twice(&plan);
    assert!(verdict.is_same());
    let problems = verdict.problems(&plan);
    assert!(!problems.has_errors() && !problems.is_empty());
}
