//! Propagate, commit, and again, until every name is decided.
//!
//! The state of a name counts who requires it; the state of a package counts the constraints that refuse it. A change
//! puts the names it touches into a queue. Reconsidering a name strikes candidates whose own needs cannot be met any
//! more and passes on what the remaining ones have in common ([`super::propagate`]). When the queue is empty, one
//! undecided name is picked and its best candidate is committed, which locks every name that the candidate answers to.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, VecDeque};

use super::super::version;
use super::discover::{Reach, discover};
use super::universe::{
    Mask, NameId, NameKind, PackageId, Provider, Requirement, UNTAGGED, Universe,
};

/// What was decided about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Decision<'a> {
    /// Nothing yet, or nobody asked.
    #[default]
    Open,
    /// Nobody is to provide it.
    Absent,
    /// This package does.
    Chosen(Provider<'a>),
}

impl<'a> Decision<'a> {
    pub(super) fn provider(self) -> Option<Provider<'a>> {
        match self {
            Self::Chosen(provider) => Some(provider),
            Self::Open | Self::Absent => None,
        }
    }
}

/// The end of a search.
#[derive(Debug)]
pub(super) struct Decisions<'a> {
    /// By name.
    pub(super) names: Vec<Decision<'a>>,
    /// Whether the wishes reach a name, by name.
    pub(super) reached: Vec<bool>,
    /// Whether a package was committed to against the rules, by package.
    pub(super) faulty: Vec<bool>,
    /// Whether the wishes' tags let a package in, by package.
    pub(super) tag_allowed: Vec<bool>,
    /// How much went wrong; 0 for a solution.
    pub(super) errors: usize,
}

/// Decides every name that the wishes reach.
pub(super) fn decide<'a>(universe: &Universe<'a>) -> Decisions<'a> {
    let mut search = Search::new(universe);
    for wish in &universe.world {
        search.wish_tag = wish.tag;
        search.apply(None, &wish.requirement);
    }
    search.wish_tag = 0;
    while let Some(name) = search.next_name() {
        search.commit(name);
    }
    Decisions {
        names: search.names.iter().map(|state| state.decision).collect(),
        reached: search.names.iter().map(|state| state.reach.seen).collect(),
        faulty: search.packages.iter().map(|state| state.faulty).collect(),
        tag_allowed: search
            .packages
            .iter()
            .map(|state| state.tag_allowed)
            .collect(),
        errors: search.errors,
    }
}

/// What is known of a name during the search.
#[derive(Default)]
pub(super) struct NameState<'a> {
    pub(super) decision: Decision<'a>,
    pub(super) reach: Reach,
    /// How many constraints need the name.
    pub(super) requirers: u32,
    /// How many candidates in a row had it among their dependencies while another name was reconsidered.
    pub(super) merged_depends: usize,
    /// The same for the names that candidates answer to.
    pub(super) merged_roles: usize,
    /// Whether a candidate met there answered to it without a version.
    pub(super) has_unversioned: bool,
    /// Whether a wish names it.
    wished: bool,
    dirty: bool,
    /// Its place among the unresolved names, while it is one of them.
    rank: Option<Rank>,
    pub(super) check_depends: bool,
    pub(super) check_companions: bool,
    /// Whether a provider's `install_if` holds.
    pub(super) has_companion: bool,
    /// Whether no provider's `install_if` can hold any more.
    pub(super) never_companion: bool,
    /// Whether more than one candidate is left, or one that needs a tag.
    pub(super) has_options: bool,
    /// Whether every name that depends on it is decided.
    pub(super) askers_decided: bool,
}

/// Which unresolved name is committed to next: the smallest.
///
/// First those with one candidate left that nobody undecided asks for, then the most urgent; of equal ones that which was
/// listed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// `None` where nothing is left to choose.
    urgency: Option<Urgency>,
    listed: Reverse<u64>,
    name: NameId,
}

/// The smaller, the sooner a name is committed to: wishes, plain names, deep ones, required ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Urgency {
    by_itself: bool,
    kind: NameKind,
    depth: Reverse<u32>,
    unrequired: bool,
}

/// What is known of a package during the search.
pub(super) struct PackageState {
    /// How many constraints refuse it.
    conflicts: u32,
    /// The tags that wishes lend it.
    tags: Mask,
    pub(super) selectable: bool,
    pub(super) tag_allowed: bool,
    tag_preferred: bool,
    /// Whether it took part when a name of its was last reconsidered.
    pub(super) merged: bool,
    /// Whether it took part when candidates were last found there.
    pub(super) used: bool,
    /// Whether its `install_if` holds.
    pub(super) companion: bool,
    /// Whether its `install_if` cannot hold any more.
    pub(super) never_companion: bool,
    faulty: bool,
}

