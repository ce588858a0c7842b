//! One module: its `.modinfo` and its symbols.

use std::collections::BTreeSet;

use object::{Object, ObjectSection, ObjectSymbol};

use crate::diagnostic::Diagnostic;

use super::packing::unpack;

/// What a module says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleFacts {
    /// Every `key=value` of `.modinfo`, in order.
    pub info: Vec<(String, String)>,
    /// Symbols that it offers to other modules.
    pub exports: BTreeSet<String>,
    /// Symbols that it expects, in the order of its symbol table.
    pub imports: Vec<String>,
}

impl ModuleFacts {
    /// Reads a `.ko`, `.ko.gz`, `.ko.xz` or `.ko.zst`; the content tells which.
    pub fn read(path: &str, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let (_, unpacked) = unpack(bytes).map_err(|why| damaged(path, &why))?;
        let file =
            object::File::parse(&*unpacked).map_err(|error| damaged(path, &error.to_string()))?;
        let section = |name: &str| {
            file.section_by_name(name)
                .and_then(|section| section.data().ok())
                .unwrap_or(&[])
        };
        let mut facts = Self {
            info: info(section(".modinfo")),
            ..Self::default()
        };
        if facts.info.is_empty() {
            return Err(damaged(path, "it has no `.modinfo`"));
        }
        let mut versioned = BTreeSet::new();
        let mut listed = BTreeSet::new();
        for symbol in file.symbols() {
            let Ok(name) = symbol.name() else { continue };
            if let Some(export) = name.strip_prefix("__crc_") {
                versioned.insert(export.to_owned());
            } else if let Some(export) = name.strip_prefix("__ksymtab_") {
                listed.insert(export.to_owned());
            } else if symbol.is_undefined() && !name.is_empty() {
                facts.imports.push(name.to_owned());
            }
        }
        // Where versions are on, every export has one; else the table's entries count, and last its strings.
        facts.exports = versioned;
        if facts.exports.is_empty() {
            facts.exports = listed;
        }
        if facts.exports.is_empty() {
            facts.exports = strings(section("__ksymtab_strings")).collect();
        }
        Ok(facts)
    }

    /// The values of a key, in order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.info
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Modules that must be loaded before this one, as modpost wrote them.
    pub fn depends(&self) -> Vec<String> {
        self.values("depends")
            .flat_map(|list| list.split(','))
            .filter(|name| !name.is_empty())
            .map(super::module_name)
            .collect()
    }

    /// What should be loaded before and after this one: `pre: a b post: c`. Words before either mark have no effect,
    /// as in modprobe.
    pub fn soft_depends(&self) -> (Vec<String>, Vec<String>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for list in self.values("softdep") {
            let mut target: Option<&mut Vec<String>> = None;
            for word in list.split_ascii_whitespace() {
                match word {
                    "pre:" => target = Some(&mut before),
                    "post:" => target = Some(&mut after),
                    name => {
                        if let Some(names) = &mut target {
                            names.push(name.to_owned());
                        }
                    }
                }
            }
        }
        (before, after)
    }
}

/// Every `key=value` of a module's `.modinfo`, in order.
pub(super) fn read_info(path: &str, bytes: &[u8]) -> Result<Vec<(String, String)>, Diagnostic> {
    let (_, unpacked) = unpack(bytes).map_err(|why| damaged(path, &why))?;
    let file =
        object::File::parse(&*unpacked).map_err(|error| damaged(path, &error.to_string()))?;
    let section = file.section_by_name(".modinfo");
    let data = section.and_then(|section| section.data().ok());
    Ok(info(data.unwrap_or(&[])))
}

/// `key=value` texts, each ended by NUL.
pub(super) fn info(section: &[u8]) -> Vec<(String, String)> {
    strings(section)
        .filter_map(|text| {
            text.split_once('=')
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        })
        .collect()
}

fn strings(section: &[u8]) -> impl Iterator<Item = String> {
    section
        .split(|byte| *byte == 0)
        .filter(|text| !text.is_empty())
        .map(|text| String::from_utf8_lossy(text).into_owned())
}

pub(super) fn damaged(path: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::kmod::bad-module",
        format!("`{path}` cannot be read as a kernel module: {why}"),
    )
    .help("get the kernel's modules again; a module is an ELF object, plain or packed with gzip, xz or zstd")
}
