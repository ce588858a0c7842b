//! Where two builds of the same thing come apart: the first output, the first file, and the first action that is to blame.
//!
//! An action with the same key has the same inputs, so if it yields two things it is the one that cannot be reproduced; whatever differs
//! behind it differs because of it. Comes in: two builds with their stores. Goes out: a [`Verdict`]. Builds nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::record::{ActionRecord, Record};
use super::{Artifacts, Status, status};
use crate::archive::{self, Limits};
use crate::diagnostic::{Diagnostic, Diagnostics, bytes};
use crate::plan::{Action, ActionId, Input, Plan, PlannedAction, Yield};
use crate::tree::{Digest, Entry, ImagePath, Node, Store, Tree};

const CODE: &str = "zosc::build::not-reproducible";

/// A content and where it lies.
type End<'a> = (Digest, &'a Store);

/// The warning that an action has yielded something else than before from the same inputs.
pub(super) fn differs(planned: &PlannedAction, ends: [End<'_>; 2]) -> Diagnostic {
    let [before, now] = ends.map(|(digest, _)| digest.short());
    let told = Diagnostic::warning(
        CODE,
        format!(
            "`{}` yielded something else than before from the same inputs",
            planned.label
        ),
    )
    .at_maybe(planned.site)
    .note(format!("{before} before, {now} now"));
    let difference = difference(&planned.action, ends).into_iter();
    difference
        .fold(told, Diagnostic::note)
        .help("`zosc build --verify` builds everything twice and names what differs in the image")
}

/// What two builds of one plan showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Names of the outputs, and where they differ.
    pub outputs: Vec<(String, Option<String>)>,
    /// The first file of the image that differs: its path, who put it there, and what differs.
    pub file: Option<String>,
    /// The first action in the order of the plan that yielded two things from the same inputs.
    pub culprit: Option<Culprit>,
    /// The first action whose inputs were not the same: something was edited between the two builds.
    pub changed: Option<String>,
}

/// An action that cannot be reproduced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Where it stands in the plan.
    pub action: ActionId,
    /// What differs in what it yielded.
    pub difference: Option<String>,
}

impl Verdict {
    /// Whether all outputs are the same.
    pub fn is_same(&self) -> bool {
        self.outputs
            .iter()
            .all(|(_, difference)| difference.is_none())
    }

    /// What there is to say: an error where outputs differ, a warning where only something on the way does.
    pub fn problems(&self, plan: &Plan) -> Diagnostics {
        let culprit = self.culprit.as_ref().and_then(|culprit| {
            let planned = plan.actions.get(culprit.action.0 as usize)?;
            Some((planned, culprit))
        });
        let told = match (self.is_same(), &culprit) {
            (true, None) => return Diagnostics::new(),
            (true, Some((planned, _))) => Diagnostic::warning(
                CODE,
                format!(
                    "`{}` yields something else each time, though the outputs are the same",
                    planned.label
                ),
            ),
            (false, _) => Diagnostic::error(CODE, "two builds of the same inputs differ"),
        };
        let outputs = self
            .outputs
            .iter()
            .filter_map(|(name, difference)| Some(format!("`{name}` {}", difference.as_ref()?)));
        let mut told = outputs.fold(told, Diagnostic::note);
        if let Some(file) = &self.file {
            told = told.note(format!(
                "the first file of the image that differs is {file}"
            ));
        }
        match culprit {
            Some((planned, culprit)) => {
                told = told.at_maybe(planned.site).note(format!(
                    "the first action that yields two things from the same inputs is `{}` ({})",
                    planned.label, planned.stage
                ));
                let difference = culprit.difference.iter().cloned();
                told = difference.fold(told, Diagnostic::note).help("see what it writes: times, random numbers, names of temporary files, the order of a folder, what depends on the number of processors");
            }
            None => told = told.help(match &self.changed {
                Some(label) => format!("the inputs of `{label}` were changed between the two builds; let nothing edit them and run the command again"),
                None => "run the command again; if it stays, zosc itself is to blame: report it with this message".to_owned(),
            }),
        }
        told.into()
    }
}

