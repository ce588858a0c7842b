//! Reading: files, imports, settings of the command line.

use super::*;

#[test]
fn the_smallest_manifest_gets_defaults() {
    let image = check_text("image site").image();
    assert_eq!(image.title, "site");
    assert_eq!(image.version, "");
    assert_eq!(image.arch, Arch::X86_64);
    assert_eq!(image.compression, Compression::Xz { level: 6 });
    assert!(image.segments);
    assert_eq!(image.outputs.len(), 1);
    assert_eq!(image.outputs[0].name.value, "initramfs.cpio.xz");
    assert_eq!(image.boot.memory, 1 << 30);
    assert_eq!(image.directory, Path::new("/site"));
    assert!(image.packages.run_scripts);
}

#[test]
fn a_missing_manifest_says_how_to_start_one() {
    let outcome = check_files(&[], &[]);
    assert_eq!(outcome.found(), ["no-manifest"]);
    let help = outcome
        .problems
        .iter()
        .next()
        .and_then(|problem| problem.help.clone());
    assert!(help.is_some_and(|help| help.contains("zosc new")));
}

#[test]
fn time_stamps_fit_into_archives() {
    let image = check_text("image site { epoch \"2026-11-01T00:00:00Z\" }").image();
    assert_eq!(image.epoch, Some(1_793_491_200));
    for bad in ["1969-12-31T23:59:59Z", "2106-02-07T06:28:16Z", "2026-11-01"] {
        let found = check_text(&format!("image site {{ epoch \"{bad}\" }}")).found();
        assert_eq!(found, [format!("bad-epoch \"{bad}\"")]);
    }
}

#[test]
fn source_date_epoch_counts_where_the_manifest_is_silent() {
    let run = |text: &str, epoch: &str| {
        let settings = Settings {
            current_directory: "/".into(),
            overrides: Vec::new(),
            environment: Vec::new(),
            source_date_epoch: Some(epoch.to_owned()),
        };
        let files = Memory::new([("/zos.kdl", text)]);
        let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
        let image = check(
            Path::new("zos.kdl"),
            &settings,
            &files,
            &mut sources,
            &mut sink,
        );
        image.map(|image| image.epoch)
    };
    assert_eq!(run("image a", "1000"), Some(Some(1000)));
    assert_eq!(
        run("image a { epoch \"1970-01-01T00:00:05Z\" }", "1000"),
        Some(Some(5))
    );
    assert_eq!(run("image a", "-1"), None);
    assert_eq!(run("image a", "soon"), None);
}

#[test]
fn imports_come_first_and_once() {
    let outcome = check_files(
        &[
            (
                "zos.kdl",
                "image site\nimport \"a.kdl\"\nimport \"sub/b.kdl\"\ngroup last",
            ),
            ("a.kdl", "import \"sub/b.kdl\"\ngroup middle"),
            (
                "sub/b.kdl",
                "group first\nfile \"/etc/motd\" from=\"../motd\"",
            ),
        ],
        &[],
    );
    let image = outcome.image();
    let names: Vec<&str> = image
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    assert_eq!(names, ["first", "middle", "last"]);
    assert_eq!(image.files.len(), 1);
}

#[test]
fn imports_that_are_missing_or_go_in_circles_are_told() {
    let outcome = check_files(
        &[
            (
                "zos.kdl",
                "image site\nimport \"units/side.kdl\"\nimport \"std:nothing/like-it\"\nimport \"a.kdl\"",
            ),
            ("units/site.kdl", ""),
            ("a.kdl", "import \"b.kdl\""),
            ("b.kdl", "import \"a.kdl\""),
        ],
        &[],
    );
    assert_eq!(
        outcome.found(),
        [
            "import-not-found \"units/side.kdl\"",
            "import-not-found \"std:nothing/like-it\"",
            "import-cycle \"a.kdl\"",
        ]
    );
    let near = outcome
        .problems
        .iter()
        .next()
        .and_then(|problem| problem.help.clone());
    assert_eq!(near.as_deref(), Some("did you mean `units/site.kdl`?"));
    let cycle = outcome.problems.iter().last().expect("three problems");
    assert_eq!(
        cycle.message,
        "files import one another: `a.kdl` → `b.kdl` → `a.kdl`"
    );
    assert_eq!(cycle.labels.len(), 2);
}

