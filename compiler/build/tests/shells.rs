//! Sandboxes that stay.

use super::*;

/// An executor that goes inside without a terminal, and notes what is written there.
struct Inside(Mutex<String>);

impl executor::Executor for Inside {
    fn run(
        &self,
        sandbox: &sandbox::Sandbox,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<sandbox::Outcome, Diagnostic> {
        sandbox.run(cancel, line)
    }

    fn engine(&self) -> Option<crate::io::Engine> {
        None
    }

    fn interact(&self, sandbox: &sandbox::Sandbox) -> Result<sandbox::Outcome, Diagnostic> {
        let mut said = self.0.lock().expect("no panic");
        sandbox.run(&AtomicBool::new(false), &mut |line| {
            said.push_str(&String::from_utf8_lossy(line));
            said.push('\n');
        })
    }
}

/// Runs a script inside, and returns how that ended and what it wrote.
fn visit(bench: &Bench, shell: &mut Shell, script: &str) -> (sandbox::End, String) {
    let inside = Inside(Mutex::new(String::new()));
    let command = ["/bin/sh", "-c", script].map(str::to_owned);
    let outcome = shell.enter(&bench.store, &inside, &command).expect("runs");
    (outcome.end, inside.0.into_inner().expect("no panic"))
}

fn help(problems: &Diagnostics) -> &str {
    let problem = problems.iter().next().expect("a problem");
    problem.help.as_deref().expect("a way on")
}

fn open(bench: &Bench, plan: &Plan) -> Result<Shell, Diagnostics> {
    open_shell(plan, "tool", &bench.store, &bench.options(), &bench.events)
}

#[test]
fn a_failed_command_is_found_as_it_failed_until_it_succeeds() {
    let bench = Bench::new();
    let plan = image("hello", "echo half > source/done; cat /no/such/file");
    let problems = bench.build(&plan).expect_err("fails");
    assert!(help(&problems).ends_with("zosc shell tool"), "{problems:?}");
    let log = problems.iter().next().expect("one").notes.last();
    let log = log.and_then(|note| note.strip_prefix("whole log: "));
    let log = fs::read_to_string(log.expect("a path")).expect("kept");
    assert!(log.contains("No such file"), "{log}");
    let mut shell = open(&bench, &plan).expect("kept");
    assert_eq!(
        (
            shell.state(),
            shell.label(),
            shell.log(&bench.store).is_some()
        ),
        (State::Failed, "build tool", true)
    );
    let (end, said) = visit(
        &bench,
        &mut shell,
        "cat source/done source/etc/motd; exit 7",
    );
    assert_eq!(
        (end, said.as_str()),
        (sandbox::End::Exited(7), "half\nhello\n")
    );
    // Somebody was in it: it stays, whatever comes.
    bench
        .build(&image("hello", "echo other; exit 1"))
        .expect_err("fails");
    assert_eq!(shells(&bench.store).len(), 2);
    bench.build(&image("hello", SCRIPT)).expect("builds");
    let left = shells(&bench.store);
    assert_eq!(
        left.len(),
        1,
        "what nobody has entered goes with the success"
    );
    assert_eq!(left[0].id(), shell.id());
    let again = reopen(&bench.store, shell.id().split_once('@').expect("an id").1);
    assert_eq!(again.expect("by its key").id(), shell.id());
    let unknown = reopen(&bench.store, "").map(|_| ()).expect_err("ambiguous");
    assert_eq!(unknown.code, "zosc::build::unknown-action");
}

#[test]
fn a_shell_stays_with_all_that_is_changed_in_it_until_it_is_stopped() {
    let bench = Bench::new();
    let plan = image("hello", "wc -c < source/etc/motd > output/size");
    let mut shell = open(&bench, &plan).expect("made");
    assert_eq!(shell.state(), State::Started);
    let told = bench.told();
    assert!(
        !told.iter().any(|event| event.starts_with("build tool")),
        "{told:?}"
    );
    let (_, said) = visit(
        &bench,
        &mut shell,
        "cat source/etc/motd; echo '12 ' > source/etc/motd; echo x > /tmp/x",
    );
    assert_eq!(said, "hello\n");
    let mut other = find_shell(&bench.store, "tool").expect("there");
    let (end, said) = visit(
        &bench,
        &mut other,
        "cat /tmp/x; /build/run; cat /build/output/size",
    );
    assert_eq!((end, said.as_str()), (sandbox::End::Exited(0), "x\n4\n"));
    assert_eq!(open(&bench, &plan).expect("there").id(), shell.id());
    // Other inputs, another sandbox.
    open(&bench, &image("hello", SCRIPT)).expect("made");
    let several = find_shell(&bench.store, "tool")
        .map(|_| ())
        .expect_err("two");
    assert_eq!(several.code, "zosc::build::no-shell");
    let one = find_shell(&bench.store, &shell.id()).expect("by its whole name");
    let folder = one.folder().to_owned();
    one.stop(&bench.store).expect("stopped");
    assert!(!folder.exists());
    assert_eq!(
        find_shell(&bench.store, "tool").expect("the other").state(),
        State::Started
    );
}

#[test]
fn several_may_be_inside_and_nobody_pulls_it_away_under_them() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let shell = open(&bench, &plan).expect("made");
    let (mut one, mut other) = (shell.clone(), shell.clone());
    std::thread::scope(|scope| {
        let waits = "touch source/here; while ! test -e source/go; do sleep 0.05; done";
        let first = scope.spawn(|| visit(&bench, &mut one, waits).0);
        let meets = "while ! test -e source/here; do sleep 0.05; done";
        assert!(visit(&bench, &mut other, meets).0.is_success());
        assert!(shell.is_in_use());
        let problem = shell.clone().stop(&bench.store).expect_err("in use");
        assert_eq!(problem.code, "zosc::build::shell-in-use");
        assert!(visit(&bench, &mut other, "touch source/go").0.is_success());
        assert!(first.join().expect("no panic").is_success());
    });
    assert!(!shell.is_in_use());
    let unknown = open_shell(&plan, "tol", &bench.store, &bench.options(), &bench.events);
    let problems = unknown.map(|_| ()).expect_err("no such source");
    assert_eq!(help(&problems), "did you mean `tool`?");
}

#[test]
fn what_failed_in_one_project_is_not_forgotten_for_another_of_the_same_name() {
    let bench = Bench::new();
    let of = |manifest: &str, script| Plan {
        manifest: manifest.into(),
        ..image("hello", script)
    };
    bench.build(&of("/a/zos.kdl", "exit 3")).expect_err("fails");
    bench.build(&of("/b/zos.kdl", SCRIPT)).expect("builds");
    let left = shells(&bench.store);
    assert_eq!(left.len(), 1);
    assert!(left[0].is_of(Path::new("/a/zos.kdl")));
    assert!(!left[0].is_of(Path::new("/b/zos.kdl")));
    bench
        .build(&of("/a/zos.kdl", &format!("{SCRIPT}; true")))
        .expect("builds");
    assert!(shells(&bench.store).is_empty());
}
