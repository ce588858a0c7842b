//! The kernel modules of an image, and the firmware that they may ask for.

use schemars::JsonSchema;
use serde::Serialize;

use crate::kmod;
use crate::tree::{Entry, ImagePath, Node, Store, Tree};

/// One kernel module.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ModuleReport {
    /// Its normal name.
    pub name: String,
    /// The kernel release that it is for.
    pub release: String,
    /// Its file.
    pub path: ImagePath,
    /// Bytes of the file.
    pub size: u64,
    /// Firmware that it may ask for, in the order of its `.modinfo`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub firmware: Vec<String>,
    /// What of that is not in the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_firmware: Vec<String>,
}

/// The modules of an image by path; what cannot be read adds a remark.
pub(super) fn modules(tree: &Tree, store: &Store, remarks: &mut Vec<String>) -> Vec<ModuleReport> {
    let found = tree.iter().filter_map(|(path, entry)| {
        let (Node::File { size, .. }, Some(release)) = (&entry.node, module_release(path, entry))
        else {
            return None;
        };
        Some(ModuleReport {
            name: kmod::module_name(path.file_name()),
            release: release.to_owned(),
            path: path.clone(),
            size: *size,
            firmware: Vec::new(),
            missing_firmware: Vec::new(),
        })
    });
    let mut modules: Vec<ModuleReport> = found.collect();
    if modules.is_empty() {
        return modules;
    }
    match kmod::Kernel::read(tree, store) {
        Ok(kernel) => ask(&kernel, tree, &mut modules, remarks),
        Err(problem) => remarks.push(problem.message),
    }
    modules
}

/// Asks every module for its firmware.
fn ask(
    kernel: &kmod::Kernel<'_>,
    tree: &Tree,
    modules: &mut [ModuleReport],
    remarks: &mut Vec<String>,
) {
    let mut unreadable = Vec::new();
    for module in modules {
        if kernel.path(&module.name) != Some(&module.path) {
            continue;
        }
        let Ok(facts) = kernel.facts(&module.name) else {
            unreadable.push(module.name.as_str());
            continue;
        };
        module.firmware = facts.values("firmware").map(str::to_owned).collect();
        module.missing_firmware = kmod::select_firmware(tree, &module.firmware).missing;
    }
    if let [first, ..] = unreadable.as_slice() {
        remarks.push(match unreadable.len() {
            1 => format!("the module `{first}` cannot be read"),
            count => format!("{count} modules cannot be read, `{first}` among them"),
        });
    }
}

/// The kernel release of a module's file; `None` where it is no module.
pub(super) fn module_release<'p>(path: &'p ImagePath, entry: &Entry) -> Option<&'p str> {
    if !matches!(entry.node, Node::File { .. }) {
        return None;
    }
    let parts: Vec<&str> = path.components().collect();
    let inner = parts.strip_prefix(&["usr"]).unwrap_or(&parts);
    let ["lib", "modules", release, _, ..] = inner else {
        return None;
    };
    let is_module = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"]
        .iter()
        .any(|ending| path.file_name().ends_with(ending));
    is_module.then_some(*release)
}
