use proptest::prelude::*;

use super::*;

/// A 64-bit ELF file with a loader, a name, and dynamic entries, as wished for.
#[derive(Default, Clone)]
struct Made {
    kind: u16,
    entry: u64,
    interpreter: Option<&'static str>,
    needed: Vec<&'static str>,
    name: Option<&'static str>,
    flags_1: u64,
    tail: Vec<u8>,
}

impl Made {
    fn bytes(&self) -> Vec<u8> {
        const HEADERS: usize = 64 + 3 * 56;
        let mut strings = vec![0];
        let mut text = |value: &str| {
            let at = strings.len() as u64;
            strings.extend(value.as_bytes());
            strings.push(0);
            at
        };
        let mut entries: Vec<(u64, u64)> = self.needed.iter().map(|name| (1, text(name))).collect();
        entries.extend(self.name.map(|name| (14, text(name))));
        if self.flags_1 != 0 {
            entries.push((0x6fff_fffb, self.flags_1));
        }
        let loader: Vec<u8> = self
            .interpreter
            .map_or(Vec::new(), |path| format!("{path}\0").into_bytes());
        let strings_at = (HEADERS + loader.len()) as u64;
        entries.extend([(5, strings_at), (10, strings.len() as u64), (0, 0)]);
        let dynamic_at = strings_at + strings.len() as u64;
        let dynamic: Vec<u8> = entries
            .iter()
            .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()])
            .flatten()
            .collect();
        let end = dynamic_at + dynamic.len() as u64;

        let mut headers: Vec<(u32, u64, u64)> = vec![(1, 0, end)];
        if self.interpreter.is_some() {
            headers.push((3, HEADERS as u64, loader.len() as u64));
        }
        if self.kind == 3 || !self.needed.is_empty() {
            headers.push((2, dynamic_at, dynamic.len() as u64));
        }
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        bytes.extend(self.kind.to_le_bytes());
        bytes.extend(62_u16.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(self.entry.to_le_bytes());
        bytes.extend(64_u64.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        for half in [64, 56, headers.len() as u16, 64, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for (kind, offset, size) in headers {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(5_u32.to_le_bytes());
            for field in [offset, offset, offset, size, size, 8] {
                bytes.extend(field.to_le_bytes());
            }
        }
        bytes.resize(HEADERS, 0);
        bytes.extend(loader);
        bytes.extend(strings);
        bytes.extend(dynamic);
        bytes.extend(&self.tail);
        bytes
    }
}

fn fixed() -> Made {
    Made {
        kind: 2,
        entry: 0x1000,
        ..Made::default()
    }
}

fn shared() -> Made {
    Made {
        kind: 3,
        entry: 0x1000,
        ..Made::default()
    }
}

fn facts(made: &Made) -> ElfFacts {
    inspect("program", &made.bytes()).expect("facts")
}

#[test]
fn static_programs_are_told_from_dynamic_ones() {
    assert!(facts(&fixed()).is_static());
    let dynamic = Made {
        interpreter: Some("/lib/ld-musl-x86_64.so.1"),
        needed: vec!["libc.musl-x86_64.so.1"],
        flags_1: 0x0800_0000,
        ..shared()
    };
    let error = verify_static("sshd", &dynamic.bytes()).expect_err("dynamic");
    assert_eq!(error.code, "zosc::elf::not-static");
    assert_eq!(
        error.notes,
        [
            "its loader is `/lib/ld-musl-x86_64.so.1`",
            "it links to libc.musl-x86_64.so.1"
        ]
    );
    assert!(facts(&dynamic).position_independent);
}

#[test]
fn static_pie_counts_as_static() {
    let marked = Made {
        flags_1: 0x0800_0000,
        ..shared()
    };
    assert!(facts(&marked).is_static());
    assert!(verify_static("zinit", &marked.bytes()).is_ok());
    assert!(facts(&shared()).is_static(), "older linkers do not mark it");
}

#[test]
fn a_library_is_no_program() {
    let library = Made {
        entry: 0,
        name: Some("libx.so.1"),
        ..shared()
    };
    assert_eq!(facts(&library).kind, Kind::Library);
    assert_eq!(
        verify_static("libx.so", &library.bytes())
            .expect_err("a library")
            .code,
        "zosc::elf::not-static"
    );
}

#[test]
fn class_and_machine_are_told() {
    let facts = facts(&fixed());
    assert_eq!(
        (facts.class, facts.machine.as_str()),
        (Class::Bits64, "x86_64")
    );
    assert_eq!(
        inspect("x", b"#!/bin/sh").expect_err("a script").code,
        "zosc::elf::not-elf"
    );
}

#[test]
fn paths_of_the_build_machine_are_found() {
    let leaky = Made {
        tail: b"\0/home/ann/src/main.rs\0/build/x\0/usr/home/x/y/z\0./build/a/b/c\0wordsx=/root/.cargo/registry/a.rs:1\0/home/ann/src/main.rs\0"
            .to_vec(),
        ..fixed()
    };
    let found = build_paths(&leaky.bytes(), Where::Everywhere);
    let texts: Vec<&str> = found.iter().map(|path| path.text.as_str()).collect();
    assert_eq!(
        texts,
        ["/home/ann/src/main.rs", "/root/.cargo/registry/a.rs:1"]
    );
    let problem = verify_no_build_paths("tool", &leaky.bytes(), Where::WhatStays);
    let problem = problem.expect_err("refused");
    assert_eq!(problem.code, "zosc::elf::build-path");
    assert!(problem.help.expect("advice").contains("remap-path-prefix"));
    assert_eq!(problem.notes.len(), 1);
    assert!(verify_no_build_paths("tool", &fixed().bytes(), Where::Everywhere).is_ok());
}

#[test]
fn a_program_for_another_processor_is_refused() {
    let bytes = fixed().bytes();
    assert!(verify_machine("tool", &bytes, "x86_64").is_ok());
    let problem = verify_machine("tool", &bytes, "aarch64").expect_err("refused");
    assert_eq!(
        (problem.code, problem.message.as_str()),
        (
            "zosc::elf::wrong-machine",
            "`tool` is for x86_64, and the image for aarch64"
        )
    );
}

#[test]
fn the_machine_s_own_programs_are_told_apart() {
    let read = |path: &str| std::fs::read(path).ok();
    let (Some(busybox), Some(shell)) = (read("/usr/bin/busybox"), read("/bin/sh")) else {
        eprintln!("skipped: no busybox or no shell");
        return;
    };
    let shell = inspect("sh", &shell).expect("facts");
    assert_eq!(shell.kind, Kind::Program);
    let busybox = inspect("busybox", &busybox).expect("facts");
    assert_eq!(busybox.kind, Kind::Program);
    assert_eq!(
        busybox.is_static(),
        busybox.interpreter.is_none() && busybox.needed.is_empty()
    );
}

proptest! {
    #[test]
    fn damaged_files_are_never_a_panic(
        changes in proptest::collection::vec((0_usize..600, any::<u8>()), 1..8), cut in 0_usize..600,
    ) {
        let mut bytes = Made {
            interpreter: Some("/lib/ld.so"),
            needed: vec!["a", "b"],
            name: Some("c"),
            ..shared()
        }
        .bytes();
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at % length] = value;
        }
        bytes.truncate(length - cut % length);
        let _ = verify_static("program", &bytes);
    }
}