pub(super) struct Search<'u, 'a> {
    pub(super) universe: &'u Universe<'a>,
    pub(super) names: Vec<NameState<'a>>,
    pub(super) packages: Vec<PackageState>,
    dirty: VecDeque<NameId>,
    unresolved: BTreeSet<Rank>,
    /// How many names have been listed as unresolved.
    listed: u64,
    /// The tag of the wish that is being applied.
    wish_tag: Mask,
    errors: usize,
}

impl<'u, 'a> Search<'u, 'a> {
    fn new(universe: &'u Universe<'a>) -> Self {
        let untagged = universe.repositories_of(UNTAGGED);
        let packages: Vec<PackageState> = universe
            .packages()
            .iter()
            .map(|member| {
                let preferred =
                    member.package.installed_size == 0 || member.repositories & untagged != 0;
                PackageState {
                    conflicts: 0,
                    tags: UNTAGGED,
                    selectable: member.installable,
                    tag_allowed: preferred,
                    tag_preferred: preferred,
                    merged: false,
                    used: false,
                    companion: false,
                    never_companion: member.install_if.is_empty(),
                    faulty: false,
                }
            })
            .collect();
        let mut names: Vec<NameState<'a>> = Vec::with_capacity(universe.names().count());
        for (name, reach) in universe.names().zip(discover(universe)) {
            let never_companion = name
                .providers
                .iter()
                .all(|provider| packages[provider.package.index()].never_companion);
            names.push(NameState {
                reach,
                never_companion,
                ..NameState::default()
            });
        }
        for wish in &universe.world {
            names[wish.requirement.name.index()].wished = true;
        }
        Self {
            universe,
            names,
            packages,
            dirty: VecDeque::new(),
            unresolved: BTreeSet::new(),
            listed: 0,
            wish_tag: 0,
            errors: 0,
        }
    }

    pub(super) fn is_decided(&self, name: NameId) -> bool {
        self.names[name.index()].decision != Decision::Open
    }

