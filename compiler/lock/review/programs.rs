//! What units and files start, and whether anything of the image has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::apk::index::Index;
use crate::check::{FileContent, Image, ResolvedUnit, boot_report};
use crate::diagnostic::{Diagnostic, nearest};
use crate::io::{Files, System};
use crate::source::Span;
use crate::zinit::{self, Command, Dialect, Kind, Probe};

use super::super::{Lock, indexes};
use super::answer::Answer;
use super::world::{Found, World};
use super::{Review, shown};

/// How much of a local file is looked at: its first line, and the commands of a script.
const LOOKED_AT: usize = 1 << 20;

/// Words at the head of a shell command that name no program.
const NO_PROGRAMS: &[&str] = &[
    "!", ".", ":", "[", "[[", "alias", "bg", "break", "builtin", "case", "cd", "command",
    "continue", "declare", "do", "done", "echo", "elif", "else", "esac", "eval", "exec", "exit",
    "export", "false", "fg", "fi", "for", "function", "getopts", "hash", "if", "jobs", "kill",
    "let", "local", "printf", "pwd", "read", "readonly", "return", "select", "set", "shift",
    "source", "test", "then", "time", "times", "trap", "true", "type", "ulimit", "umask",
    "unalias", "unset", "until", "wait", "while", "{", "}",
];

/// A program that something starts.
struct Needed {
    /// Its path, or its name.
    program: String,
    /// What starts it, for people: "the unit `web`".
    who: String,
    /// How it is named in a sentence: "runs", "is tested by".
    verb: &'static str,
    /// What follows where it is missing.
    consequence: Option<&'static str>,
    span: Span,
    /// Whether the image cannot be built without it.
    is_vital: bool,
}

