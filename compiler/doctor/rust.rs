//! Releases of Rust on this machine, and their libraries for other targets.

use std::path::Path;

use crate::lock::Rust;

use super::looking::Looking;
use super::needs::Wanted;
use super::report::{Finding, Section};

/// The target of programs that run in every image.
const MUSL: &str = "x86_64-unknown-linux-musl";

pub(super) fn look(looking: &mut Looking<'_>) {
    let mut wanted = looking.wanted();
    let musl = Wanted::RustTarget {
        target: MUSL.to_owned(),
        release: None,
    };
    if !wanted.contains(&musl) && looking.counts(&musl) {
        wanted.push(musl);
    }
    for one in &wanted {
        let finding = match one {
            Wanted::Rust(release) => whole(looking, release, &wanted),
            Wanted::RustTarget {
                target,
                release: Some(release),
            } => of_release(looking, target, release),
            Wanted::RustTarget {
                target,
                release: None,
            } => of_own(looking, target, looking.need(one).is_some()),
            _ => continue,
        };
        looking.add(one, finding);
    }
}

/// A release; what installs it brings the libraries as well that are wanted of it.
fn whole(looking: &Looking<'_>, release: &str, wanted: &[Wanted]) -> Finding {
    let name = format!("Rust {release}");
    if let Some(Rust::Own(told) | Rust::Kept(told)) = find(looking, release) {
        return Finding::works(Section::Toolchains, name, told);
    }
    let targets = wanted.iter().filter_map(|wanted| match wanted {
        Wanted::RustTarget {
            target,
            release: Some(of),
        } if of == release => Some(target.as_str()),
        _ => None,
    });
    let targets: Vec<&str> = targets.collect();
    let mut command = format!("rustup toolchain install {release}");
    if !targets.is_empty() {
        command.push_str(&format!(" --target {}", targets.join(",")));
    }
    Finding::missing(Section::Toolchains, name, "not installed").remedy(by_rustup(looking, command))
}

/// Libraries of a release that a source insists on.
fn of_release(looking: &Looking<'_>, target: &str, release: &str) -> Finding {
    let name = format!("Rust {release} for {target}");
    let Some(rust) = find(looking, release) else {
        let fact = format!("not looked for: it comes with Rust {release}");
        return Finding::aside(Section::Toolchains, name, fact);
    };
    libraries(looking, name, target, &rust)
}

/// Libraries of the Rust that is found first.
fn of_own(looking: &Looking<'_>, target: &str, is_needed: bool) -> Finding {
    let name = format!("Rust for {target}");
    if looking.machine.program("rustc").is_some() {
        return libraries(looking, name, target, &Rust::Own(String::new()));
    }
    let fact = "not looked for: there is no rustc";
    if is_needed {
        let missing = Finding::missing(Section::Toolchains, name, fact);
        return lacking(looking, missing, target);
    }
    Finding::aside(Section::Toolchains, name, fact)
}

fn libraries(looking: &Looking<'_>, name: String, target: &str, rust: &Rust) -> Finding {
    let (program, question) = rust.question(&["--print", "target-libdir", "--target", target]);
    let folder = ask(looking, program, &question);
    let folder = folder.map(|folder| folder.trim().to_owned());
    let is_there = |folder: &String| looking.machine.is_there(Path::new(folder));
    if let Some(folder) = folder.filter(is_there) {
        return Finding::works(Section::Toolchains, name, folder);
    }
    let missing = Finding::missing(Section::Toolchains, name, "not installed");
    match rust {
        Rust::Kept(kept) => {
            missing.remedy(format!("rustup target add --toolchain {kept} {target}"))
        }
        Rust::Own(_) => lacking(looking, missing, target),
    }
}

/// Says what brings libraries for a target: a package of a distribution whose Rust this is, else rustup.
fn lacking(looking: &Looking<'_>, finding: Finding, target: &str) -> Finding {
    let command = format!("rustup target add {target}");
    // rustup keeps releases below a folder of this name.
    let root = ask(looking, "rustc", &["--print", "sysroot"]);
    if root.is_some_and(|root| root.contains("/toolchains/")) {
        return finding.remedy(command);
    }
    let tool = format!("Rust for {target}");
    if looking.has_package(&tool) {
        return looking.installable(finding, &tool);
    }
    finding.remedy(by_rustup(looking, command))
}

/// A command of rustup, where that is to be had first: distributions have one release of Rust, and few targets.
fn by_rustup(looking: &Looking<'_>, command: String) -> String {
    match looking.machine.program("rustup") {
        Some(_) => command,
        None => format!("install Rust by rustup, then run `{command}`"),
    }
}

fn find(looking: &Looking<'_>, release: &str) -> Option<Rust> {
    Rust::find(release, &|program, arguments| {
        ask(looking, program, arguments)
    })
}

/// What a program says, where it succeeds.
fn ask(looking: &Looking<'_>, program: &str, arguments: &[&str]) -> Option<String> {
    let told = looking.machine.ask(program, arguments).ok();
    told.filter(|told| told.success).map(|told| told.output)
}
