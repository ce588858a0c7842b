use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn argv(line: &str) -> Command {
    Command::Argv(line.split(' ').map(str::to_owned).collect())
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// The text of `unit` among units `a` to `d`, and its losses.
fn lowered(unit: &Unit, dialect: Dialect) -> (String, Vec<Loss>) {
    let mut units: Vec<Unit> = ["a", "b", "c", "d"]
        .iter()
        .filter(|name| **name != unit.name)
        .map(|name| Unit::daemon(*name, argv("/bin/x")))
        .collect();
    units.push(unit.clone());
    let lowered = lower(&units, dialect);
    let file = lowered
        .files
        .into_iter()
        .find(|file| file.unit == unit.name)
        .expect("the unit is among the files");
    assert!(lowered.losses.iter().all(|loss| loss.unit == unit.name));
    (file.text, lowered.losses)
}

fn yaml(unit: &Unit) -> String {
    lowered(unit, Dialect::Yaml).0
}

fn toml(unit: &Unit) -> String {
    lowered(unit, Dialect::Toml).0
}

fn losses(unit: &Unit, dialect: Dialect) -> Vec<Feature> {
    let losses = lowered(unit, dialect).1;
    losses.iter().map(|loss| loss.feature).collect()
}

fn value(text: &str) -> ::toml::Table {
    text.parse().expect("the text is TOML")
}

#[test]
fn a_name_is_the_file_in_one_dialect_and_a_key_in_the_other() {
    let unit = Unit::daemon("sshd", argv("/usr/sbin/sshd -D"));
    let yaml = lower(std::slice::from_ref(&unit), Dialect::Yaml);
    assert_eq!(yaml.files[0].path, "/etc/zinit/sshd.yaml");
    assert_eq!(yaml.files[0].text, "exec: /usr/sbin/sshd -D\n");
    let toml = lower(&[unit], Dialect::Toml);
    assert_eq!(toml.files[0].path, "/etc/zinit/services/sshd.toml");
    assert!(
        toml.files[0]
            .text
            .starts_with("[service]\nname = \"sshd\"\n")
    );
    assert_eq!((yaml.losses, toml.losses), (vec![], vec![]));
}

#[test]
fn an_argv_is_quoted_for_the_reader_of_its_dialect() {
    let hostile = [
        "/bin/x", "a b", "it's", "$HOME", "&&", "", "#x", "ü", "a\"b\\",
    ];
    let unit = Unit::daemon(
        "u",
        Command::Argv(hostile.iter().map(|word| (*word).to_owned()).collect()),
    );
    let expected = r#"/bin/x 'a b' 'it'\''s' '$HOME' '&&' '' '#x' 'ü' 'a"b\'"#;
    let exec = value(&toml(&unit))["service"]["exec"].clone();
    assert_eq!(exec.as_str(), Some(expected));
    let yaml = yaml(&unit);
    assert_eq!(
        yaml,
        "exec: \"/bin/x 'a b' 'it'\\\\''s' '$HOME' '&&' '' '#x' 'ü' 'a\\\"b\\\\'\"\n"
    );
    assert_eq!(shlex::split(expected).unwrap_or_default(), hostile);
}

#[test]
fn the_first_word_is_never_an_assignment_or_a_keyword() {
    assert_eq!(quote_all(&words("A=b c=d")), "'A=b' c=d");
    assert_eq!(quote_all(&words("if if")), "'if' if");
}

#[test]
fn a_shell_command_gets_a_shell_where_there_is_none() {
    let unit = Unit::daemon("u", Command::Shell("a && b".to_owned()));
    assert_eq!(yaml(&unit), "exec: \"sh -c 'a && b'\"\n");
    assert!(toml(&unit).contains("exec = \"a && b\"\n"));
}

#[test]
fn text_of_several_lines_stays_readable() {
    let unit = Unit::daemon("u", Command::Shell("a\nb \"$c\"\n".to_owned()));
    assert_eq!(yaml(&unit), "exec: |-\n  sh -c 'a\n  b \"$c\"\n  '\n");
    assert!(toml(&unit).contains("exec = '''\na\nb \"$c\"\n'''\n"));
}

#[test]
fn a_hard_dependency_is_after_or_requires() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.requires = names(&["a", "b", "a"]);
    assert!(yaml(&unit).ends_with("after:\n  - a\n  - b\n"));
    assert!(toml(&unit).contains("[dependencies]\nrequires = [\"a\", \"b\"]\n"));
    assert_eq!(losses(&unit, Dialect::Yaml), []);
}

