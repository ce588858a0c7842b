//! A kernel's module folder, indexed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::module::{self, ModuleFacts, info};
use super::name::{alias_matches, module_name, normal_alias};
use crate::diagnostic::Diagnostic;
use crate::tree::{ImagePath, Node, Store, Tree};

/// The largest of the text files beside the modules that is read.
const LARGEST_TEXT: u64 = 64 << 20;

/// The modules of one kernel.
pub struct Kernel<'a> {
    pub(super) tree: &'a Tree,
    pub(super) store: &'a Store,
    pub(super) directory: ImagePath,
    release: String,
    /// Files by module name; `updates/` wins over the rest, then the first path.
    modules: BTreeMap<String, ImagePath>,
    /// Built-in modules and what they say about themselves.
    built_in: BTreeMap<String, Vec<(String, String)>>,
    /// Direct and indirect needs by module name, as `modules.dep` lists them, where there is one.
    dependencies: Option<BTreeMap<String, Vec<String>>>,
    /// Patterns and module names, from `modules.alias` where there is one, else from the modules when first needed.
    aliases: Mutex<Option<Aliases>>,
    read: Mutex<BTreeMap<ImagePath, Arc<ModuleFacts>>>,
}

/// Patterns and the modules that they stand for.
type Aliases = Arc<Vec<(String, String)>>;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Modules with files.
    Modules(Vec<String>),
    /// Part of the kernel itself.
    BuiltIn(String),
    /// Nothing in this kernel.
    Unknown,
}

impl<'a> Kernel<'a> {
    /// Indexes the only folder with modules below `/lib/modules` or `/usr/lib/modules`.
    pub fn read(tree: &'a Tree, store: &'a Store) -> Result<Self, Diagnostic> {
        let directory = only_release(tree)?;
        let mut kernel = Self {
            tree,
            store,
            release: directory.file_name().to_owned(),
            directory,
            modules: BTreeMap::new(),
            built_in: BTreeMap::new(),
            dependencies: None,
            aliases: Mutex::new(None),
            read: Mutex::new(BTreeMap::new()),
        };
        kernel.find_modules();
        kernel.find_built_in()?;
        kernel.dependencies = kernel.text("modules.dep")?.map(|text| dependencies(&text));
        if let Some(text) = kernel.text("modules.alias")? {
            kernel.aliases = Mutex::new(Some(Arc::new(aliases(&text))));
        }
        Ok(kernel)
    }

    /// The release, as `uname -r` will say it.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The folder that holds the modules.
    pub fn directory(&self) -> &ImagePath {
        &self.directory
    }

    /// Names of modules with files, sorted.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// Names of built-in modules, sorted.
    pub fn built_in(&self) -> impl Iterator<Item = &str> {
        self.built_in.keys().map(String::as_str)
    }

    /// The file of a module, by its normal name.
    pub fn path(&self, name: &str) -> Option<&ImagePath> {
        self.modules.get(name)
    }

    /// What the module with this normal name says about itself.
    pub fn facts(&self, name: &str) -> Result<Arc<ModuleFacts>, Diagnostic> {
        let path = self.modules.get(name).ok_or_else(|| gone(name))?;
        self.facts_at(path)
    }

    /// The size of a module's file, by its normal name; 0 where there is none.
    pub fn size(&self, name: &str) -> u64 {
        let path = self.modules.get(name);
        let found = path.and_then(|path| self.tree.resolve(path));
        match found.map(|(_, entry)| &entry.node) {
            Some(Node::File { size, .. }) => *size,
            _ => 0,
        }
    }

    /// The `.modinfo` of the module with this normal name; unlike [`facts`](Self::facts), nothing is remembered.
    pub fn info(&self, name: &str) -> Result<Vec<(String, String)>, Diagnostic> {
        let path = self.modules.get(name).ok_or_else(|| gone(name))?;
        match self.tree.resolve(path).map(|(_, entry)| &entry.node) {
            Some(Node::File { digest, .. }) => {
                module::read_info(path.as_str(), &self.store.get(digest)?)
            }
            _ => Err(gone(path.as_str())),
        }
    }

    pub(super) fn facts_at(&self, path: &ImagePath) -> Result<Arc<ModuleFacts>, Diagnostic> {
        let read = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = read().get(path) {
            return Ok(Arc::clone(facts));
        }
        let Some((_, entry)) = self.tree.resolve(path) else {
            return Err(gone(path.as_str()));
        };
        let Node::File { digest, .. } = entry.node else {
            return Err(gone(path.as_str()));
        };
        let facts = Arc::new(ModuleFacts::read(path.as_str(), &self.store.get(&digest)?)?);
        // Several threads may read modules at once.
        read().insert(path.clone(), Arc::clone(&facts));
        Ok(facts)
    }

