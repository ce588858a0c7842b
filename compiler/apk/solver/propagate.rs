//! Reconsidering one name: which candidates are left, and what they have in common.

use super::search::Search;
use super::universe::{NameId, PackageId, Provider, Requirement};

/// Steps a counter that stands at `count`; after all `count + 1` candidates it stands at their number.
fn merge(counter: &mut usize, count: usize) -> bool {
    let in_step = *counter == count;
    if in_step {
        *counter = count + 1;
    }
    in_step
}

/// Whether a counter says that all `count` candidates agree; resets it.
fn agree(counter: &mut usize, count: usize) -> bool {
    std::mem::take(counter) == count
}

impl<'a> Search<'_, 'a> {
    /// Strikes candidates that have become impossible, and passes on what the remaining ones share.
    pub(super) fn reconsider(&mut self, name: NameId) {
        let state = self.name(name);
        let check_depends = std::mem::take(&mut state.check_depends);
        let check_companions = std::mem::take(&mut state.check_companions);
        let required = state.requirers > 0;
        let universe = self.universe;
        let (mut first, mut count, mut tagged) = (None, 0, false);
        let (mut has_companion, mut never_companion) = (false, true);
        for provider in &universe.name(name).providers {
            let package = provider.package;
            self.package(package).merged = false;
            if check_depends && self.package(package).selectable {
                self.check_depends(package);
            }
            if !self.package(package).selectable {
                continue;
            }
            if check_companions {
                self.check_companion(package);
            }
            let state = self.package(package);
            has_companion |= state.companion;
            never_companion &= state.never_companion;
            if required {
                state.merged = true;
                tagged |= !state.tag_allowed;
                first.get_or_insert(package);
                self.merge_candidate(package, provider, count);
                count += 1;
            }
        }
        let state = self.name(name);
        state.has_options = count > 1 || tagged;
        state.has_companion = has_companion;
        state.never_companion = never_companion;
        self.list_unresolved(name);
        if let Some(first) = first {
            for provider in &universe.name(name).providers {
                let state = self.package(provider.package);
                state.used = state.merged;
            }
            self.pass_on(name, first, count);
        }
        let undecided =
            |asker: &NameId| self.names[asker.index()].reach.seen && !self.is_decided(*asker);
        let askers_decided = !universe.name(name).needed_by.iter().any(undecided);
        self.name(name).askers_decided = askers_decided;
        self.rank_again(name);
    }

    /// Strikes a candidate that needs what cannot be had any more.
    fn check_depends(&mut self, package: PackageId) {
        let depends = &self.universe.package(package).depends;
        if !depends
            .iter()
            .all(|requirement| self.is_satisfiable(requirement))
        {
            self.strike(package);
        }
    }

    fn is_satisfiable(&self, requirement: &Requirement<'a>) -> bool {
        let name = requirement.name;
        if self.is_decided(name) {
            return self
                .universe
                .meets(requirement, self.names[name.index()].decision.provider());
        }
        if self.names[name.index()].requirers == 0 && requirement.conflict() {
            return true;
        }
        self.universe.name(name).providers.iter().any(|provider| {
            self.packages[provider.package.index()].selectable
                && self.universe.meets(requirement, Some(*provider))
        })
    }

    /// Finds out whether the `install_if` of a package holds; it does only when every name in it is decided.
    fn check_companion(&mut self, package: PackageId) {
        let conditions = &self.universe.package(package).install_if;
        let state = self.package(package);
        if !state.companion && !state.never_companion {
            state.companion = true;
            for condition in conditions {
                if !self.is_decided(condition.name) {
                    self.package(package).companion = false;
                    break;
                }
                if !self.universe.meets(
                    condition,
                    self.names[condition.name.index()].decision.provider(),
                ) {
                    let state = self.package(package);
                    state.companion = false;
                    state.never_companion = true;
                    break;
                }
            }
        }
        if self.package(package).companion {
            for condition in conditions {
                let provider = self.names[condition.name.index()].decision.provider();
                self.inherit(package, provider.map(|provider| provider.package));
            }
        }
    }

    /// Counts a candidate's dependencies and roles against those of the candidates before it.
    fn merge_candidate(&mut self, package: PackageId, provider: &Provider<'a>, count: usize) {
        let member = self.universe.package(package);
        for requirement in member
            .depends
            .iter()
            .filter(|requirement| !requirement.conflict())
        {
            merge(&mut self.name(requirement.name).merged_depends, count);
        }
        // The own name is unversioned here when the name under consideration is met so.
        let own = (member.name, provider.version);
        let roles = member
            .provides
            .iter()
            .map(|provided| (provided.name, provided.provided_version()));
        for (role, version) in std::iter::once(own).chain(roles) {
            let state = self.name(role);
            if merge(&mut state.merged_roles, count) {
                state.has_unversioned |= version.is_none();
            }
        }
    }

    /// Passes on what all `count` candidates share; the first of them stands for all.
    fn pass_on(&mut self, name: NameId, first: PackageId, count: usize) {
        let universe = self.universe;
        for requirement in &universe.package(first).depends {
            let needed = requirement.name;
            if !agree(&mut self.name(needed).merged_depends, count) {
                continue;
            }
            if count == 1 {
                self.apply(Some(first), requirement);
            } else if self.names[needed.index()].requirers == 0 {
                self.require(needed);
                for provider in &universe.name(needed).providers {
                    self.inherit(provider.package, Some(first));
                }
            }
        }
        for (role, _) in universe.roles(first) {
            if agree(&mut self.name(role).merged_roles, count) {
                let skip_unversioned = self.name(role).has_unversioned;
                self.strike_others(role, name, skip_unversioned);
            }
        }
        for (role, _) in universe.roles(first) {
            self.name(role).has_unversioned = false;
        }
    }

    /// Every candidate for `needed` answers to `role`: so who answers to `role` without answering to `needed` is out.
    fn strike_others(&mut self, role: NameId, needed: NameId, skip_unversioned: bool) {
        if role == needed {
            return;
        }
        let universe = self.universe;
        for provider in &universe.name(role).providers {
            let member = universe.package(provider.package);
            let spared = member.name == needed
                || !self.package(provider.package).selectable
                || (skip_unversioned && provider.version.is_none())
                || member.provides.iter().any(|provided| {
                    provided.name == needed
                        || (skip_unversioned && provided.provided_version().is_none())
                });
            if !spared {
                self.strike(provider.package);
            }
        }
    }

    /// Takes a package out of the choice and queues everything that this touches.
    pub(super) fn strike(&mut self, package: PackageId) {
        self.package(package).selectable = false;
        let universe = self.universe;
        for (role, _) in universe.roles(package) {
            self.askers_changed(role);
        }
        self.package_companions_changed(package);
    }

    /// Has every name that depends on this one look at its dependencies again.
    pub(super) fn askers_changed(&mut self, name: NameId) {
        let universe = self.universe;
        for &asker in &universe.name(name).needed_by {
            let state = self.name(asker);
            if state.reach.seen {
                state.check_depends = true;
                self.queue(asker);
            }
        }
    }

    /// Has every name with an `install_if` on this one look at it again.
    pub(super) fn companions_changed(&mut self, name: NameId) {
        let universe = self.universe;
        for &companion in &universe.name(name).companions {
            let state = self.name(companion);
            if state.reach.seen && !state.never_companion {
                state.check_companions = true;
                self.queue(companion);
            }
        }
    }

    pub(super) fn package_companions_changed(&mut self, package: PackageId) {
        let universe = self.universe;
        for (role, _) in universe.roles(package) {
            self.companions_changed(role);
        }
    }
}
