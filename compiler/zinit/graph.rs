//! Units as a graph: who waits for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::unit::Unit;

/// What one unit wants of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// The other must be up.
    Requires,
    /// The other must have been tried.
    After,
    /// The other is wanted beside it.
    Wants,
    /// The other must not run.
    Conflicts,
}

impl EdgeKind {
    /// The name used in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requires => "requires",
            Self::After => "after",
            Self::Wants => "wants",
            Self::Conflicts => "conflicts",
        }
    }
}

impl fmt::Display for EdgeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One edge: `from` requires (comes after, wants, conflicts with) `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The unit that says it.
    pub from: String,
    /// What it says.
    pub kind: EdgeKind,
    /// The unit it says it of.
    pub to: String,
}

impl fmt::Display for Edge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.from, self.kind, self.to)
    }
}

/// What the far end of an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A unit of the image.
    Enabled,
    /// A unit that is off.
    Disabled,
    /// The unit itself.
    Itself,
    /// No unit at all.
    Unknown,
}

/// An edge and what it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The edge.
    pub edge: Edge,
    /// What is at its far end.
    pub target: Target,
}

/// Units that wait for one another in a ring: each edge starts where the one before it ends, the last ends where the first
/// starts. zinit 0.3 refuses to start with one; 0.2 blocks its members without a word and hangs at shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The ring, from the unit that sorts first; never empty.
    pub edges: Vec<Edge>,
}

impl Cycle {
    /// The units of the ring, the first one again at the end.
    pub fn path(&self) -> Vec<&str> {
        let first = self.edges.first().map(|edge| edge.from.as_str());
        first
            .into_iter()
            .chain(self.edges.iter().map(|edge| edge.to.as_str()))
            .collect()
    }
}

impl fmt::Display for Cycle {
    /// `a requires b, b after a`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edges: Vec<String> = self.edges.iter().map(Edge::to_string).collect();
        formatter.write_str(&edges.join(", "))
    }
}

/// Every edge of the enabled units with what it points at, in the order of writing.
pub fn references(units: &[Unit]) -> Vec<Reference> {
    let enabled: BTreeMap<&str, bool> = units
        .iter()
        .map(|unit| (unit.name.as_str(), unit.enabled))
        .collect();
    units
        .iter()
        .filter(|unit| unit.enabled)
        .flat_map(edges)
        .map(|edge| Reference {
            target: match enabled.get(edge.to.as_str()) {
                _ if edge.from == edge.to => Target::Itself,
                Some(true) => Target::Enabled,
                Some(false) => Target::Disabled,
                None => Target::Unknown,
            },
            edge,
        })
        .collect()
}

/// Rings among the enabled units: one, a shortest one, for each group of units that reach one another.
pub fn cycles(units: &[Unit]) -> Vec<Cycle> {
    let waits = waits(units);
    let mut covered: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in waits.keys() {
        if covered.contains(start.as_str()) {
            continue;
        }
        let Some(edges) = way_back(start, &waits) else {
            continue;
        };
        let reached = reachable(start, &waits);
        covered.extend(
            reached
                .iter()
                .filter(|unit| reachable(unit, &waits).contains(start.as_str())),
        );
        found.push(Cycle { edges });
    }
    found
}

/// For each enabled unit the ordering edges to other enabled units, sorted, one for each unit waited for.
fn waits(units: &[Unit]) -> BTreeMap<String, Vec<Edge>> {
    let enabled: BTreeSet<&str> = units
        .iter()
        .filter(|unit| unit.enabled)
        .map(|unit| unit.name.as_str())
        .collect();
    let mut waits: BTreeMap<String, Vec<Edge>> = BTreeMap::new();
    for unit in units.iter().filter(|unit| unit.enabled) {
        let list = waits.entry(unit.name.clone()).or_default();
        for edge in edges(unit) {
            let orders = edge.kind != EdgeKind::Conflicts && enabled.contains(edge.to.as_str());
            if orders && !list.iter().any(|known| known.to == edge.to) {
                list.push(edge);
            }
        }
        list.sort_by(|one, other| one.to.cmp(&other.to));
    }
    waits
}

/// A shortest way from a unit back to itself.
fn way_back(start: &str, waits: &BTreeMap<String, Vec<Edge>>) -> Option<Vec<Edge>> {
    let mut ways: BTreeMap<&str, Vec<Edge>> = BTreeMap::new();
    let mut front: Vec<(&str, Vec<Edge>)> = vec![(start, Vec::new())];
    while !front.is_empty() {
        let mut next = Vec::new();
        for (unit, way) in front {
            for edge in waits.get(unit).into_iter().flatten() {
                let mut longer = way.clone();
                longer.push(edge.clone());
                if edge.to == start {
                    return Some(longer);
                }
                if !ways.contains_key(edge.to.as_str()) {
                    ways.insert(&edge.to, longer.clone());
                    next.push((edge.to.as_str(), longer));
                }
            }
        }
        front = next;
    }
    None
}

fn reachable<'a>(start: &str, waits: &'a BTreeMap<String, Vec<Edge>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(unit) = open.pop() {
        for edge in waits.get(unit).into_iter().flatten() {
            if seen.insert(edge.to.as_str()) {
                open.push(&edge.to);
            }
        }
    }
    seen
}

fn edges(unit: &Unit) -> impl Iterator<Item = Edge> + '_ {
    let lists = [
        (EdgeKind::Requires, &unit.requires),
        (EdgeKind::After, &unit.after),
        (EdgeKind::Wants, &unit.wants),
        (EdgeKind::Conflicts, &unit.conflicts),
    ];
    lists.into_iter().flat_map(move |(kind, names)| {
        names.iter().map(move |name| Edge {
            from: unit.name.clone(),
            kind,
            to: name.clone(),
        })
    })
}
