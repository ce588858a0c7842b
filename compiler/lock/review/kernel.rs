//! Modules that the kernel does not have, and firmware that no package has.

use std::collections::BTreeMap;

use crate::check::{KernelOrigin, ModuleRequest};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kmod::{self, Kernel, Meaning};
use crate::source::Span;
use crate::tree::{self, Conflict, Tree};

use super::super::Role;
use super::super::facts::facts;
use super::Review;
use super::answer::Answer;

impl Review<'_> {
    /// Looks at the modules of both stages.
    pub(super) fn modules(&mut self, answer: &Answer) {
        const WHAT: &str = "modules";
        let asked: Vec<&ModuleRequest> =
            self.image.stage1.iter().chain(&self.image.stage2).collect();
        let from = self.image.kernel.as_ref().map(|kernel| &kernel.from);
        // What this machine's files hold is for the build to look into.
        if asked.is_empty() || !matches!(from, Some(KernelOrigin::Package(_))) {
            return;
        }
        let trees = self.trees(answer, Role::Kernel);
        let (Some(store), Some([tree])) = (self.store, trees.as_deref()) else {
            return self.skip(WHAT, answer);
        };
        let Ok(kernel) = Kernel::read(tree, store) else {
            return self.skip(WHAT, answer);
        };
        let mut met: BTreeMap<String, Span> = BTreeMap::new();
        for module in asked {
            match kernel.meaning(&module.name) {
                Ok(Meaning::Unknown) => self.unknown_module(&kernel, module),
                Ok(Meaning::BuiltIn(name)) if !module.optional => self.built_in(module, &name),
                Ok(Meaning::BuiltIn(_)) => {}
                Ok(Meaning::Modules(names)) => self.twice(&mut met, module, &names),
                // The lists of the kernel are not in the store any more.
                Err(_) => return self.skip(WHAT, answer),
            }
        }
    }

    fn unknown_module(&mut self, kernel: &Kernel<'_>, module: &ModuleRequest) {
        for error in kernel
            .select(&[module.name.as_str()])
            .err()
            .into_iter()
            .flatten()
        {
            let mut problem = error.diagnostic.at(module.name.span);
            if module.optional {
                problem.severity = Severity::Warning;
            }
            self.sink.push(problem);
        }
    }

    fn built_in(&mut self, module: &ModuleRequest, name: &str) {
        self.sink.push(
            Diagnostic::warning(
                "zosc::lock::built-in-module",
                format!("`{}` is part of the kernel itself", module.name.value),
            )
            .at(module.name.span)
            .note(format!(
                "`{name}` is in the kernel's list of built-in modules"
            ))
            .help("remove it, or write `optional=#true` where other kernels have it as a module"),
        );
    }

    /// An alias may stand for several modules; asking for one of them again is no mistake unless it stands for no other.
    fn twice(
        &mut self,
        met: &mut BTreeMap<String, Span>,
        module: &ModuleRequest,
        names: &[String],
    ) {
        if let [only] = names
            && let Some(earlier) = met.get(only)
        {
            self.sink.push(
                Diagnostic::warning(
                    "zosc::lock::module-twice",
                    format!("the module `{only}` is asked for under two names"),
                )
                .label(module.name.span, "again here")
                .label(*earlier, "first here")
                .help("remove one: a module is loaded once"),
            );
        }
        for name in names {
            met.entry(name.clone()).or_insert(module.name.span);
        }
    }

    /// Looks at the patterns of firmware that is kept.
    pub(super) fn firmware(&mut self, answer: &Answer) {
        let firmware = &self.image.firmware;
        if firmware.keep.is_empty() || firmware.packages.is_empty() {
            return;
        }
        let trees = self.trees(answer, Role::Firmware);
        let pool = trees.and_then(|trees| tree::merge(&trees, Conflict::Replace).ok());
        let Some(pool) = pool else {
            return self.skip("firmware", answer);
        };
        let patterns: Vec<&str> = firmware.keep.iter().map(|keep| keep.as_str()).collect();
        for missing in kmod::select_firmware(&pool, &patterns).missing {
            let mut keep = firmware.keep.iter();
            let span = keep
                .find(|keep| keep.value == missing)
                .map(|keep| keep.span);
            self.sink.push(kmod::no_firmware(&missing).at_maybe(span));
        }
    }

    /// The files of every package of a role, where all of them are known.
    pub(super) fn trees(&self, answer: &Answer, role: Role) -> Option<Vec<Tree>> {
        let Answer::Known(packages) = answer else {
            return None;
        };
        let packages = packages.iter().filter(|package| package.role == role);
        packages
            .map(|package| Some(facts(self.store?, package.sha256.as_ref()?)?.tree))
            .collect()
    }
}