    pub(super) fn name(&mut self, name: NameId) -> &mut NameState<'a> {
        &mut self.names[name.index()]
    }

    pub(super) fn package(&mut self, package: PackageId) -> &mut PackageState {
        &mut self.packages[package.index()]
    }

    fn fail(&mut self, package: PackageId) {
        let state = self.package(package);
        if !state.faulty {
            state.faulty = true;
            self.errors += 1;
        }
    }

    /// Empties the queue, then picks the undecided name to commit to.
    fn next_name(&mut self) -> Option<NameId> {
        while let Some(name) = self.dirty.pop_front() {
            self.name(name).dirty = false;
            if !self.is_decided(name) {
                self.reconsider(name);
            }
        }
        self.unresolved.first().map(|rank| rank.name)
    }

    fn rank(&self, name: NameId, listed: Reverse<u64>) -> Rank {
        let state = &self.names[name.index()];
        let settled = state.askers_decided && state.requirers > 0 && !state.has_options;
        let urgency = || Urgency {
            by_itself: !state.wished,
            kind: self.universe.name(name).kind,
            depth: Reverse(state.reach.depth),
            unrequired: state.requirers == 0,
        };
        Rank {
            urgency: (!settled).then(urgency),
            listed,
            name,
        }
    }

    /// Puts an unresolved name where it belongs after something that counts for its rank has changed.
    pub(super) fn rank_again(&mut self, name: NameId) {
        let Some(old) = self.names[name.index()].rank else {
            return;
        };
        let new = self.rank(name, old.listed);
        if new != old {
            self.unresolved.remove(&old);
            self.unresolved.insert(new);
            self.name(name).rank = Some(new);
        }
    }

    pub(super) fn queue(&mut self, name: NameId) {
        let decided = self.is_decided(name);
        let state = self.name(name);
        if !state.dirty && !decided && (state.requirers > 0 || state.check_companions) {
            state.dirty = true;
            self.dirty.push_back(name);
        }
    }

    /// Lists a name among the unresolved ones when somebody wants it, and takes it off when nobody does.
    pub(super) fn list_unresolved(&mut self, name: NameId) {
        if self.is_decided(name) {
            return;
        }
        let state = self.name(name);
        let wanted = state.requirers > 0 || state.has_companion;
        if wanted && state.rank.is_none() {
            self.listed += 1;
            let rank = self.rank(name, Reverse(self.listed));
            self.unresolved.insert(rank);
            self.name(name).rank = Some(rank);
        } else if !wanted {
            self.unlist(name);
        }
    }

    fn unlist(&mut self, name: NameId) {
        if let Some(rank) = self.name(name).rank.take() {
            self.unresolved.remove(&rank);
        }
    }

    /// Commits to the best candidate for a name.
    fn commit(&mut self, name: NameId) {
        let Some(chosen) = self.best_candidate(name) else {
            self.decide_absent(name);
            if self.names[name.index()].requirers > 0 {
                self.errors += 1;
            }
            return;
        };
        let universe = self.universe;
        let state = self.package(chosen.package);
        if !state.selectable || !state.tag_allowed {
            self.fail(chosen.package);
        }
        for (role, provider) in universe.roles(chosen.package) {
            self.assign(role, provider);
        }
        for requirement in &universe.package(chosen.package).depends {
            self.apply(Some(chosen.package), requirement);
        }
    }

    fn best_candidate(&self, name: NameId) -> Option<Provider<'a>> {
        let mut best: Option<Provider<'a>> = None;
        let required = self.names[name.index()].requirers > 0;
        for provider in &self.universe.name(name).providers {
            let state = &self.packages[provider.package.index()];
            let wanted = required || (state.companion && state.tag_allowed);
            let member = self.universe.package(provider.package);
            let by_itself = provider.version.is_some()
                || member.package.provider_priority > 0
                || self.names[member.name.index()].requirers > 0;
            if wanted && by_itself && best.is_none_or(|best| self.prefer(provider, &best).is_gt()) {
                best = Some(*provider);
            }
        }
        best
    }

    /// Which of two providers of a name is the better one.
    fn prefer(&self, left: &Provider<'a>, right: &Provider<'a>) -> Ordering {
        let state = |provider: &Provider<'a>| {
            let state = &self.packages[provider.package.index()];
            (
                state.selectable,
                state.used,
                Reverse(state.conflicts),
                state.tag_allowed,
                state.tag_preferred,
            )
        };
        let [left_member, right_member] =
            [left, right].map(|provider| self.universe.package(provider.package));
        let by_name = || match (left.version, right.version) {
            (Some(left), Some(right)) => version::compare(left, right),
            _ => Ordering::Equal,
        };
        let by_package = || {
            if left_member.name == right_member.name {
                version::compare(left_member.package.version, right_member.package.version)
            } else {
                Ordering::Equal
            }
        };
        let first = |provider: &Provider<'a>| self.universe.first_repository(provider.package);
        state(left)
            .cmp(&state(right))
            .then_with(by_name)
            .then_with(by_package)
            .then_with(|| {
                left_member
                    .package
                    .provider_priority
                    .cmp(&right_member.package.provider_priority)
            })
            .then_with(|| first(right).cmp(&first(left)))
    }

    /// Locks a name to a provider, or finds it locked to another.
    fn assign(&mut self, name: NameId, provider: Provider<'a>) {
        match self.names[name.index()].decision {
            Decision::Open => {}
            // Any number of packages may answer to a name without a version.
            Decision::Chosen(Provider { version: None, .. }) | Decision::Absent
                if provider.version.is_none() =>
            {
                return;
            }
            Decision::Absent => return self.fail(provider.package),
            Decision::Chosen(other) => {
                self.fail(provider.package);
                return self.fail(other.package);
            }
        }
        self.name(name).decision = Decision::Chosen(provider);
        self.unlist(name);
        let universe = self.universe;
        for rival in &universe.name(name).providers {
            let coexists = rival.version.is_none() && provider.version.is_none();
            if rival.package != provider.package && !coexists {
                self.strike(rival.package);
            }
        }
        self.askers_changed(name);
        self.package_companions_changed(provider.package);
    }

    fn decide_absent(&mut self, name: NameId) {
        self.name(name).decision = Decision::Absent;
        self.unlist(name);
        let universe = self.universe;
        for rival in &universe.name(name).providers {
            if rival.version.is_some() {
                self.strike(rival.package);
            }
        }
        self.askers_changed(name);
        self.companions_changed(name);
    }

    /// Applies a constraint of a package, or of a wish, to the providers of its name.
    pub(super) fn apply(&mut self, asker: Option<PackageId>, requirement: &Requirement<'a>) {
        let name = requirement.name;
        if !requirement.conflict() {
            self.require(name);
        }
        let universe = self.universe;
        for provider in &universe.name(name).providers {
            let met = universe.meets(requirement, Some(*provider));
            let state = self.package(provider.package);
            state.conflicts += u32::from(!met);
            if state.selectable && state.conflicts > 0 {
                self.strike(provider.package);
            }
            if met {
                self.inherit(provider.package, asker);
            }
        }
    }

    /// Counts one more constraint that needs a name.
    pub(super) fn require(&mut self, name: NameId) {
        let state = self.name(name);
        state.requirers += 1;
        if state.requirers == 1 {
            self.list_unresolved(name);
            self.rank_again(name);
            self.companions_changed(name);
            self.queue(name);
        }
    }

    /// Lends a package the tags of who asks for it.
    pub(super) fn inherit(&mut self, package: PackageId, asker: Option<PackageId>) {
        let repositories = self.universe.package(package).repositories;
        let lent = asker.map_or(self.wish_tag, |asker| self.packages[asker.index()].tags);
        let preferred = repositories & self.universe.repositories_of(lent) != 0;
        let state = &mut self.packages[package.index()];
        state.tags |= lent;
        if asker.is_none() {
            state.tag_preferred = preferred;
        }
        state.tag_allowed |= repositories & self.universe.repositories_of(state.tags) != 0;
    }
}