#[test]
fn a_section_of_two_files_is_told_at_both() {
    let outcome = check_files(
        &[
            (
                "zos.kdl",
                "image site\nimport \"a.kdl\"\ninitramfs compress=xz",
            ),
            ("a.kdl", "initramfs compress=zstd"),
        ],
        &[],
    );
    assert_eq!(outcome.found(), ["duplicate-section initramfs"]);
    let problem = outcome.problems.iter().next().expect("one problem");
    let places: Vec<u32> = problem
        .labels
        .iter()
        .map(|label| label.span.source.0)
        .collect();
    assert_eq!(places, [0, 1]);
}

#[test]
fn what_an_import_breaks_is_shown_in_it() {
    let outcome = check_files(
        &[
            ("zos.kdl", "image site\nimport \"a.kdl\""),
            ("a.kdl", "file \"/a/../b\" text=x"),
        ],
        &[],
    );
    assert_eq!(outcome.found(), ["bad-image-path \"/a/../b\""]);
    assert_eq!(
        outcome.problems.iter().next().expect("one").labels[0]
            .span
            .source
            .0,
        1
    );
}

#[test]
fn units_of_imports_are_switched_off_by_name() {
    let base = (
        "base.kdl",
        "zinit dialect=toml\nunit a { exec x }\nunit b { exec x; after a }",
    );
    let outcome = check_files(
        &[
            (
                "zos.kdl",
                "image site\nimport \"base.kdl\"\nunit a { disabled }",
            ),
            base,
        ],
        &[],
    );
    assert_eq!(outcome.image().units.len(), 1);
    let outcome = check_files(
        &[
            (
                "zos.kdl",
                "image site\nimport \"base.kdl\"\nunit a { exec y }\nunit aa { disabled }",
            ),
            base,
        ],
        &[],
    );
    assert_eq!(outcome.found(), ["duplicate-name a", "unknown-unit aa"]);
}

#[test]
fn settings_take_the_place_of_what_is_written() {
    let files = [
        (
            "zos.kdl",
            "image site version=\"1.0\"\nimport \"a.kdl\"\nboot cpus=1",
        ),
        (
            "a.kdl",
            "initramfs compress=xz\nzinit dialect=toml\nunit a { exec x; env A=b }",
        ),
    ];
    let outcome = check_files(
        &files,
        &[
            "image.version=2.0",
            "initramfs.compress=zstd",
            "initramfs.segments=false",
            "boot.cpus=4",
            "unit.a.env.A=c",
            "branding.hostname=box",
        ],
    );
    let image = outcome.image();
    assert_eq!(image.version, "2.0");
    assert_eq!(image.compression, Compression::Zstd { level: 15 });
    assert!(!image.segments);
    assert_eq!(image.boot.cpus, 4);
    assert_eq!(
        image.units[0].unit.environment.get("A").map(String::as_str),
        Some("c")
    );
    assert_eq!(image.hostname.as_deref(), Some("box"));
    assert_eq!(image.overrides.len(), 6);
    assert!(image.overrides[0].replaced.is_some());
    assert_eq!(image.overrides[5].replaced, None);
}

#[test]
fn settings_that_are_wrong_are_shown_where_they_were_typed() {
    let outcome = check_files(
        &[("zos.kdl", "image site\ninitramfs compress=xz")],
        &[
            "image.versoin=1",
            "nothing",
            "unit.a.exec=x",
            "image=x",
            "initramfs.compress=bzip",
        ],
    );
    let found = outcome.found();
    assert_eq!(
        found[..4],
        [
            "unknown-setting versoin",
            "bad-setting nothing",
            "unknown-setting unit.a.exec",
            "unknown-setting image"
        ]
    );
    assert_eq!(found.len(), 5);
    assert!(found[4].ends_with(" bzip"), "{}", found[4]);
    let problem = outcome.problems.iter().next().expect("several");
    assert_eq!(problem.help.as_deref(), Some("did you mean `version`?"));
}