/// Compares what a build left with what another one of the same plan left elsewhere.
///
/// # Errors
/// Outputs or trees that cannot be read.
pub fn compare(
    plan: &Plan,
    first: (&Store, &Artifacts),
    second: (&Store, &Record),
) -> Result<Verdict, Diagnostic> {
    let ((here, artifacts), (there, record)) = (first, second);
    let mut outputs = Vec::new();
    for output in &artifacts.outputs {
        let name = output.path.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let other = record.outputs.iter().find(|other| other.name == name);
        let difference = match other {
            None => Some("was written by the first build only".to_owned()),
            Some(other) => files(&output.path, &other.path)?,
        };
        outputs.push((name, difference));
    }
    let results = results(plan, here);
    let other: Others<'_> = record
        .actions
        .iter()
        .map(|action| ((action.stage.as_str(), action.label.as_str()), action))
        .collect();
    let (culprit, changed) = blame(plan, &results, &other, [here, there]);
    let mut verdict = Verdict {
        outputs,
        file: None,
        culprit,
        changed,
    };
    if let Some(Input::Output(id)) = whole(plan)
        && let Some(planned) = plan.actions.get(id.0 as usize)
        && let Some(tree) = results.get(id.0 as usize).copied().flatten()
        && let Some(other) = other.get(&(planned.stage.name(), planned.label.as_str()))
    {
        verdict.file = trees([(tree, here), (other.output, there)]);
    }
    Ok(verdict)
}

/// The other build's actions by stage and label.
type Others<'a> = BTreeMap<(&'a str, &'a str), &'a ActionRecord>;

/// The first action that yielded two things from the same inputs, and the first before it whose inputs were not the same.
fn blame(
    plan: &Plan,
    results: &[Option<Digest>],
    other: &Others<'_>,
    stores: [&Store; 2],
) -> (Option<Culprit>, Option<String>) {
    let resolve = |id: ActionId| {
        let result = results.get(id.0 as usize).copied().flatten();
        result.unwrap_or_else(|| Digest::of(b""))
    };
    let mut changed = None;
    for (index, planned) in plan.actions.iter().enumerate() {
        let name = (planned.stage.name(), planned.label.as_str());
        let (Some(output), Some(other)) = (results[index], other.get(&name)) else {
            continue;
        };
        let is_same = planned.action.key(&resolve) == other.key;
        if is_same && output != other.output {
            let ends = [(output, stores[0]), (other.output, stores[1])];
            let culprit = Culprit {
                action: ActionId(index as u32),
                difference: difference(&planned.action, ends),
            };
            return (Some(culprit), changed);
        }
        if !is_same && changed.is_none() {
            changed = Some(planned.label.clone());
        }
    }
    (None, changed)
}

/// The whole image before its digest is written into it: that differs wherever anything does.
fn whole(plan: &Plan) -> Option<Input> {
    let mut identified = plan
        .actions
        .iter()
        .filter_map(|planned| match planned.action {
            Action::Identify { tree, .. } => Some(tree),
            _ => None,
        });
    identified.next().or(plan.tree)
}

/// What the actions of a plan that has been performed yielded.
fn results(plan: &Plan, store: &Store) -> Vec<Option<Digest>> {
    let all = status(plan, store).into_iter();
    all.map(|status| match status {
        Status::Cached(output) => Some(output),
        Status::Stale(_) => None,
    })
    .collect()
}

/// Hands what a build needs from elsewhere, and the other has, on to another store.
///
/// # Errors
/// Contents that cannot be read or written.
pub fn share_fetched(plan: &Plan, from: &Store, to: &Store) -> Result<(), Diagnostic> {
    let nothing = |_| Digest::of(b"");
    for (planned, output) in plan.actions.iter().zip(results(plan, from)) {
        let Some(output) = output.filter(|_| planned.action.is_from_elsewhere()) else {
            continue;
        };
        if planned.action.yields() == Yield::Tree {
            for (_, entry) in from.get_tree(&output)?.iter() {
                if let Node::File { digest, .. } = entry.node {
                    share(&digest, from, to)?;
                }
            }
        }
        share(&output, from, to)?;
        super::ledger::record(to, &planned.action.key(&nothing), &output)?;
    }
    Ok(())
}

fn share(digest: &Digest, from: &Store, to: &Store) -> Result<(), Diagnostic> {
    if !to.contains(digest) {
        to.put_reader(&mut from.stream(digest)?)?;
    }
    Ok(())
}