#[test]
fn a_oneshot_is_gated_by_a_check_that_cannot_pass() {
    let mut unit = Unit::oneshot("u", argv("/bin/x"));
    assert_eq!(yaml(&unit), "exec: /bin/x\noneshot: true\n");
    let table = value(&toml(&unit));
    assert_eq!(table["service"]["oneshot"].as_bool(), Some(true));
    assert_eq!(table["health"]["type"].as_str(), Some("exec"));
    assert_eq!(table["health"]["target"].as_str(), Some("false"));
    assert_eq!(table["health"]["retries"].as_integer(), Some(1));
    assert_eq!(
        table["health"]["start_period_ms"].as_integer(),
        Some(3_600_000)
    );
    assert!(table.get("lifecycle").is_none());

    unit.start_timeout = Some(Duration::from_secs(30));
    let table = value(&toml(&unit));
    assert_eq!(
        table["health"]["start_period_ms"].as_integer(),
        Some(30_000)
    );
    assert_eq!(losses(&unit, Dialect::Yaml), [Feature::StartTimeout]);
}

#[test]
fn order_alone_becomes_a_hard_edge_and_says_so() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.after = names(&["a"]);
    assert!(yaml(&unit).ends_with("after:\n  - a\n"));
    assert_eq!(losses(&unit, Dialect::Yaml), [Feature::After]);
    assert!(toml(&unit).contains("after = [\"a\"]"));
    assert_eq!(losses(&unit, Dialect::Toml), []);
    unit.requires = names(&["a"]);
    assert_eq!(losses(&unit, Dialect::Yaml), []);
}

#[test]
fn a_want_and_a_conflict_are_left_out_of_yaml_and_say_so() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.wants = names(&["a"]);
    unit.conflicts = names(&["b"]);
    assert_eq!(yaml(&unit), "exec: /bin/x\n");
    assert_eq!(
        losses(&unit, Dialect::Yaml),
        [Feature::Wants, Feature::Conflicts]
    );
    let text = toml(&unit);
    assert!(text.contains("wants = [\"a\"]\nconflicts = [\"b\"]\n"));
    assert_eq!(losses(&unit, Dialect::Toml), []);
}

#[test]
fn soft_edges_to_units_that_are_not_there_vanish_in_both() {
    let mut gone = Unit::daemon("a", argv("/bin/x"));
    gone.enabled = false;
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.after = names(&["a", "nowhere"]);
    unit.wants = names(&["a"]);
    unit.conflicts = names(&["a"]);
    for dialect in [Dialect::Yaml, Dialect::Toml] {
        let lowered = lower(&[gone.clone(), unit.clone()], dialect);
        assert_eq!(lowered.files.len(), 1, "a disabled unit leaves no file");
        assert!(!lowered.files[0].text.contains("after"));
        assert_eq!(lowered.losses, []);
    }
    unit.requires = names(&["brought-later"]);
    let lowered = lower(&[unit], Dialect::Yaml);
    assert!(lowered.files[0].text.contains("- brought-later"));
}

#[test]
fn a_unit_from_elsewhere_has_no_file_and_is_named_by_others() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.after = names(&["later"]);
    let units = [Unit::external("later"), unit];
    for (dialect, line) in [
        (Dialect::Yaml, "after:\n  - later\n"),
        (Dialect::Toml, "after = [\"later\"]\n"),
    ] {
        let lowered = lower(&units, dialect);
        assert_eq!(lowered.files.len(), 1);
        assert!(lowered.files[0].text.contains(line));
        assert_eq!(lowered.losses[0].feature, Feature::After);
    }
}

