//! The index files that modprobe reads, for a selection of modules.
//!
//! Text files serve busybox, the `.bin` files kmod. Both are what `depmod` (kmod 30) writes for a folder that holds
//! these modules alone, apart from the order of lines in `modules.symbols`, where depmod's follows its hash table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::index::Index;
use super::name::{module_name, normal_alias};
use super::{Kernel, ModuleFacts, Selection};
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Origin, Tree};

/// One file for the folder of the modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepmodFile {
    /// Its name in `/lib/modules/RELEASE`.
    pub name: &'static str,
    /// Its content.
    pub content: Vec<u8>,
}

/// The index files for a selection, sorted by name.
pub fn depmod(kernel: &Kernel<'_>, selection: &Selection) -> Result<Vec<DepmodFile>, Diagnostic> {
    let modules = Modules::read(kernel, selection)?;
    let mut files = Vec::from(modules.dependencies()?);
    files.extend(modules.aliases()?);
    files.extend(modules.symbols()?);
    files.extend(modules.texts());
    files.extend(built_in(kernel)?);
    if let Some(order) = kernel.text("modules.order")? {
        let chosen: BTreeSet<&str> = modules.list.iter().map(Module::plain).collect();
        let kept = order.lines().filter(|line| chosen.contains(line));
        files.push(text("modules.order", kept.map(str::to_owned)));
    }
    files.sort_by_key(|file| file.name);
    Ok(files)
}

impl Kernel<'_> {
    /// The tree of a selection: its modules where the kernel has them, the directories above, and [`depmod`]'s files.
    ///
    /// The files get time `mtime` (seconds since 1970) and `origin`; modules keep their own.
    pub fn tree_of(
        &self,
        selection: &Selection,
        mtime: u64,
        origin: &Origin,
    ) -> Result<Tree, Diagnostic> {
        let mut tree = Tree::new();
        for module in &selection.modules {
            let Some((_, entry)) = self.tree.resolve(&module.path) else {
                continue;
            };
            let mut above = module.path.parent();
            while let Some(parent) = above.filter(|parent| !parent.is_root()) {
                if let Some(directory) = self.tree.get(&parent) {
                    tree.insert(parent.clone(), directory.clone());
                }
                above = parent.parent();
            }
            tree.insert_with_parents(module.path.clone(), entry.clone());
        }
        for file in depmod(self, selection)? {
            let digest = self.store.put(&file.content)?;
            let size = file.content.len() as u64;
            if let Ok(path) = self.directory.join(file.name) {
                let entry = Entry::file(digest, size, 0o644, mtime, origin.clone());
                tree.insert_with_parents(path, entry);
            }
        }
        Ok(tree)
    }
}

struct Module {
    name: String,
    /// Below the folder of the modules.
    relative: String,
    facts: Arc<ModuleFacts>,
    /// Indices of modules that it needs directly, in the order of its symbols.
    needs: Vec<usize>,
}

impl Module {
    /// The path without the ending of a compression, as `modules.order` has it.
    fn plain(&self) -> &str {
        [".gz", ".xz", ".zst"]
            .iter()
            .find_map(|ending| self.relative.strip_suffix(ending))
            .unwrap_or(&self.relative)
    }
}

struct Modules {
    /// In the order of `modules.order`, then by path; the index is kmod's priority.
    list: Vec<Module>,
    /// Who offers each symbol.
    owners: BTreeMap<String, usize>,
    /// Place of each module in the sort that puts users before what they use.
    rank: Vec<usize>,
}

impl Modules {
    fn read(kernel: &Kernel<'_>, selection: &Selection) -> Result<Self, Diagnostic> {
        let order: BTreeMap<String, usize> = kernel
            .text("modules.order")?
            .unwrap_or_default()
            .lines()
            .enumerate()
            .map(|(index, line)| (line.to_owned(), index))
            .collect();
        let mut list = Vec::new();
        for selected in &selection.modules {
            list.push(Module {
                name: selected.name.clone(),
                relative: relative(&kernel.directory, &selected.path),
                facts: kernel.facts_at(&selected.path)?,
                needs: Vec::new(),
            });
        }
        list.sort_by(|one, other| {
            let place = |module: &Module| order.get(module.plain()).copied().unwrap_or(usize::MAX);
            (place(one), &one.relative).cmp(&(place(other), &other.relative))
        });
        let mut modules = Self {
            list,
            owners: BTreeMap::new(),
            rank: Vec::new(),
        };
        modules.bind();
        modules.rank = modules.ranks();
        Ok(modules)
    }