/// Where the two outputs of one action come apart, for people.
fn difference(action: &Action, ends: [End<'_>; 2]) -> Option<String> {
    let [(first, here), (second, there)] = ends;
    let found = match (action.yields(), action) {
        (Yield::Tree, _) => trees(ends),
        (_, Action::Cpio { .. } | Action::Concat { .. }) => archives(ends),
        _ => None,
    };
    found.or_else(|| {
        let (first, second) = (here.stream(&first).ok()?, there.stream(&second).ok()?);
        let at = first_byte(first, second).ok()??;
        Some(format!("it differs from byte {at} on"))
    })
}

/// Where two files come apart, to be said behind their name.
fn files(first: &Path, second: &Path) -> Result<Option<String>, Diagnostic> {
    let open = |path: &Path| fs::File::open(path).map_err(|error| super::disk(path, &error));
    let at = first_byte(open(first)?, open(second)?).map_err(|error| super::disk(first, &error))?;
    Ok(at.map(|at| format!("differs from byte {at} on")))
}

/// The offset of the first byte that differs; the end of the shorter one counts.
fn first_byte(mut first: impl Read, mut second: impl Read) -> io::Result<Option<u64>> {
    const AT_ONCE: u64 = 1 << 16;
    let mut at = 0;
    let mut parts = [Vec::new(), Vec::new()];
    loop {
        let [one, other] = &mut parts;
        one.clear();
        other.clear();
        first.by_ref().take(AT_ONCE).read_to_end(one)?;
        second.by_ref().take(AT_ONCE).read_to_end(other)?;
        if one != other {
            let same = one
                .iter()
                .zip(&*other)
                .take_while(|(one, other)| one == other);
            return Ok(Some(at + same.count() as u64));
        }
        if one.is_empty() {
            return Ok(None);
        }
        at += one.len() as u64;
    }
}

/// The first path at which two trees differ, who put it there, and what differs.
fn trees(ends: [End<'_>; 2]) -> Option<String> {
    let [one, other] = ends.map(|(digest, store)| store.get_tree(&digest).ok());
    let (one, other) = (one?, other?);
    let paths = one.iter().chain(other.iter()).map(|(path, _)| path);
    let differs = |path: &&ImagePath| one.get(path) != other.get(path);
    let path = paths.filter(differs).min()?;
    Some(entries(path, [&one, &other], [ends[0].1, ends[1].1]))
}

fn entries(path: &ImagePath, trees: [&Tree; 2], stores: [&Store; 2]) -> String {
    let (one, other) = match trees.map(|tree| tree.get(path)) {
        [Some(one), Some(other)] => (one, other),
        [one, other] => {
            let which = if one.is_some() { "first" } else { "second" };
            let origin = one.or(other).map_or("", |entry| entry.origin.as_str());
            return format!("`{path}` ({origin}), which only the {which} has");
        }
    };
    let ends = [one, other];
    let what = match ends.map(|entry| &entry.node) {
        [
            Node::File { digest: a, size: m },
            Node::File { digest: b, size: n },
        ] if a != b => {
            let readers = (stores[0].stream(a).ok(), stores[1].stream(b).ok());
            let at = match readers {
                (Some(a), Some(b)) => first_byte(a, b).ok().flatten(),
                _ => None,
            };
            let at = at.map_or(String::new(), |at| format!(" from byte {at} on"));
            format!("its content differs{at} ({} and {})", bytes(*m), bytes(*n))
        }
        [a, b] if a != b => "it is of another kind or leads elsewhere".to_owned(),
        _ => marks(one, other),
    };
    format!("`{path}` ({}): {what}", one.origin)
}

/// What differs in two entries of the same content.
fn marks(one: &Entry, other: &Entry) -> String {
    match () {
        () if one.mode != other.mode => {
            format!("its mode is {:04o} and {:04o}", one.mode, other.mode)
        }
        () if (one.uid, one.gid) != (other.uid, other.gid) => format!(
            "its owner is {}:{} and {}:{}",
            one.uid, one.gid, other.uid, other.gid
        ),
        () if one.mtime != other.mtime => {
            format!("its time is {} and {}", one.mtime, other.mtime)
        }
        () if one.xattrs != other.xattrs => "its extended attributes differ".to_owned(),
        () => format!("it is from {} and {}", one.origin, other.origin),
    }
}

/// What differs in two packed archives of the same tree: the order of entries, what is written of one, or the compression.
fn archives(ends: [End<'_>; 2]) -> Option<String> {
    let [one, other] = ends.map(|(digest, store)| store.get(&digest).ok());
    let (one, other) = (one?, other?);
    let limits = Limits::default();
    let frames = [
        archive::frames(&one, limits).ok()?,
        archive::frames(&other, limits).ok()?,
    ];
    let pairs = frames[0].iter().zip(&frames[1]);
    for (one, other) in pairs {
        let members = [
            archive::members(&one.bytes, limits.entries).ok()?.0,
            archive::members(&other.bytes, limits.entries).ok()?.0,
        ];
        let mut pairs = members[0].iter().zip(&members[1]);
        if let Some((one, other)) = pairs.find(|(one, other)| one != other) {
            return Some(if one.name == other.name {
                format!("its entry `{}` is written in two ways", one.name)
            } else {
                format!(
                    "its order differs: `{}` and `{}` stand at one place",
                    one.name, other.name
                )
            });
        }
    }
    Some("its entries are the same, and compressed to other bytes".to_owned())
}