#[test]
fn a_target_is_a_barrier() {
    let mut unit = Unit::target("ready");
    unit.requires = names(&["a"]);
    assert_eq!(
        yaml(&unit),
        "exec: \"true\"\noneshot: true\nafter:\n  - a\n"
    );
    assert_eq!(
        toml(&unit),
        "[target]\nname = \"ready\"\n\n[dependencies]\nrequires = [\"a\"]\n"
    );
}

#[test]
fn a_probe_is_a_test_or_a_bounded_health_check() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.probe = Some(Probe::Exec(argv("nc -z ::1 22")));
    assert_eq!(yaml(&unit), "exec: /bin/x\ntest: \"nc -z ::1 22\"\n");
    let health = value(&toml(&unit))["health"].clone();
    assert_eq!(health["type"].as_str(), Some("exec"));
    assert_eq!(health["target"].as_str(), Some("nc -z ::1 22"));
    assert_eq!(health["interval_ms"].as_integer(), Some(2000));
    assert_eq!(health["retries"].as_integer(), Some(16));

    unit.start_timeout = Some(Duration::from_secs(9));
    let health = value(&toml(&unit))["health"].clone();
    assert_eq!(health["retries"].as_integer(), Some(6));
    assert_eq!(losses(&unit, Dialect::Yaml), [Feature::StartTimeout]);
}

#[test]
fn a_probe_sees_the_environment_and_folder_of_its_unit() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.probe = Some(Probe::Exec(argv("check it")));
    unit.environment = BTreeMap::from([("A".to_owned(), "b c".to_owned())]);
    unit.directory = Some("/srv/my site".to_owned());
    let health = value(&toml(&unit))["health"].clone();
    assert_eq!(
        health["target"].as_str(),
        Some("export A='b c'; cd '/srv/my site' && check it")
    );
}

#[test]
fn a_tcp_probe_uses_a_tool_of_the_image_where_zinit_has_none() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.probe = Some(Probe::Tcp("[::1]:22".to_owned()));
    assert_eq!(
        yaml(&unit),
        "exec: /bin/x\ntest: \"sh -c 'nc -z ::1 22'\"\n"
    );
    let health = value(&toml(&unit))["health"].clone();
    assert_eq!(health["type"].as_str(), Some("tcp"));
    assert_eq!(health["target"].as_str(), Some("[::1]:22"));
}

#[test]
fn a_probe_on_a_oneshot_is_left_out_and_says_so() {
    let mut unit = Unit::oneshot("u", argv("/bin/x"));
    unit.probe = Some(Probe::Tcp("a:1".to_owned()));
    assert_eq!(yaml(&unit), "exec: /bin/x\noneshot: true\n");
    assert_eq!(losses(&unit, Dialect::Yaml), [Feature::Probe]);
    assert_eq!(losses(&unit, Dialect::Toml), [Feature::Probe]);
}

#[test]
fn restart_always_is_bounded_by_nothing() {
    let lifecycle = value(&toml(&Unit::daemon("u", argv("/bin/x"))))["lifecycle"].clone();
    assert_eq!(lifecycle["restart"].as_str(), Some("always"));
    assert_eq!(lifecycle["max_restarts"].as_integer(), Some(0));
    assert_eq!(lifecycle["restart_delay_max_ms"].as_integer(), Some(2000));
}

#[test]
fn restart_on_failure_needs_a_shell_in_yaml() {
    let mut unit = Unit::daemon("u", argv("/bin/x y"));
    unit.restart = Restart::OnFailure;
    assert_eq!(
        yaml(&unit),
        "exec: \"sh -c 'until \\\"$@\\\"; do sleep 2; done; while :; do sleep 86400; done' u /bin/x y\"\n"
    );
    assert_eq!(losses(&unit, Dialect::Yaml), [Feature::Restart]);
    let text = toml(&unit);
    assert!(
        text.contains("restart = \"on-failure\"\nmax_restarts = 0\n"),
        "{text}"
    );
    assert_eq!(losses(&unit, Dialect::Toml), []);
}

