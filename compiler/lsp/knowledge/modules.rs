//! The modules of a kernel, from its own lists and from what each module says about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::kmod::{Kernel, module_name};

use super::arena::{Arena, Word};

/// Most modules that are kept: Linux has some 7,000.
const MOST_MODULES: usize = 60_000;
/// How much of a description is kept, in bytes.
const LONGEST_DESCRIPTION: u16 = 200;
/// How much of a name is kept, in bytes.
const LONGEST_NAME: u16 = 255;
/// Most firmware files of one module that are kept.
const MOST_FIRMWARE: usize = 200;

/// What is known of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFacts<'a> {
    /// Its name, with `_` for `-`.
    pub name: &'a str,
    /// Bytes of its file; 0 for one that is built in.
    pub size: u64,
    /// Modules that are loaded before it, in the order of loading.
    pub dependencies: Vec<&'a str>,
    /// Firmware that it may ask for, below `/lib/firmware`.
    pub firmware: Vec<&'a str>,
    /// What it says it is.
    pub description: &'a str,
    /// Whether it is part of the kernel itself.
    pub builtin: bool,
}

/// All modules of a kernel.
#[derive(Debug, Clone, Default)]
pub struct Modules {
    words: Arena,
    release: String,
    /// By name.
    all: Vec<Module>,
}

#[derive(Debug, Clone, Default)]
struct Module {
    name: Word,
    description: Word,
    size: u64,
    builtin: bool,
    dependencies: Box<[Word]>,
    firmware: Box<[Word]>,
}

/// Of which modules it is read what they say about themselves.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'a> {
    /// Of these, and of those that they need.
    Named(&'a BTreeSet<String>),
    /// Of all.
    All,
}

impl Modules {
    /// The modules of a kernel; `cancel` leaves the rest unread.
    pub fn of(kernel: &Kernel<'_>, reading: Reading<'_>, cancel: &AtomicBool) -> Self {
        let mut found = Self {
            release: kernel.release().to_owned(),
            ..Self::default()
        };
        let built_in: BTreeSet<&str> = kernel.built_in().collect();
        let names: BTreeSet<&str> = kernel.modules().chain(built_in.iter().copied()).collect();
        let names: Vec<&str> = names.into_iter().take(MOST_MODULES).collect();
        let words: BTreeMap<&str, Word> = names
            .iter()
            .map(|name| (*name, found.words.keep(name, LONGEST_NAME)))
            .collect();
        let wanted = wanted(kernel, reading);
        for name in names {
            let is_file = kernel.path(name).is_some();
            let mut module = Module {
                name: words.get(name).copied().unwrap_or_default(),
                size: kernel.size(name),
                builtin: !is_file,
                ..Module::default()
            };
            if is_file {
                let needs = kernel.needs(name).unwrap_or_default();
                let needs = needs.iter().filter_map(|name| words.get(name.as_str()));
                module.dependencies = needs.copied().collect();
            }
            let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
            if is_wanted && !cancel.load(Ordering::Relaxed) {
                found.describe(&mut module, kernel, name);
            }
            found.all.push(module);
        }
        found.words.finish();
        found
    }

    /// Takes over what a module says about itself.
    fn describe(&mut self, module: &mut Module, kernel: &Kernel<'_>, name: &str) {
        let info = if module.builtin {
            let values = |key: &'static str| {
                let values = kernel.built_in_values(name, key);
                values.map(move |value| (key.to_owned(), value.to_owned()))
            };
            values("description").chain(values("firmware")).collect()
        } else {
            kernel.info(name).unwrap_or_default()
        };
        let values = |wanted: &'static str| {
            let values = info.iter().filter(move |(key, _)| key == wanted);
            values.map(|(_, value)| value.as_str())
        };
        if let Some(text) = values("description").next() {
            module.description = self.words.keep(text, LONGEST_DESCRIPTION);
        }
        module.firmware = values("firmware")
            .take(MOST_FIRMWARE)
            .map(|file| self.words.keep(file, LONGEST_NAME))
            .collect();
    }

    /// The kernel's release, as `uname -r` prints it.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The modules whose names begin with a text, `-` and `_` taken for the same, by name.
    pub fn starting_with(&self, prefix: &str) -> impl Iterator<Item = ModuleFacts<'_>> {
        let prefix = prefix.replace('-', "_");
        let start = self
            .all
            .partition_point(|module| self.words.get(module.name) < prefix.as_str());
        let behind = self.all.iter().skip(start);
        behind
            .take_while(move |module| self.words.get(module.name).starts_with(&prefix))
            .map(|module| self.facts(module))
    }

    /// The module of a name, `-` and `_` taken for the same.
    pub fn get(&self, name: &str) -> Option<ModuleFacts<'_>> {
        let name = module_name(name);
        let found = self
            .all
            .binary_search_by(|module| self.words.get(module.name).cmp(&name));
        self.all.get(found.ok()?).map(|module| self.facts(module))
    }

    /// How many modules there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn facts(&self, module: &Module) -> ModuleFacts<'_> {
        let texts = |words: &[Word]| words.iter().map(|word| self.words.get(*word)).collect();
        ModuleFacts {
            name: self.words.get(module.name),
            size: module.size,
            dependencies: texts(&module.dependencies),
            firmware: texts(&module.firmware),
            description: self.words.get(module.description),
            builtin: module.builtin,
        }
    }
}

/// The names of the modules that are to be read; `None` where all are.
fn wanted(kernel: &Kernel<'_>, reading: Reading<'_>) -> Option<BTreeSet<String>> {
    let Reading::Named(names) = reading else {
        return None;
    };
    let mut wanted: BTreeSet<String> = names.iter().map(|name| module_name(name)).collect();
    for name in names {
        wanted.extend(kernel.needs(&module_name(name)).unwrap_or_default());
    }
    Some(wanted)
}
