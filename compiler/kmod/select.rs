//! The closure of some modules, in load order.

use std::collections::{BTreeMap, BTreeSet};

use super::Kernel;
use super::kernel::Meaning;
use crate::diagnostic::{Diagnostic, nearest};
use crate::tree::ImagePath;

/// Why a module is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It was asked for, by this name or alias.
    Asked(String),
    /// The named module cannot be loaded without it.
    NeededBy(String),
    /// The named module works better with it (`softdep`).
    WantedBy(String),
}

/// One module of a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Its normal name.
    pub name: String,
    /// Its file.
    pub path: ImagePath,
    /// Why it is there.
    pub why: Why,
}

/// A name that turned out to be part of the kernel itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuiltIn {
    /// The name as it was asked for or listed.
    pub asked: String,
    /// The built-in module.
    pub name: String,
}

/// A name that a module mentions and the kernel does not have; loading works without it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The module that mentions it.
    pub module: String,
    /// The name.
    pub name: String,
}

/// Firmware that modules of a closure may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFirmware {
    /// The file below `/lib/firmware`, or a pattern.
    pub name: String,
    /// The modules that name it, sorted.
    pub by: BTreeSet<String>,
}

/// A closure of modules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// In an order in which they can be loaded.
    pub modules: Vec<Selected>,
    /// What was asked for or needed and is part of the kernel.
    pub built_in: BTreeSet<BuiltIn>,
    /// Firmware by name.
    pub firmware: Vec<WantedFirmware>,
    /// Soft dependencies that the kernel does not have.
    pub missing_soft: BTreeSet<Missing>,
    /// Weak dependencies (`weakdep`): noted, never followed.
    pub weak: BTreeSet<Missing>,
}

/// A name that cannot be selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectError {
    /// The name as it was asked for.
    pub name: String,
    /// What is wrong with it.
    pub diagnostic: Diagnostic,
}

impl Kernel<'_> {
    /// All modules that there are. Nothing is said of what they need, which is among them or not there at all.
    pub fn everything(&self) -> Selection {
        let modules = self.modules().filter_map(|name| {
            Some(Selected {
                name: name.to_owned(),
                path: self.path(name)?.clone(),
                why: Why::Asked(name.to_owned()),
            })
        });
        Selection {
            modules: modules.collect(),
            ..Selection::default()
        }
    }

    /// The modules that the names stand for, all that they need, and soft dependencies where they exist.
    ///
    /// Names may be written with `-` or `_` and may be aliases; an alias stands for every module that it matches. The
    /// order follows the order of names, with needs first: a module comes after all that it needs, after what it
    /// wants before it, and before what it wants after it, as far as needs allow.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Result<Selection, Vec<SelectError>> {
        let mut closure = Closure::new(self);
        let mut errors = Vec::new();
        for name in names.iter().map(AsRef::as_ref) {
            if let Err(diagnostic) = closure.ask(name) {
                errors.push(SelectError {
                    name: name.to_owned(),
                    diagnostic,
                });
            }
        }
        if errors.is_empty() {
            Ok(closure.finish())
        } else {
            Err(errors)
        }
    }
}

/// What is left to do, the next thing last.
enum Step {
    Enter(String, Why),
    Leave(String, Why),
}

struct Closure<'a> {
    kernel: &'a Kernel<'a>,
    selection: Selection,
    entered: BTreeSet<String>,
    left: BTreeSet<String>,
    firmware: BTreeMap<String, BTreeSet<String>>,
    /// Soft dependencies that need a module which was open when their turn came.
    deferred: Vec<(String, Why)>,
}

impl<'a> Closure<'a> {
    fn new(kernel: &'a Kernel<'a>) -> Self {
        Self {
            kernel,
            selection: Selection::default(),
            entered: BTreeSet::new(),
            left: BTreeSet::new(),
            firmware: BTreeMap::new(),
            deferred: Vec::new(),
        }
    }