    /// Finds who offers the symbols that each module expects; of two offers the later one counts.
    fn bind(&mut self) {
        for (index, module) in self.list.iter().enumerate() {
            for symbol in &module.facts.exports {
                self.owners.insert(symbol.clone(), index);
            }
        }
        let names: BTreeMap<String, usize> = self
            .list
            .iter()
            .enumerate()
            .map(|(index, module)| (module.name.clone(), index))
            .collect();
        for (index, module) in self.list.iter_mut().enumerate() {
            let by_symbol = module
                .facts
                .imports
                .iter()
                .map(|name| self.owners.get(name));
            let mut seen = BTreeSet::from([index]);
            let mut needs: Vec<usize> = Vec::new();
            needs.extend(by_symbol.flatten().filter(|owner| seen.insert(**owner)));
            // A stripped symbol table tells nothing; what modpost wrote does.
            let written = module.facts.depends();
            needs.extend(
                written
                    .iter()
                    .filter_map(|name| names.get(name))
                    .filter(|owner| seen.insert(**owner)),
            );
            module.needs = needs;
        }
    }

    /// Kahn's algorithm with a stack, starting from modules that nobody uses, as depmod sorts.
    fn ranks(&self) -> Vec<usize> {
        let mut users = vec![0_usize; self.list.len()];
        for needed in self.list.iter().flat_map(|module| &module.needs) {
            users[*needed] += 1;
        }
        let mut ready: Vec<usize> = (0..users.len())
            .filter(|index| users[*index] == 0)
            .collect();
        // Modules in a circle cannot be loaded at all; they come last.
        let mut rank = vec![usize::MAX; users.len()];
        let mut next = 0;
        while let Some(index) = ready.pop() {
            rank[index] = next;
            next += 1;
            for needed in &self.list[index].needs {
                users[*needed] -= 1;
                if users[*needed] == 0 {
                    ready.push(*needed);
                }
            }
        }
        rank
    }

    /// All that a module needs, users before what they use.
    fn all_needs(&self, index: usize) -> Vec<usize> {
        let mut found = BTreeSet::new();
        let mut pending = self.list[index].needs.clone();
        while let Some(needed) = pending.pop() {
            if found.insert(needed) {
                pending.extend(&self.list[needed].needs);
            }
        }
        let mut sorted: Vec<usize> = found.into_iter().collect();
        sorted.sort_by_key(|needed| self.rank[*needed]);
        sorted
    }

    fn dependencies(&self) -> Result<[DepmodFile; 2], Diagnostic> {
        let mut index = Index::default();
        let mut lines = Vec::new();
        for (priority, module) in self.list.iter().enumerate() {
            let mut line = format!("{}:", module.relative);
            for needed in self.all_needs(priority) {
                line.push(' ');
                line.push_str(&self.list[needed].relative);
            }
            index.insert(&module.name, &line, priority as u32);
            lines.push(line);
        }
        Ok([
            text("modules.dep", lines),
            binary("modules.dep.bin", &index)?,
        ])
    }

    fn aliases(&self) -> Result<[DepmodFile; 2], Diagnostic> {
        let mut index = Index::default();
        let mut lines = vec!["# Aliases extracted from modules themselves.".to_owned()];
        for (priority, module) in self.list.iter().enumerate() {
            for alias in module.facts.values("alias") {
                lines.push(format!("alias {alias} {}", module.name));
                if let Some(alias) = normal_alias(alias) {
                    index.insert(&alias, &module.name, priority as u32);
                }
            }
        }
        Ok([
            text("modules.alias", lines),
            binary("modules.alias.bin", &index)?,
        ])
    }

    fn symbols(&self) -> Result<[DepmodFile; 2], Diagnostic> {
        let mut index = Index::default();
        let mut lines = vec!["# Aliases for symbols, used by symbol_request().".to_owned()];
        for (symbol, owner) in &self.owners {
            let name = &self.list[*owner].name;
            lines.push(format!("alias symbol:{symbol} {name}"));
            index.insert(&format!("symbol:{symbol}"), name, *owner as u32);
        }
        Ok([
            text("modules.symbols", lines),
            binary("modules.symbols.bin", &index)?,
        ])
    }