#[test]
fn twelve_mistakes_are_told_in_one_run() {
    let outcome = check_text(
        "image site { epoch \"1960-01-01T00:00:00Z\" }\n\
         zinit dialect=toml\n\
         unit a { exec \"/bin/a | b\"; requires nowhere }\n\
         unit b { exec \"/sbin/getty tty1\" }\n\
         unit b { target }\n\
         unit c { exec x; requires d }\nunit d { exec x; requires c }\n\
         source s { release \"https://h/x\"; install x to=\"/x\" }\n\
         file \"/z\" text=y\nfile \"/z\" text=y\n\
         file \"/y\" from=gone\n\
         modules { stage1 a; stage2 a }\n\
         initramfs compress=zstd level=0\n\
         outputs { initramfs \"{nmae}\" }\n",
    );
    let mut places: Vec<_> = outcome
        .problems
        .iter()
        .map(|problem| problem.labels[0].span)
        .collect();
    assert!(places.len() >= 12, "{:?}", outcome.found());
    places.sort();
    places.dedup();
    assert!(places.len() >= 12, "each has a place of its own");
}

#[test]
fn the_library_is_sound_in_both_dialects() {
    // Two modules that do the same: an image has one of them, and `base` has the first.
    let alternatives = ["std:zero-os/devices", "std:zero-os/udev"];
    for (dialect, left_out) in ["yaml", "toml"]
        .iter()
        .flat_map(|dialect| alternatives.map(|left_out| (dialect, left_out)))
    {
        let imports: Vec<String> = library_names()
            .iter()
            .filter(|name| *name != left_out && *name != "std:zero-os/base")
            .map(|name| format!("import {name:?}\n"))
            .collect();
        let outcome = check_text(&with(&format!(
            "zinit dialect={dialect}\n{}",
            imports.concat()
        )));
        assert_eq!(outcome.found(), [] as [&str; 0]);
        let image = outcome.image();
        assert!(image.units.iter().any(|unit| unit.unit.name == "ready"));
        let init = image.files.iter().find(|file| file.to.as_str() == "/init");
        let init = init.expect("the library has a process 1");
        assert!(matches!(&init.content, FileContent::Bytes(bytes) if bytes.starts_with(b"#!")));
        assert_eq!(init.mode, 0o755);
    }
    let base = check_text(&with("zinit dialect=toml\nimport \"std:zero-os/base\"\n"));
    assert_eq!(base.found(), [] as [&str; 0]);
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let long = "// x\n".repeat(300_000);
    let outcome = check_files(
        &[
            ("zos.kdl", "image site\nimport \"a.kdl\""),
            ("a.kdl", &long),
        ],
        &[],
    );
    assert_eq!(outcome.found(), ["file-too-large \"a.kdl\""]);
    let outcome = check_files(&[("zos.kdl", &long)], &[]);
    assert_eq!(outcome.found(), ["file-too-large"]);
    let outcome = check_files(
        &[
            (
                "zos.kdl",
                "image site\nalpine edge { repository \"a/b\"; key long }",
            ),
            ("long", &long),
        ],
        &[],
    );
    assert_eq!(outcome.found(), ["unreadable-file long"]);
}

#[test]
fn a_manifest_has_so_many_files_and_no_more() {
    let files: Vec<(String, String)> = (0..210)
        .map(|number| {
            let name = if number == 0 {
                "zos".to_owned()
            } else {
                number.to_string()
            };
            (
                format!("{name}.kdl"),
                format!("import \"{}.kdl\"", number + 1),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let found = check_files(&files, &[]).found();
    assert_eq!(found, ["too-many-imports \"200.kdl\"", "no-image"]);
}
