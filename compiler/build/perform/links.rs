//! Whether programs find their loaders, interpreters and libraries in the image.
//!
//! The search is that of the loader which a program names: musl's or glibc's, with run paths and `$ORIGIN`. What a file asks
//! for is read once for its content and kept as a note, so that an image with one changed unit is not read again.

mod search;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::search::{Search, is_part_of_musl};
use super::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::elf::{self, Kind};
use crate::plan::{Input, Linked};
use crate::tree::{Digest, Entry, ImagePath, Node, Tree};

/// What a file asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Wishes {
    /// The loader or the script's interpreter.
    interpreter: Option<String>,
    needed: Vec<String>,
    run_paths: Vec<String>,
    /// Processor and bits; `None` for what is no ELF file.
    machine: Option<String>,
    /// What it calls itself, of a library.
    name: Option<String>,
    is_library: bool,
}

/// The image and what has been read of it.
struct Image<'a> {
    context: &'a Context<'a>,
    tree: Tree,
    known: BTreeMap<Digest, Wishes>,
}

/// Looks at every file of the sources that is still in the image; each that lacks something is told.
pub(super) fn verify(
    context: &Context<'_>,
    tree: &Input,
    sources: &[Linked],
) -> Result<Digest, Diagnostics> {
    let whole = context.tree(tree)?;
    let mut image = Image {
        context,
        tree: whole.clone(),
        known: BTreeMap::new(),
    };
    let mut problems = Diagnostics::new();
    for (path, entry) in whole
        .iter()
        .filter(|(_, entry)| entry.origin.kind() == "source")
    {
        let (Node::File { digest, .. }, name) = (&entry.node, entry.origin.name()) else {
            continue;
        };
        let Some(linked) = sources.iter().find(|linked| linked.source == name) else {
            continue;
        };
        let wishes = image.wishes(path, digest)?;
        let may_run = entry.mode & 0o111 != 0;
        let mut missing = false;
        if linked.interpreter
            && may_run
            && let Some(problem) = image.interpreter(path, &wishes)
        {
            missing = true;
            problems.push(context.about(problem, path, name, "interpreter"));
        }
        // Without its loader a program has no libraries either; one problem is enough.
        if linked.libraries
            && !missing
            && let Some(problem) = image.libraries(path, &wishes)?
        {
            problems.push(context.about(problem, path, name, "libraries"));
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(context.digest(tree))
}

impl Image<'_> {
    /// What a file asks for, from an earlier look at the same content where there was one.
    fn wishes(&mut self, path: &ImagePath, digest: &Digest) -> Result<Wishes, Diagnostic> {
        if let Some(wishes) = self.known.get(digest) {
            return Ok(wishes.clone());
        }
        let store = self.context.store;
        let note = Digest::of(format!("links 1\n{digest}").as_bytes());
        let kept = store.note(&note);
        let kept = kept.and_then(|kept| serde_json::from_slice::<Wishes>(&kept).ok());
        let wishes = if let Some(wishes) = kept {
            wishes
        } else {
            let bytes = match self.context.elf(digest)? {
                Some(bytes) => bytes,
                // Of a script the first line counts.
                None => store.head(digest, 4096)?,
            };
            let wishes = read(path, &bytes)?;
            let text = serde_json::to_vec(&wishes).expect("texts are always JSON");
            // Without the note, the file is read again next time.
            let _ = store.write_note(&note, &text);
            wishes
        };
        self.known.insert(*digest, wishes.clone());
        Ok(wishes)
    }

    /// The file at a path of the image, links followed.
    fn file(&self, path: &str) -> Option<(ImagePath, &Entry, Digest)> {
        let (path, entry) = self.tree.resolve(&ImagePath::new(path).ok()?)?;
        let target = match &entry.node {
            Node::Hardlink { to } => self.tree.get(to)?,
            _ => entry,
        };
        match target.node {
            Node::File { digest, .. } => Some((path, entry, digest)),
            _ => None,
        }
    }

    fn interpreter(&self, path: &ImagePath, wishes: &Wishes) -> Option<Diagnostic> {
        let interpreter = wishes.interpreter.as_deref()?;
        let found = self.file(interpreter);
        if found.is_some_and(|(_, entry, _)| entry.mode & 0o111 != 0) {
            return None;
        }
        let what = if wishes.machine.is_some() {
            "loader"
        } else {
            "interpreter"
        };
        let problem = Diagnostic::error(
            "zosc::build::missing-interpreter",
            format!("`{path}` cannot start: its {what} `{interpreter}` is not in the image"),
        );
        let help = if interpreter.contains("/ld-linux") {
            "it is linked to glibc, and Alpine has musl: build it for musl, or install the package `gcompat`"
        } else if interpreter.contains("/ld-musl") {
            "install the package `musl`, or link it statically"
        } else {
            "install the package that has it, or correct the first line of the script"
        };
        Some(problem.help(help))
    }

    fn libraries(
        &mut self,
        path: &ImagePath,
        wishes: &Wishes,
    ) -> Result<Option<Diagnostic>, Diagnostic> {
        let search = Search::of(self, path, wishes);
        let mut problem: Option<Diagnostic> = None;
        for name in &wishes.needed {
            if search.musl && is_part_of_musl(name) || self.finds(&search, name, wishes)? {
                continue;
            }
            let fact = format!("`{name}`, which the image does not have where its loader looks");
            problem = Some(if let Some(problem) = problem {
                problem.note(format!("it needs {fact}, too"))
            } else {
                Diagnostic::error(
                    "zosc::build::missing-library",
                    format!("`{path}` needs {fact}"),
                )
                .help(self.advice(name)?)
                .note(format!("it looks in {}", search.folders.join(", ")))
            });
        }
        Ok(problem)
    }

    /// Whether a library is there for the same processor.
    fn finds(&mut self, search: &Search, name: &str, by: &Wishes) -> Result<bool, Diagnostic> {
        let places = if name.contains('/') {
            vec![name.to_owned()]
        } else {
            search
                .folders
                .iter()
                .map(|folder| format!("{folder}/{name}"))
                .collect()
        };
        for place in places {
            let Some((path, digest)) = self.file(&place).map(|(path, _, digest)| (path, digest))
            else {
                continue;
            };
            if self.wishes(&path, &digest)?.machine == by.machine {
                return Ok(true);
            }
        }
        // What loads a library may have loaded its libraries, and looked elsewhere.
        let is_there = |(path, _): (&ImagePath, &Entry)| path.file_name() == name;
        Ok(by.is_library && self.tree.iter().any(is_there))
    }

    /// What to do about a library that is not found: whether it is elsewhere, or under another name.
    fn advice(&mut self, name: &str) -> Result<String, Diagnostic> {
        let named = self.tree.iter().find(|(path, _)| path.file_name() == name);
        if let Some((path, entry)) = named {
            return Ok(format!(
                "it is at `{path}`, from {}: put it into `/usr/lib`, or link the program with `-Wl,-rpath,{}`",
                entry.origin,
                path.parent().unwrap_or_else(ImagePath::root)
            ));
        }
        let libraries = self
            .tree
            .iter()
            .filter_map(|(path, entry)| match entry.node {
                Node::File { digest, .. } if path.file_name().contains(".so") => {
                    Some((path.clone(), digest))
                }
                _ => None,
            });
        for (path, digest) in libraries.collect::<Vec<_>>() {
            if self.wishes(&path, &digest)?.name.as_deref() == Some(name) {
                let folder = path.parent().unwrap_or_else(ImagePath::root);
                return Ok(format!(
                    "`{path}` calls itself that: add `file \"{folder}/{name}\" link=\"{}\"`",
                    path.file_name()
                ));
            }
        }
        Ok(format!(
            "install the package that offers it (`zosc resolve \"so:{name}\"` names it), or link the program statically"
        ))
    }
}

/// What the bytes of a file ask for.
fn read(path: &ImagePath, bytes: &[u8]) -> Result<Wishes, Diagnostic> {
    if let Some(rest) = bytes.strip_prefix(b"#!") {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line.get(..line.len().min(255)).unwrap_or_default());
        return Ok(Wishes {
            interpreter: line.split_whitespace().next().map(str::to_owned),
            ..Wishes::default()
        });
    }
    if !elf::is_elf(bytes) {
        return Ok(Wishes::default());
    }
    let facts = elf::inspect(path.as_str(), bytes)?;
    Ok(Wishes {
        interpreter: facts.interpreter,
        needed: facts.needed,
        run_paths: facts.run_paths,
        machine: Some(format!("{} {:?}", facts.machine, facts.class)),
        name: facts.name,
        is_library: facts.kind == Kind::Library,
    })
}
