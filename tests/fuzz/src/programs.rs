//! Promises of `elf` about programs, libraries and modules from elsewhere.

use zosc::elf::{
    self, Stripped, Where, build_paths, inspect, strip_module, strip_program, verify_machine,
    verify_no_build_paths, verify_static,
};

use super::can_be_shown;

/// Looks into a program: facts or a refusal, and paths of build machines that stand where they are said to stand.
pub fn program(bytes: &[u8]) {
    match inspect("fuzz", bytes) {
        Ok(facts) => {
            assert!(elf::is_elf(bytes));
            assert_eq!(verify_static("fuzz", bytes).is_ok(), facts.is_static());
            assert!(verify_machine("fuzz", bytes, &facts.machine).is_ok());
        }
        Err(problem) => can_be_shown(&problem),
    }
    for place in [Where::Everywhere, Where::WhatStays] {
        for path in build_paths(bytes, place) {
            let found = bytes.get(path.offset..).expect("inside");
            assert!(found.starts_with(path.text.as_bytes()), "{path}");
        }
        if let Err(problem) = verify_no_build_paths("fuzz", bytes, place) {
            can_be_shown(&problem);
        }
    }
}

/// Strips a program and a module: what comes out is smaller, is read as the same program, and has nothing left to lose.
pub fn strip(bytes: &[u8]) {
    let before = inspect("fuzz", bytes).ok();
    for strip in [strip_program, strip_module] {
        let Stripped::Smaller(smaller) = strip(bytes) else {
            continue;
        };
        assert!(smaller.len() < bytes.len());
        let again = strip(&smaller);
        assert!(!matches!(again, Stripped::Left(_)), "{again:?}");
        if let Stripped::Smaller(third) = again {
            // What only a symbol that went has named goes in the second round.
            assert!(third.len() < smaller.len());
        }
        let Some(before) = &before else { continue };
        let after = inspect("fuzz", &smaller).expect("what could be read still can");
        assert_eq!(
            (&after.machine, after.kind, after.class),
            (&before.machine, before.kind, before.class)
        );
        assert_eq!(
            (
                &after.interpreter,
                &after.name,
                &after.needed,
                &after.run_paths
            ),
            (
                &before.interpreter,
                &before.name,
                &before.needed,
                &before.run_paths
            )
        );
    }
}