impl Review<'_> {
    /// Looks for every program that a unit or a script of the manifest starts, and for the folders that units start in.
    pub(super) fn programs(&mut self, answer: &Answer) {
        let needed = needed(self.image);
        let has_folders = self
            .image
            .units
            .iter()
            .any(|unit| unit.unit.directory.is_some());
        if needed.is_empty() && !has_folders {
            return;
        }
        let Some(world) = World::new(self.image, self.store, answer) else {
            return self.skip("programs of units", answer);
        };
        let mut told = BTreeSet::new();
        for needed in &needed {
            let found = world.program(&needed.program);
            let name = needed.program.rsplit('/').next().unwrap_or_default();
            let is_fine = matches!(found, Found::Program)
                || matches!(found, Found::Nothing) && world.may_hold(&needed.program);
            if is_fine || !told.insert((&needed.program, needed.span)) {
                continue;
            }
            let problem = match found {
                Found::File => not_executable(needed),
                Found::Folder => missing(needed).help("it is a folder: name a program in it"),
                _ => self.suggest(missing(needed), needed, name, &world),
            };
            self.sink.push(problem);
        }
        for unit in &self.image.units {
            self.folder(unit, &world);
        }
    }

    /// Where a program is, or where it could come from.
    fn suggest(
        &self,
        problem: Diagnostic,
        needed: &Needed,
        name: &str,
        world: &World,
    ) -> Diagnostic {
        let elsewhere = world.programs().find(|(path, _)| path.file_name() == name);
        if let Some((path, entry)) = elsewhere {
            return problem.help(format!("it is at `{path}`, from {}", entry.origin.as_str()));
        }
        if let Some(package) = self.provider(name) {
            return problem.help(format!("add `install {package}`, which has `{name}`"));
        }
        if needed.program == zinit::CLIENT {
            return problem.help(zinit::CLIENT_HELP);
        }
        let paths = world.programs().map(|(path, _)| path.as_str());
        let near = if needed.program.contains('/') {
            nearest(&needed.program, paths).map(str::to_owned)
        } else {
            let names = paths.map(|path| path.rsplit('/').next().unwrap_or(path));
            nearest(name, names).map(str::to_owned)
        };
        problem.help(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "install the package or the source that has it, or correct the path".to_owned(),
        })
    }

    /// A package of the repositories that has a program of this name.
    fn provider(&self, name: &str) -> Option<&str> {
        let providers = self
            .providers
            .get_or_init(|| self.read_providers().unwrap_or_default());
        providers.get(name).map(String::as_str)
    }

    /// Every program of the repositories with the package that has it; of several, that with the shortest name: `openssh`, not
    /// `openssh-server-pam`.
    fn read_providers(&self) -> Option<BTreeMap<String, String>> {
        let nothing = Lock::default();
        let lock = self.lock.unwrap_or(&nothing);
        let alpine = self.image.alpine.as_ref()?;
        let fetched = indexes::at_hand(self.store?, alpine, self.image.arch.name(), lock)?.ok()?;
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        let untagged = fetched
            .iter()
            .zip(&alpine.repositories)
            .filter(|(_, repository)| repository.tag.is_none());
        for (index, _) in untagged {
            let index = Index::parse(&index.text).ok()?;
            for package in &index.packages {
                for provided in package.provides().flatten() {
                    let Some(program) = provided.name.strip_prefix("cmd:") else {
                        continue;
                    };
                    let known = found.get(program);
                    let rank = |name: &str| (name.len(), name.to_owned());
                    if known.is_none_or(|known| rank(package.name) < rank(known)) {
                        found.insert(program.to_owned(), package.name.to_owned());
                    }
                }
            }
        }
        Some(found)
    }

    /// Warns of a unit's folder that nothing makes.
    fn folder(&mut self, unit: &ResolvedUnit, world: &World) {
        let Some(folder) = &unit.unit.directory else {
            return;
        };
        let is_there = matches!(world.look(folder), Found::Folder);
        if is_there || world.may_hold(folder) || is_made_by_a_command(self.image, folder) {
            return;
        }
        self.sink.push(
            Diagnostic::warning(
                "zosc::lock::missing-folder",
                format!(
                    "the unit `{}` starts in `{folder}`, and nothing of the image makes that folder",
                    unit.unit.name
                ),
            )
            .at(unit.folder.unwrap_or(unit.span))
            .help("put a file or an overlay there, or correct `dir`"),
        );
    }
}

/// Whether a unit's command or a script of the manifest names a folder, and so may make it.
fn is_made_by_a_command(image: &Image, folder: &str) -> bool {
    let names = |unit: &ResolvedUnit| match &unit.unit.command {
        Some(Command::Argv(argv)) => argv.iter().any(|word| word.contains(folder)),
        Some(Command::Shell(script)) => script.contains(folder),
        None => false,
    };
    let holds = |content: &FileContent| match content {
        FileContent::Bytes(bytes) => String::from_utf8_lossy(bytes).contains(folder),
        FileContent::Local(path) => System
            .read_start(path, LOOKED_AT)
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(folder)),
        FileContent::Link(_) => false,
    };
    image.units.iter().any(names) || image.files.iter().any(|file| holds(&file.content))
}

fn missing(needed: &Needed) -> Diagnostic {
    let fact = format!(
        "{} {} `{}`, and nothing of the image has it",
        needed.who, needed.verb, needed.program
    );
    let code = "zosc::lock::missing-program";
    let problem = if needed.is_vital {
        Diagnostic::error(code, fact)
    } else {
        Diagnostic::warning(code, fact)
    };
    let problem = problem.at(needed.span);
    match needed.consequence {
        Some(consequence) => problem.note(consequence),
        None => problem,
    }
}

fn not_executable(needed: &Needed) -> Diagnostic {
    let fact = format!(
        "{} {} `{}`, which may not be started",
        needed.who, needed.verb, needed.program
    );
    Diagnostic::error("zosc::lock::not-executable", fact)
        .at(needed.span)
        .help("give the file `mode=\"0755\"`")
}