#[test]
fn a_daemon_that_never_comes_back_is_a_oneshot_in_yaml() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.restart = Restart::Never;
    assert_eq!(yaml(&unit), "exec: /bin/x\noneshot: true\n");
    assert_eq!(losses(&unit, Dialect::Yaml), [Feature::Restart]);
    let text = toml(&unit);
    assert!(text.contains("restart = \"never\"\n") && !text.contains("oneshot"));
}

#[test]
fn stopping_is_seconds_in_yaml_and_milliseconds_in_toml() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.stop_signal = "int".parse().ok();
    unit.stop_timeout = Some(Duration::from_millis(1500));
    let text = yaml(&unit);
    assert!(
        text.ends_with("signal:\n  stop: sigint\nshutdown_timeout: 2\n"),
        "{text}"
    );
    assert_eq!(losses(&unit, Dialect::Yaml), [Feature::StopTimeout]);
    let lifecycle = value(&toml(&unit))["lifecycle"].clone();
    assert_eq!(lifecycle["stop_signal"].as_str(), Some("SIGINT"));
    assert_eq!(lifecycle["stop_timeout_ms"].as_integer(), Some(1500));
    assert_eq!(losses(&unit, Dialect::Toml), [Feature::StopSignal]);
    unit.stop_timeout = Some(Duration::from_secs(10));
    assert_eq!(losses(&unit, Dialect::Yaml), []);
    assert_eq!(
        losses(&unit, Dialect::Toml),
        [Feature::StopSignal, Feature::StopTimeout]
    );
}

#[test]
fn logs_are_a_field_or_a_redirection() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    assert!(
        !yaml(&unit).contains("log"),
        "ring is what zinit does anyway"
    );
    unit.log = Log::Stdout;
    assert!(yaml(&unit).ends_with("log: stdout\n"));
    assert!(toml(&unit).contains("exec = \"/bin/x >/dev/console 2>&1\"\n"));
    unit.log = Log::None;
    assert!(yaml(&unit).ends_with("log: none\n"));
    unit.command = Some(Command::Shell("a; b".to_owned()));
    assert!(toml(&unit).contains("exec = '''\n{\na; b\n} >/dev/null 2>&1'''\n"));
}

#[test]
fn environment_and_folder_arrive_as_strings() {
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.environment = BTreeMap::from([
        ("A".to_owned(), "1".to_owned()),
        ("B".to_owned(), "yes".to_owned()),
        ("C".to_owned(), "a\nb: \"$c\" ü\u{7}".to_owned()),
        ("D".to_owned(), String::new()),
    ]);
    unit.directory = Some("/srv/x".to_owned());
    assert_eq!(
        yaml(&unit),
        "exec: /bin/x\nenv:\n  A: \"1\"\n  B: \"yes\"\n  \
         C: \"a\\nb: \\\"$c\\\" ü\\u0007\"\n  D: \"\"\ndir: /srv/x\n"
    );
    let table = value(&toml(&unit));
    assert_eq!(table["service"]["dir"].as_str(), Some("/srv/x"));
    for (name, wanted) in &unit.environment {
        let read = table["service"]["env"][name.as_str()].as_str();
        assert_eq!(read, Some(wanted.as_str()));
    }
}

#[test]
fn every_ring_is_told_as_a_path() {
    let mut units = Vec::new();
    for (name, next) in [("a", "b"), ("b", "c"), ("c", "a"), ("x", "x"), ("y", "a")] {
        let mut unit = Unit::daemon(name, argv("/bin/x"));
        unit.requires = names(&[next]);
        units.push(unit);
    }
    let rings = order(&units, Dialect::Toml).expect_err("there are two");
    let paths: Vec<String> = rings.iter().map(|ring| ring.path().join(" → ")).collect();
    assert_eq!(paths, ["a → b → c → a", "x → x"]);
    assert_eq!(rings[1].to_string(), "x requires x");
}

