//! Units and their graph.

use super::*;

#[test]
fn units_become_units_of_zinit() {
    let image = check_text(&with(
        "zinit dialect=toml\n\
         unit a { exec \"/bin/a 'x y'\"; requires b; env LANG=C; stop signal=SIGINT timeout=\"3s\"; accept stop }\n\
         unit b { shell \"x && y\"; oneshot }\nunit c { target; requires a }\nunit d { exec \"/bin/d\"; disabled }\n\
         boot { expect \"unit a running\" within=\"5s\"; expect \"unit c up\"; expect \"console login:\" }",
    ))
    .image();
    let names: Vec<&str> = image
        .units
        .iter()
        .map(|unit| unit.unit.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let a = &image.units[0].unit;
    assert_eq!(
        a.command,
        Some(crate::zinit::Command::Argv(vec![
            "/bin/a".into(),
            "x y".into()
        ]))
    );
    assert_eq!(a.stop_timeout, Some(std::time::Duration::from_secs(3)));
    assert_eq!(image.boot.expect[0].within, 5000);
    assert_eq!(image.dialect, Some(crate::zinit::Dialect::Toml));
}

#[test]
fn commands_fit_a_supervisor() {
    finds(
        "zinit dialect=toml\n\
         unit a { exec \"/bin/a && b\" }\nunit b { exec \"/sbin/getty 115200 tty1\" }\nunit c { exec \"/usr/sbin/sshd\" }\n\
         unit d { exec x; oneshot; test y }\nunit e { exec x; shell y }\nunit f\nunit g { exec \"a 'b\" }\nunit h { exec \"a #b\" }\n\
         unit i { target; dir \"/x\" }\nunit j { exec x; oneshot; restart always }\nunit k { exec x; stop signal=SIGTREM }\n\
         unit l { exec x; test y; test-tcp \"h:1\" }\nunit m { exec x; test-tcp \"h:0\" }",
        "
         shell-syntax &&
         bare-getty \"/sbin/getty 115200 tty1\"
         self-daemonising sshd
         oneshot-test y
         unit-command y
         unit-command f
         bad-command \"a 'b\"
         bad-command \"a #b\"
         target-setting \"/x\"
         oneshot-restart always
         unknown-signal SIGTREM
         two-tests \"h:1\"
         bad-command \"h:0\"",
    );
}

#[test]
fn shell_syntax_is_mended_by_running_a_shell() {
    let outcome = check_text(&with("zinit dialect=toml\nunit a { exec \"/bin/a && b\" }"));
    let problem = outcome.problems.iter().next().expect("one problem");
    let edit = &problem.fixes[0].edits[0];
    assert_eq!(
        (outcome.sources.slice(edit.span), edit.text.as_str()),
        ("exec", "shell")
    );
}

#[test]
fn edges_lead_to_units_that_are_there() {
    finds(
        "zinit dialect=toml\nunit network { exec x }\nunit off { exec x; disabled }\n\
         unit a { exec x; requires netwrok off a; after off gone; wants b; conflicts b }\nunit b { exec x; requires a; conflicts a }\n\
         boot { expect \"unit c running\"; expect \"unit off up\"; expect \"unit network success\" }",
        "
         unknown-unit netwrok
         disabled-unit off
         self-edge a
         unknown-unit gone
         unit-cycle b
         contradictory-edges a
         unknown-unit c
         disabled-unit off
         impossible-expectation \"unit network success\"",
    );
}

#[test]
fn a_ring_of_units_is_told_with_every_edge() {
    let outcome = check_text(&with(
        "zinit dialect=yaml\nunit a { exec x; requires b }\nunit b { exec x; after c; accept after }\nunit c { exec x; requires a }",
    ));
    assert_eq!(outcome.found(), ["unit-cycle b"]);
    let ring = outcome.problems.iter().next().expect("one problem");
    assert_eq!(
        ring.message,
        "units wait for one another: `a` → `b` → `c` → `a`"
    );
    let labels: Vec<&str> = ring
        .labels
        .iter()
        .map(|label| label.message.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "`a` requires `b`",
            "`b` comes after `c`",
            "`c` requires `a`"
        ]
    );
}

#[test]
fn a_unit_that_could_not_be_read_is_not_unknown() {
    let outcome = check_text(&with(
        "zinit dialect=toml\nunit a { exec x; requires b }\nunit b { exce x }",
    ));
    assert!(!outcome.problems.is_empty());
    assert!(
        outcome
            .found()
            .iter()
            .all(|found| !found.starts_with("unknown-unit")),
        "{:?}",
        outcome.found()
    );
}

#[test]
fn what_a_dialect_cannot_do_is_warned_of_unless_accepted() {
    let manifest = |accept: &str| {
        format!("zinit dialect=yaml\nunit a {{ exec x }}\nunit b {{ exec x; wants a; {accept} }}")
    };
    finds(&manifest(""), "dialect-loss a");
    finds(&manifest("accept wants"), "");
    finds("unit a { exec x }", "no-dialect a");
}

#[test]
fn a_boot_by_firmware_needs_an_efi_program() {
    finds("boot firmware=uefi", "boot-without-efi uefi");
}