/// Every program that something starts.
fn needed(image: &Image) -> Vec<Needed> {
    let mut all = Vec::new();
    for unit in &image.units {
        of_unit(unit, image.dialect, &mut all);
    }
    all.extend(boot_report(image).map(|unit| Needed {
        program: zinit::CLIENT.to_owned(),
        who: format!("the unit `{}`", unit.unit.name),
        verb: "asks",
        consequence: Some(
            "without it the console is told of no unit, and `zosc boot --test` waits in vain",
        ),
        span: unit.span,
        is_vital: true,
    }));
    for file in image.files.iter().filter(|file| file.mode & 0o111 != 0) {
        let line = match &file.content {
            FileContent::Bytes(bytes) => first_line(bytes),
            FileContent::Local(path) => System
                .read_start(path, LOOKED_AT)
                .ok()
                .and_then(|bytes| first_line(&bytes)),
            FileContent::Link(_) => None,
        };
        let Some(line) = line else { continue };
        let mut words = line.split_whitespace();
        let interpreter = words.next().unwrap_or_default().to_owned();
        let by_name = words.next().filter(|word| {
            interpreter.ends_with("/env") && !word.starts_with('-') && !word.contains('=')
        });
        let who = match &file.content {
            FileContent::Local(path) => format!("the script `{}`", shown(path)),
            _ => format!("the script `{}`", file.to.value),
        };
        for program in [Some(interpreter), by_name.map(str::to_owned)] {
            all.extend(
                program
                    .filter(|program| !program.is_empty())
                    .map(|program| Needed {
                        program,
                        who: who.clone(),
                        verb: "is read by",
                        consequence: None,
                        span: file.to.span,
                        is_vital: false,
                    }),
            );
        }
    }
    all
}

/// What follows `#!` in the first line.
fn first_line(bytes: &[u8]) -> Option<String> {
    let line = bytes.strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).trim().to_owned())
}

fn of_unit(unit: &ResolvedUnit, dialect: Option<Dialect>, all: &mut Vec<Needed>) {
    let zinit::Unit {
        name,
        kind,
        command,
        probe,
        ..
    } = &unit.unit;
    let Some(command) = command.as_ref().filter(|_| *kind != Kind::Target) else {
        return;
    };
    if zinit::builtin(&unit.unit).is_some() {
        return;
    }
    let mut need = |program: &str, (verb, span), consequence, is_vital| {
        all.push(Needed {
            program: program.to_owned(),
            who: format!("the unit `{name}`"),
            verb,
            consequence,
            span,
            is_vital,
        });
    };
    let runs = ("runs", unit.command.unwrap_or(unit.span));
    let is_tested = ("is tested by", unit.test.unwrap_or(unit.span));
    match command {
        Command::Argv(argv) => {
            if let Some(program) = argv.first() {
                need(program, runs, None, true);
            }
        }
        Command::Shell(script) => {
            need("/bin/sh", runs, None, true);
            if let Some(program) = first_program(script) {
                need(&program, runs, None, false);
            }
        }
    }
    let spins = (dialect == Some(Dialect::Yaml))
        .then_some("zinit 0.2 tries such a test again and again without a pause");
    match probe {
        Some(Probe::Exec(Command::Argv(argv))) => {
            if let Some(program) = argv.first() {
                need(program, is_tested, spins, false);
            }
        }
        Some(Probe::Tcp(_)) if dialect == Some(Dialect::Yaml) => {
            let never = Some("without it the unit never counts as up");
            need("nc", is_tested, never, false);
        }
        _ => {}
    }
}

/// The program that a script starts first, where that is plain.
fn first_program(script: &str) -> Option<String> {
    let commands = zinit::commands(script);
    let words = shlex::split(commands.first()?)?;
    let mut words = words.into_iter().skip_while(|word| word == "exec");
    let first = words.next()?;
    let is_plain = first
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "/._+-[".contains(character));
    (is_plain && !NO_PROGRAMS.contains(&first.as_str())).then_some(first)
}