    fn ask(&mut self, asked: &str) -> Result<(), Diagnostic> {
        match self.kernel.meaning(asked)? {
            Meaning::Unknown => return Err(unknown(self.kernel, asked)),
            Meaning::BuiltIn(name) => self.note_built_in(asked, name),
            Meaning::Modules(names) => {
                for name in names {
                    let why = Why::Asked(asked.to_owned());
                    match self.selection.modules.iter_mut().find(|m| m.name == name) {
                        Some(known) if !matches!(known.why, Why::Asked(_)) => known.why = why,
                        Some(_) => {}
                        None => self.walk(name, why)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn walk(&mut self, name: String, why: Why) -> Result<(), Diagnostic> {
        self.walk_down(name, why)?;
        // Nothing is open now, so what had to wait need not wait any more.
        while let Some((name, why)) = self.deferred.pop() {
            self.walk_down(name, why)?;
        }
        Ok(())
    }

    /// Depth first, with a stack of its own: chains in a hostile folder may be long.
    fn walk_down(&mut self, name: String, why: Why) -> Result<(), Diagnostic> {
        let mut steps = vec![Step::Enter(name, why)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(name, why) => {
                    if self.entered.contains(&name) {
                        continue;
                    }
                    // Needs come before wishes: a wished-for module that needs one on the way here would be loaded
                    // before it.
                    if matches!(why, Why::WantedBy(_)) && self.waits_for_what_is_open(&name)? {
                        self.deferred.push((name, why));
                        continue;
                    }
                    self.enter(name, why, &mut steps)?;
                }
                Step::Leave(name, why) => self.leave(name, why)?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, name: String, why: Why, steps: &mut Vec<Step>) -> Result<(), Diagnostic> {
        self.entered.insert(name.clone());
        let facts = self.kernel.facts(&name)?;
        let (before, after) = facts.soft_depends();
        let mut first = self.wishes(&name, before)?;
        for needed in self.kernel.needs(&name)? {
            if let Some(module) = self.hard(&name, needed)? {
                first.push(Step::Enter(module, Why::NeededBy(name.clone())));
            }
        }
        let last = self.wishes(&name, after)?;
        steps.extend(last.into_iter().rev());
        steps.push(Step::Leave(name, why));
        steps.extend(first.into_iter().rev());
        Ok(())
    }

    fn wishes(&mut self, module: &str, wanted: Vec<String>) -> Result<Vec<Step>, Diagnostic> {
        let mut steps = Vec::new();
        for wanted in wanted {
            for found in self.soft(module, &wanted)? {
                steps.push(Step::Enter(found, Why::WantedBy(module.to_owned())));
            }
        }
        Ok(steps)
    }

    fn leave(&mut self, name: String, why: Why) -> Result<(), Diagnostic> {
        let facts = self.kernel.facts(&name)?;
        for firmware in facts.values("firmware") {
            let by = self.firmware.entry(firmware.to_owned()).or_default();
            by.insert(name.clone());
        }
        for weak in facts
            .values("weakdep")
            .flat_map(str::split_ascii_whitespace)
        {
            self.selection.weak.insert(Missing {
                module: name.clone(),
                name: weak.to_owned(),
            });
        }
        if let Some(path) = self.kernel.path(&name) {
            self.left.insert(name.clone());
            self.selection.modules.push(Selected {
                path: path.clone(),
                name,
                why,
            });
        }
        Ok(())
    }

    fn hard(&mut self, module: &str, needed: String) -> Result<Option<String>, Diagnostic> {
        match self.kernel.meaning(&needed)? {
            Meaning::Modules(names) if names.contains(&needed) => Ok(Some(needed)),
            Meaning::BuiltIn(name) => {
                self.note_built_in(&needed, name);
                Ok(None)
            }
            Meaning::Modules(_) | Meaning::Unknown => Err(Diagnostic::error(
                "zosc::kmod::missing-module",
                format!("the module `{module}` needs `{needed}`, which the kernel does not have"),
            )
            .help("get the kernel's modules again, complete: the image and its modules come from one build")),
        }
    }

    fn soft(&mut self, module: &str, wanted: &str) -> Result<Vec<String>, Diagnostic> {
        match self.kernel.meaning(wanted)? {
            Meaning::Modules(names) => return Ok(names),
            Meaning::BuiltIn(name) => self.note_built_in(wanted, name),
            Meaning::Unknown => {
                self.selection.missing_soft.insert(Missing {
                    module: module.to_owned(),
                    name: wanted.to_owned(),
                });
            }
        }
        Ok(Vec::new())
    }

    /// Whether a module needs, however indirectly, one that is entered and not yet loaded.
    fn waits_for_what_is_open(&self, module: &str) -> Result<bool, Diagnostic> {
        let mut seen = BTreeSet::new();
        let mut pending = vec![module.to_owned()];
        while let Some(name) = pending.pop() {
            if self.left.contains(&name) || !seen.insert(name.clone()) {
                continue;
            }
            if self.entered.contains(&name) {
                return Ok(true);
            }
            if self.kernel.path(&name).is_some() {
                pending.extend(self.kernel.needs(&name)?);
            }
        }
        Ok(false)
    }

    fn note_built_in(&mut self, asked: &str, name: String) {
        for firmware in self.kernel.built_in_values(&name, "firmware") {
            let by = self.firmware.entry(firmware.to_owned()).or_default();
            by.insert(name.clone());
        }
        self.selection.built_in.insert(BuiltIn {
            asked: asked.to_owned(),
            name,
        });
    }

    fn finish(self) -> Selection {
        let mut selection = self.selection;
        selection.firmware = self
            .firmware
            .into_iter()
            .map(|(name, by)| WantedFirmware { name, by })
            .collect();
        selection
    }
}

fn unknown(kernel: &Kernel<'_>, asked: &str) -> Diagnostic {
    let names = || kernel.modules().chain(kernel.built_in());
    let diagnostic = Diagnostic::error(
        "zosc::kmod::unknown-module",
        format!("kernel {} has no module `{asked}`", kernel.release()),
    );
    let normal = asked.replace('-', "_");
    if let Some(name) = nearest(&normal, names()) {
        return diagnostic.help(format!("did you mean `{name}`?"));
    }
    let similar: Vec<&str> = names()
        .filter(|name| !normal.is_empty() && name.contains(&normal))
        .take(5)
        .collect();
    let diagnostic = similar.iter().fold(diagnostic, |diagnostic, name| {
        diagnostic.note(format!("there is `{name}`"))
    });
    diagnostic.help(
        "remove it, or take a kernel that is configured with it; not every kernel has every driver",
    )
}
