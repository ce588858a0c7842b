//! Why a file is in the image: who put it there, what became of it on the way, and who asked for that.

use globset::{GlobBuilder, GlobMatcher};

use crate::diagnostic::bytes;
use crate::plan::{Action, ContentOf, PlannedFlist, Reduction};
use crate::tree::{self, Entry, ImagePath, Node, Tree};

use super::{Answer, Known, image_path, modules, packages, sources, units};

/// What there is to say about a path.
pub(super) fn path(known: &Known<'_>, asked: &str) -> Option<Answer> {
    let asked = image_path(asked)?;
    let mut answer = Answer::new("path", asked.as_str());
    let found = known.tree.and_then(|tree| found(tree, &asked, &mut answer));
    let Some((path, entry)) = found else {
        return packed_away(known, &asked, &mut answer)
            .then_some(answer)
            .or_else(|| left_out(known, &asked, Answer::new("path", asked.as_str())))
            .or_else(|| declared(known, &asked));
    };
    answer.say(format!("{}, from {}", described(&entry), entry.origin));
    on_the_way(known, &path, &mut answer);
    origin(known, &path, &entry, &mut answer);
    if !entry.is_directory() {
        covered(known, &path, &mut answer);
    }
    Some(answer)
}

/// The flists that have something at a path of the running system.
fn packed<'k>(
    known: &Known<'k>,
    asked: &ImagePath,
) -> impl Iterator<Item = (&'k PlannedFlist, Entry)> {
    let found = known.plan.flists.iter().filter_map(|flist| {
        let inside = flist.inside(asked)?;
        let entry = known.tree_of(&flist.content)?.get(&inside)?.clone();
        Some((flist, entry))
    });
    found.collect::<Vec<_>>().into_iter()
}

/// What is not in the image because an flist has it; whether one does.
fn packed_away(known: &Known<'_>, asked: &ImagePath, answer: &mut Answer) -> bool {
    let mut is_packed = false;
    for (flist, entry) in packed(known, asked) {
        let name = &flist.name.value;
        let why = match flist.content_of {
            ContentOf::Image => "which took its folder out of the image",
            ContentOf::Kernel => "which has all modules of the kernel",
            ContentOf::Packages => "which has all firmware of its packages",
        };
        answer.at(
            format!("it is not in the image: it is in the flist `{name}`, {why}"),
            flist.name.span,
        );
        if let Some(mount) = &flist.mount {
            answer.say(format!(
                "it is there once the flist is mounted over {mount}"
            ));
        }
        answer.say(format!("{}, from {}", described(&entry), entry.origin));
        if !is_packed {
            origin(known, asked, &entry, answer);
        }
        is_packed = true;
    }
    is_packed
}

/// Says which flists have a file of the image, too.
fn covered(known: &Known<'_>, path: &ImagePath, answer: &mut Answer) {
    for (flist, _) in packed(known, path) {
        let name = &flist.name.value;
        let text = match &flist.mount {
            Some(mount) => format!(
                "the flist `{name}` has it too, and covers this one once it is mounted over {mount}"
            ),
            None => format!("the flist `{name}` has it too"),
        };
        answer.at(text, flist.name.span);
    }
}

/// The entry at a path, or the one that links lead to.
fn found(tree: &Tree, asked: &ImagePath, answer: &mut Answer) -> Option<(ImagePath, Entry)> {
    if let Some(entry) = tree.get(asked) {
        return Some((asked.clone(), entry.clone()));
    }
    let place = tree::physical(tree, asked);
    let entry = tree.get(&place)?;
    answer.say(format!("a link above it leads to {place}"));
    Some((place, entry.clone()))
}

fn described(entry: &Entry) -> String {
    match &entry.node {
        Node::File { size, .. } => format!("a file of {}, mode {:04o}", bytes(*size), entry.mode),
        Node::Directory => format!("a folder, mode {:04o}", entry.mode),
        Node::Symlink { target } => format!("a link to {target}"),
        Node::Hardlink { to } => format!("another name of {to}"),
        Node::CharDevice { .. } | Node::BlockDevice { .. } => "a device".to_owned(),
        Node::Fifo => "a pipe".to_owned(),
    }
}

/// What of several layers won, and what steps that make the image smaller did to a file.
fn on_the_way(known: &Known<'_>, path: &ImagePath, answer: &mut Answer) {
    for planned in &known.plan.actions {
        let Action::Merge { trees, .. } = &planned.action else {
            continue;
        };
        let trees = trees.iter().filter_map(|input| known.tree_of(input));
        let layers: Vec<Entry> = trees
            .filter_map(|tree| {
                tree.get(path)
                    .filter(|entry| !entry.is_directory())
                    .cloned()
            })
            .collect();
        for pair in layers.windows(2) {
            if let [below, above] = pair
                && below.node != above.node
            {
                let text = format!(
                    "{} won over {} in `{}`",
                    above.origin, below.origin, planned.label
                );
                answer.say(text);
            }
        }
    }
    for reduction in &known.plan.reductions {
        let size = |tree: &crate::plan::Input| -> Option<u64> {
            let tree = known.tree_of(tree)?;
            match tree.get(path)?.node {
                Node::File { size, .. } => Some(size),
                _ => None,
            }
        };
        if let (Some(before), Some(after)) = (size(&reduction.before), size(&reduction.after))
            && before != after
        {
            let (what, before, after) = (&reduction.what, bytes(before), bytes(after));
            answer.say(format!("`{what}` made {after} of {before}"));
        }
    }
}