#[test]
fn references_say_what_they_point_at() {
    let mut off = Unit::daemon("off", argv("/bin/x"));
    off.enabled = false;
    let mut unit = Unit::daemon("u", argv("/bin/x"));
    unit.requires = names(&["off", "u"]);
    unit.after = names(&["v", "gone"]);
    let other = Unit::daemon("v", argv("/bin/x"));
    let told: Vec<(String, Target)> = references(&[off, unit, other])
        .into_iter()
        .map(|reference| (reference.edge.to_string(), reference.target))
        .collect();
    assert_eq!(
        told,
        [
            ("u requires off".to_owned(), Target::Disabled),
            ("u requires u".to_owned(), Target::Itself),
            ("u after v".to_owned(), Target::Enabled),
            ("u after gone".to_owned(), Target::Unknown),
        ]
    );
}

#[test]
fn shell_syntax_is_found_where_no_shell_reads_it() {
    for (line, sign) in [
        ("/bin/a && b", Some("&&")),
        ("a 2>&1", Some("2>&1")),
        ("a >/dev/null", Some(">/dev/null")),
        ("a --home=$HOME", Some("--home=$HOME")),
        ("A=1 b", Some("A=1")),
        ("a ~/x", Some("~/x")),
        ("a; b", Some("a;")),
        ("sh -c a&&$b", None),
        ("/bin/busybox sh -c $b", None),
        ("sh /x.sh $b", Some("$b")),
        ("a '$b' \\$c 'd | e' '&&'", None),
        ("a \"$b c\"", Some("$b c")),
        ("a \"b c\" 'd' | e", Some("|")),
        ("awk {print$1} x", None),
        ("awk {print$1} > x", Some(">")),
        ("find / -exec rm {} ;", None),
        ("a --opt=b ^x$", None),
    ] {
        assert_eq!(looks_like_shell(line).as_deref(), sign, "{line}");
    }
}

#[test]
fn a_getty_needs_a_shell_that_outlives_it() {
    assert!(is_bare_getty(&argv("/sbin/getty 0 ttyS0")));
    assert!(is_bare_getty(&argv("busybox getty 0 ttyS0")));
    assert!(is_bare_getty(&Command::Shell(
        "exec /sbin/getty 0 tty1".to_owned()
    )));
    assert!(is_bare_getty(&Command::Argv(names(&[
        "sh",
        "-c",
        "x; getty 0 tty1"
    ]))));
    let kept = "while :; do\n  /sbin/getty 0 tty1\n  sleep 1\ndone\n";
    assert!(!is_bare_getty(&Command::Shell(kept.to_owned())));
    let last = "cd / && exec getty 0 tty1".to_owned();
    assert!(is_bare_getty(&Command::Shell(last)));
    assert!(!is_bare_getty(&argv("/usr/sbin/sshd -D")));
}

#[test]
fn names_keep_to_what_both_generations_take() {
    assert!(is_unit_name("stage1-modules_v1.0"));
    assert!(!is_unit_name("a b") && !is_unit_name("") && !is_unit_name("é"));
    assert!(is_environment_name("_A1") && !is_environment_name("1A"));
}

proptest! {
    #[test]
    fn any_argv_survives_both_texts(argv in prop::collection::vec("[^\0]{0,12}", 1..5)) {
        let unit = Unit::daemon("u", Command::Argv(argv.clone()));
        let table = value(&toml(&unit));
        let line = table["service"]["exec"].as_str().unwrap_or("").to_owned();
        prop_assert_eq!(shlex::split(&line), Some(argv));
    }

    #[test]
    fn any_environment_value_survives_toml(text in "[^\0]{0,40}") {
        let mut unit = Unit::daemon("u", argv("/bin/x"));
        unit.environment = BTreeMap::from([("A".to_owned(), text.clone())]);
        let table = value(&toml(&unit));
        prop_assert_eq!(table["service"]["env"]["A"].as_str(), Some(text.as_str()));
    }
}