    /// What exists as text only: soft and weak dependencies, device nodes.
    fn texts(&self) -> Vec<DepmodFile> {
        let listed = |key: &'static str, head: &str| {
            let lines = self.list.iter().flat_map(|module| {
                let values = module.facts.values(key);
                values.map(move |value| format!("{key} {} {value}", module.name))
            });
            let head = format!("# {head} dependencies extracted from modules themselves.");
            std::iter::once(head).chain(lines).collect::<Vec<_>>()
        };
        let mut files = vec![text("modules.softdep", listed("softdep", "Soft"))];
        let weak = listed("weakdep", "Weak");
        if weak.len() > 1 {
            files.push(text("modules.weakdep", weak));
        }
        let mut nodes: Vec<String> = self.list.iter().filter_map(device_node).collect();
        if !nodes.is_empty() {
            let head = "# Device nodes to trigger on-demand module loading.";
            nodes.insert(0, head.to_owned());
        }
        files.push(text("modules.devname", nodes));
        files
    }
}

/// `NAME NODE cMAJOR:MINOR`, for a module whose aliases name both a node and its numbers.
fn device_node(module: &Module) -> Option<String> {
    let mut node = None;
    let mut numbers = None;
    for alias in module.facts.values("alias") {
        if let Some(name) = alias.strip_prefix("devname:") {
            node = Some(name);
        } else if let Some(found) = device_numbers(alias, "char-major-", 'c')
            .or_else(|| device_numbers(alias, "block-major-", 'b'))
        {
            numbers = Some(found);
        }
        if let (Some(node), Some(numbers)) = (node, &numbers) {
            return Some(format!("{} {node} {numbers}", module.name));
        }
    }
    None
}

fn device_numbers(alias: &str, prefix: &str, kind: char) -> Option<String> {
    let (major, minor) = alias.strip_prefix(prefix)?.split_once('-')?;
    let digits = minor.len() - minor.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let major: u32 = major.parse().ok()?;
    let minor: u32 = minor.get(..digits)?.parse().ok()?;
    Some(format!("{kind}{major}:{minor}"))
}

/// What the kernel brings about its built-in modules, and kmod's indexes of that.
fn built_in(kernel: &Kernel<'_>) -> Result<Vec<DepmodFile>, Diagnostic> {
    let mut files = Vec::new();
    if let Some(content) = kernel.bytes("modules.builtin")? {
        let mut index = Index::default();
        for line in String::from_utf8_lossy(&content).lines() {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                index.insert(&module_name(line), "", 0);
            }
        }
        files.push(binary("modules.builtin.bin", &index)?);
        files.push(DepmodFile {
            name: "modules.builtin",
            content,
        });
    }
    if let Some(content) = kernel.bytes("modules.builtin.modinfo")? {
        let mut index = Index::default();
        for (key, alias) in super::module::info(&content) {
            if let Some((module, "alias")) = key.split_once('.')
                && let Some(alias) = normal_alias(&alias)
            {
                index.insert(&alias, module, 0);
            }
        }
        files.push(binary("modules.builtin.alias.bin", &index)?);
        files.push(DepmodFile {
            name: "modules.builtin.modinfo",
            content,
        });
    }
    Ok(files)
}

fn relative(directory: &ImagePath, path: &ImagePath) -> String {
    path.as_str()
        .strip_prefix(directory.as_str())
        .unwrap_or(path.as_str())
        .trim_start_matches('/')
        .to_owned()
}

fn text(name: &'static str, lines: impl IntoIterator<Item = String>) -> DepmodFile {
    let mut content = String::new();
    for line in lines {
        content.push_str(&line);
        content.push('\n');
    }
    DepmodFile {
        name,
        content: content.into_bytes(),
    }
}

fn binary(name: &'static str, index: &Index) -> Result<DepmodFile, Diagnostic> {
    let content = index.encode().ok_or_else(|| {
        Diagnostic::error(
            "zosc::kmod::too-large",
            format!("`{name}` for these modules would be larger than its format can be"),
        )
        .help("get the kernel's modules again, or select fewer")
    })?;
    Ok(DepmodFile { name, content })
}