/// A file that a word of `size` left out.
fn left_out(known: &Known<'_>, asked: &ImagePath, mut answer: Answer) -> Option<Answer> {
    let dropping = |reduction: &&Reduction| {
        let matchers = reduction
            .patterns
            .iter()
            .filter_map(|pattern| matcher(pattern));
        let mut matchers = matchers.into_iter();
        matchers.any(|matcher| covers(&matcher, asked))
    };
    let reduction = known.plan.reductions.iter().find(dropping)?;
    let before = known.tree_of(&reduction.before);
    let entry = before.as_ref().and_then(|tree| tree.get(asked));
    if before.is_some() && entry.is_none() {
        return None;
    }
    let word = reduction
        .what
        .strip_prefix("drop ")
        .unwrap_or(&reduction.what);
    let mut words = known.image.drop.iter();
    let site = words.find(|dropping| dropping.word.value == word);
    let site = site.map(|dropping| dropping.word.span);
    answer.at(
        format!("it is not in the image: `{}` leaves it out", reduction.what),
        site,
    );
    match entry {
        Some(entry) => {
            let (what, entry) = (described(entry), entry.clone());
            answer.say(format!("before that it was {what}, from {}", entry.origin));
            origin(known, asked, &entry, &mut answer);
        }
        None => answer.say("whose it would be is known once the image is built: run `zosc build`"),
    }
    Some(answer)
}

fn matcher(pattern: &str) -> Option<GlobMatcher> {
    let mut builder = GlobBuilder::new(pattern);
    let glob = builder.literal_separator(true).build().ok()?;
    Some(glob.compile_matcher())
}

/// Whether a pattern matches a path or a folder above it.
fn covers(matcher: &GlobMatcher, path: &ImagePath) -> bool {
    let mut above = Some(path.clone());
    while let Some(path) = above {
        if matcher.is_match(path.as_str()) {
            return true;
        }
        above = path.parent();
    }
    false
}

/// A path that the manifest gives, of an image that is not built yet.
fn declared(known: &Known<'_>, asked: &ImagePath) -> Option<Answer> {
    let site = known.site(&format!("file {asked}"))?;
    let mut answer = Answer::new("path", asked.as_str());
    answer.at("the manifest puts it there", site);
    if known.tree.is_none() {
        answer
            .say("what else wanted that place is known once the image is built: run `zosc build`");
    }
    Some(answer)
}

/// From an origin to what asked for it.
fn origin(known: &Known<'_>, path: &ImagePath, entry: &Entry, answer: &mut Answer) {
    let name = entry.origin.name();
    let further = match entry.origin.kind() {
        "package" => {
            let packages = &known.inputs.lock.packages;
            if let Some(package) = packages.iter().find(|package| package.full_name() == name) {
                packages::purpose_of(known, package, answer);
            }
            None
        }
        "source" => sources::source(known, name).map(|mut source| {
            let other = |site: Option<_>| site != known.site(&format!("file {path}"));
            let is_other = |text: &str| text.starts_with("it brings ");
            source
                .links
                .retain(|link| !is_other(&link.text) || !other(link.site));
            source
        }),
        "unit" => units::unit(known, name),
        "module" => modules::module(known, name),
        "firmware" => {
            let below = path
                .as_str()
                .split_once("/firmware/")
                .map(|(_, below)| below);
            below.and_then(|below| modules::firmware(known, below))
        }
        "flist" => {
            let mut flists = known.image.flists.iter();
            let flist = flists.find(|flist| flist.name.value == name);
            let text = "the list of what the flist holds: `rfs` mounts it, and reads contents from its store";
            answer.at(text, flist.map(|flist| flist.name.span));
            None
        }
        "file" => {
            let text = "the manifest puts it there";
            answer.at(text, known.site(entry.origin.as_str()));
            None
        }
        "overlay" => {
            let mut overlays = known.image.overlays.iter();
            let overlay = overlays.find(|overlay| overlay.from.value.ends_with(name));
            answer.at(
                "the manifest lays this folder over the image",
                overlay.map(|o| o.from.span),
            );
            None
        }
        "accounts" => {
            for account in &known.image.accounts {
                answer.at("the manifest has this account", account.name.span);
            }
            None
        }
        "modules" => {
            answer.say("zosc writes it for the modules that the manifest loads");
            None
        }
        "zosc" => {
            answer
                .say("every image has it: the kernel and /init need it before anything is mounted");
            None
        }
        "unknown" => {
            answer.say("nothing in the image says who put it there");
            None
        }
        _ => None,
    };
    answer
        .links
        .extend(further.into_iter().flat_map(|further| further.links));
}