    /// What a built-in module says about itself under a key.
    pub fn built_in_values<'b>(
        &'b self,
        name: &str,
        key: &'b str,
    ) -> impl Iterator<Item = &'b str> {
        self.built_in
            .get(name)
            .into_iter()
            .flatten()
            .filter(move |(found, _)| found == key)
            .map(|(_, value)| value.as_str())
    }

    /// The names that must be loaded before a module; an order that respects their own needs is not promised.
    pub fn needs(&self, name: &str) -> Result<Vec<String>, Diagnostic> {
        let listed = self
            .dependencies
            .as_ref()
            .and_then(|dependencies| dependencies.get(name));
        match listed {
            // modprobe loads the list from its end.
            Some(names) => Ok(names.iter().rev().cloned().collect()),
            None => Ok(self.facts(name)?.depends()),
        }
    }

    /// What a name or alias stands for, with `-` and `_` taken for the same.
    pub fn meaning(&self, asked: &str) -> Result<Meaning, Diagnostic> {
        let Some(name) = normal_alias(asked) else {
            return Ok(Meaning::Unknown);
        };
        if self.modules.contains_key(&name) {
            return Ok(Meaning::Modules(vec![name]));
        }
        if self.built_in.contains_key(&name) {
            return Ok(Meaning::BuiltIn(name));
        }
        let mut found: Vec<String> = self
            .all_aliases()?
            .iter()
            .filter(|(pattern, _)| alias_matches(pattern, &name))
            .map(|(_, module)| module.clone())
            .filter(|module| self.modules.contains_key(module))
            .collect();
        found.sort();
        found.dedup();
        if !found.is_empty() {
            return Ok(Meaning::Modules(found));
        }
        Ok(self
            .built_in
            .iter()
            .find(|(_, info)| {
                info.iter().any(|(key, value)| {
                    key == "alias"
                        && normal_alias(value).is_some_and(|value| alias_matches(&value, &name))
                })
            })
            .map_or(Meaning::Unknown, |(module, _)| {
                Meaning::BuiltIn(module.clone())
            }))
    }

    fn all_aliases(&self) -> Result<Aliases, Diagnostic> {
        let mut known = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(aliases) = &*known {
            return Ok(Arc::clone(aliases));
        }
        let mut found = Vec::new();
        for name in self.modules.keys() {
            for alias in self.facts(name)?.values("alias") {
                if let Some(alias) = normal_alias(alias) {
                    found.push((alias, name.clone()));
                }
            }
        }
        let found = Arc::new(found);
        *known = Some(Arc::clone(&found));
        Ok(found)
    }

    fn find_modules(&mut self) {
        let updates = self.directory.join("updates").ok();
        let preferred = |path: &ImagePath| {
            updates
                .as_ref()
                .is_some_and(|updates| path.starts_with(updates))
        };
        for (path, entry) in self.tree.iter() {
            let below = path.starts_with(&self.directory);
            if !below || entry.is_directory() || !is_module(path.file_name()) {
                continue;
            }
            let name = module_name(path.file_name());
            let better = self
                .modules
                .get(&name)
                .is_none_or(|known| preferred(path) && !preferred(known));
            if better {
                self.modules.insert(name, path.clone());
            }
        }
    }

    fn find_built_in(&mut self) -> Result<(), Diagnostic> {
        for line in self.text("modules.builtin")?.unwrap_or_default().lines() {
            if !line.is_empty() {
                self.built_in.entry(module_name(line)).or_default();
            }
        }
        if let Some(bytes) = self.bytes("modules.builtin.modinfo")? {
            // `module.key=value`, each ended by NUL.
            for (key, value) in info(&bytes) {
                if let Some((module, key)) = key.split_once('.') {
                    let known = self.built_in.entry(module_name(module)).or_default();
                    known.push((key.to_owned(), value));
                }
            }
        }
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        Ok(self
            .bytes(name)?
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A file beside the modules.
    pub(super) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        let found = self
            .directory
            .join(name)
            .ok()
            .and_then(|path| self.tree.resolve(&path));
        let Some((path, entry)) = found else {
            return Ok(None);
        };
        match entry.node {
            Node::File { size, .. } if size > LARGEST_TEXT => Err(Diagnostic::error(
                "zosc::kmod::too-large",
                format!("`{path}` has {size} bytes, more than any kernel's list of modules"),
            )
            .help("get the kernel's modules again")),
            Node::File { digest, .. } => self.store.get(&digest).map(Some),
            _ => Ok(None),
        }
    }
}

fn only_release(tree: &Tree) -> Result<ImagePath, Diagnostic> {
    let mut found: Vec<ImagePath> = Vec::new();
    for (path, _) in tree.iter() {
        let parts: Vec<&str> = path.components().collect();
        let release = match parts.as_slice() {
            ["lib", "modules", release, .., _] => format!("/lib/modules/{release}"),
            ["usr", "lib", "modules", release, .., _] => format!("/usr/lib/modules/{release}"),
            _ => continue,
        };
        if let Ok(release) = ImagePath::new(&release)
            && !found.contains(&release)
        {
            found.push(release);
        }
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Diagnostic::error(
            "zosc::kmod::no-modules",
            "the kernel brings no folder `/lib/modules/RELEASE`",
        )
        .help("name the kernel package or archive that holds the modules too, not only the kernel image")),
        several => Err(several.iter().fold(
            Diagnostic::error(
                "zosc::kmod::several-kernels",
                format!("there are modules for {} kernels, and an image has one", several.len()),
            )
            .help("leave one kernel package"),
            |diagnostic, path| diagnostic.note(format!("`{path}`")),
        )),
    }
}

fn is_module(file: &str) -> bool {
    [".ko", ".ko.gz", ".ko.xz", ".ko.zst"]
        .iter()
        .any(|ending| file.ends_with(ending))
}

/// `PATH: PATH PATH`, a module a line.
fn dependencies(text: &str) -> BTreeMap<String, Vec<String>> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(module, needs)| {
            let needs = needs.split_ascii_whitespace().map(module_name).collect();
            (module_name(module), needs)
        })
        .collect()
}

/// `alias PATTERN MODULE`, one a line.
fn aliases(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("alias"), Some(pattern), Some(module)) => {
                    Some((normal_alias(pattern)?, module_name(module)))
                }
                _ => None,
            }
        })
        .collect()
}

fn gone(name: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::kmod::missing-module",
        format!("the kernel's own lists name the module `{name}`, and there is no such file"),
    )
    .help("get the kernel's modules again, complete: the image and its modules come from one build")
}
