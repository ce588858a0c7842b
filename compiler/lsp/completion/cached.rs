//! What caches know: packages, modules, firmware, Kconfig symbols. Of thousands, those that suit what is typed.

use crate::diagnostic::bytes;
use crate::manifest::model::Member;
use crate::syntax::bare_or_quoted;

use super::super::cursor::Quotes;
use super::super::knowledge::{ModuleFacts, PackageFacts, SymbolFacts};
use super::super::protocol::CompletionItemKind;
use super::MOST;
use super::list::{Ctx, List};
use super::proposal::{Proposal, Rank, Text, best};
use super::snippet::escaped;

/// What packed firmware ends in; its plain name stands for it.
const PACKED: [&str; 2] = [".xz", ".zst"];
/// What stands before a symbol in a configuration.
const CONFIG: &str = "CONFIG_";
/// What a symbol of two or three states can be.
const VALUES: &[(&str, &str)] = &[("y", "built in"), ("m", "a module"), ("n", "left out")];
/// The property that names a tag.
const TAG: &str = "tag";
/// How many dependencies or files are named before the rest is counted.
const NAMED: usize = 8;

impl Ctx<'_> {
    /// Packages that the repositories offer, without those that are there.
    pub(super) fn packages(&self, list: &mut List) {
        let known = self.view.knowledge.packages();
        let Some(packages) = self.known(known, "the names of packages", list) else {
            return;
        };
        let taken = self.taken(list);
        let all = |prefix| {
            packages
                .starting_with(prefix)
                .map(|facts| (facts.name, facts))
        };
        // Most often enough of them begin with what is typed; only else each one is looked at.
        let typed = list.typed.clone();
        let (mut found, mut more) = best(all(&typed), &typed, MOST);
        if !more && !typed.is_empty() {
            (found, more) = best(all(""), &typed, MOST);
        }
        list.more |= more;
        found.retain(|facts| !taken.contains(facts.name));
        for facts in found {
            list.push(self.package(&facts));
        }
    }

    fn package(&self, facts: &PackageFacts<'_>) -> Proposal {
        let mut about = facts.description.to_owned();
        about.push_str(&format!(
            "\n\n{} from `{}`, {} to fetch, {} installed",
            facts.version,
            facts.repository,
            bytes(facts.size),
            bytes(facts.installed_size),
        ));
        let locked = self.view.knowledge.locked();
        let mut locked = locked
            .into_iter()
            .flat_map(|locked| locked.packages(facts.name));
        if let Some(locked) = locked.next() {
            about.push_str(&format!("\n\nlocked: {}", locked.version));
        }
        let proposal = Proposal::value(facts.name, CompletionItemKind::Module).about(about);
        let detail = format!("{}, {}", facts.version, bytes(facts.installed_size));
        let current = self.cursor.current();
        let tag = current.and_then(|node| node.property(self.text(), TAG));
        match facts.tag.filter(|wanted| tag.as_deref() != Some(*wanted)) {
            None => proposal.detail(detail),
            Some(wanted) => Proposal {
                text: self.tagged(facts.name, wanted, tag.is_some()),
                ..proposal
                    .detail(format!("{detail}, needs tag={wanted}"))
                    .ranked(Rank::Late)
            },
        }
    }

    /// A package with the tag that a wish for it must carry, where that can be written beside it.
    fn tagged(&self, name: &str, tag: &str, has_other: bool) -> Text {
        let member = self.cursor.member(self.model);
        let shape = member.and_then(|member| self.model.shape_of(member));
        let takes_tag = shape.is_some_and(|shape| shape.member(TAG).is_some());
        let is_alone = self.cursor.quotes == Quotes::Bare && !has_other;
        if !takes_tag || !is_alone {
            return Text::Value(name.to_owned());
        }
        Text::Piece {
            plain: format!("{} {TAG}={}", bare_or_quoted(name), bare_or_quoted(tag)),
            snippet: None,
        }
    }

    /// Constraints that the packages of the node at the cursor meet: exactly the version that is offered, or any like it.
    pub(super) fn versions(&self, list: &mut List) {
        let known = self.view.knowledge.packages();
        let Some(packages) = self.known(known, "the versions of packages", list) else {
            return;
        };
        for name in self.cursor.arguments() {
            let Some(facts) = packages.get(&name) else {
                continue;
            };
            let version = facts.version;
            let mut parts = version
                .split(['-', '_'])
                .next()
                .unwrap_or(version)
                .splitn(3, '.');
            let series: Vec<&str> = parts.by_ref().take(2).collect();
            let kind = CompletionItemKind::Value;
            let like = Proposal::value(format!("~{}", series.join(".")), kind);
            list.push(like.detail(format!("{name} {version} and others of its series")));
            let exact = Proposal::value(format!("={version}"), kind);
            list.push(exact.detail(format!("{name} as it is offered now")));
        }
    }

    /// Modules of the kernel, without those that the same stage has.
    pub(super) fn modules(&self, list: &mut List) {
        let known = self.view.knowledge.modules();
        let Some(modules) = self.known(known, "the names of modules", list) else {
            return;
        };
        let taken = self.taken(list);
        // To the kernel `-` and `_` are the same; what is typed decides.
        let dashes = list.typed.contains('-');
        let spelled = |name: &str| {
            if dashes {
                name.replace('_', "-")
            } else {
                name.to_owned()
            }
        };
        let all: Vec<_> = modules
            .starting_with("")
            .map(|facts| (spelled(facts.name), facts))
            .collect();
        let candidates = all
            .iter()
            .map(|candidate| (candidate.0.as_str(), candidate));
        let (found, more) = best(candidates, &list.typed, MOST);
        list.more |= more;
        for (name, facts) in found
            .into_iter()
            .filter(|(name, _)| !taken.contains(name.as_str()))
        {
            list.push(module(name, facts));
        }
    }

    /// Firmware one folder at a time, with a pattern for everything in it.
    pub(super) fn firmware(&self, list: &mut List) {
        let known = self.view.knowledge.firmware();
        let Some(firmware) = self.known(known, "the names of firmware files", list) else {
            return;
        };
        let typed = list.typed.clone();
        let folder = typed
            .rfind('/')
            .map_or("", |slash| typed.get(..=slash).unwrap_or_default());
        if !folder.is_empty() {
            let all = firmware.below(folder).fold((0, 0), |(files, size), facts| {
                (files + 1, size + facts.size)
            });
            let pattern = Proposal::value(format!("{folder}*"), CompletionItemKind::Value);
            let detail = format!("{} files, {}", all.0, bytes(all.1));
            list.push(pattern.detail(detail).ranked(Rank::First));
        }
        let mut last = String::new();
        let mut found = Vec::new();
        for facts in firmware.below(folder) {
            let path = PACKED
                .iter()
                .find_map(|ending| facts.path.strip_suffix(ending));
            let path = path.unwrap_or(facts.path);
            let rest = path.get(folder.len()..).unwrap_or_default();
            let proposal = match rest.split_once('/') {
                Some((name, _)) => Proposal::beginning(&format!("{folder}{name}/")),
                None => Proposal::value(path, CompletionItemKind::File).detail(bytes(facts.size)),
            };
            if proposal.label != last {
                last.clone_from(&proposal.label);
                found.push(proposal);
            }
        }
        let candidates = found
            .into_iter()
            .map(|proposal| (proposal.label.clone(), proposal));
        let candidates: Vec<(String, Proposal)> = candidates.collect();
        let candidates = candidates
            .iter()
            .map(|(label, proposal)| (label.as_str(), proposal));
        let (found, more) = best(candidates, &typed, MOST);
        list.more |= more;
        list.proposals.extend(found.into_iter().cloned());
    }

    /// Kconfig symbols, each with a value to choose where its sources say which there are.
    pub(super) fn symbols(&self, has_equals: bool, list: &mut List) {
        let known = self.view.knowledge.symbols();
        let Some(symbols) = self.known(known, "the kernel's symbols", list) else {
            return;
        };
        let taken: Vec<_> = self.cursor.keys().collect();
        let is_taken = |name: &str| {
            let mut names = taken
                .iter()
                .map(|key| key.strip_prefix(CONFIG).unwrap_or(key));
            names.any(|taken| taken == name)
        };
        let typed = list.typed.clone();
        let wanted = match typed.strip_prefix(CONFIG) {
            Some(rest) => rest,
            None if CONFIG.starts_with(typed.as_str()) => "",
            None => typed.as_str(),
        };
        let all = symbols.starting_with("").map(|facts| (facts.name, facts));
        let (found, more) = best(all, wanted, MOST);
        list.more |= more;
        for facts in found.into_iter().filter(|facts| !is_taken(facts.name)) {
            list.push(symbol(&facts, has_equals));
        }
    }

    /// Names that an author chooses: those of Kconfig, where the member takes them.
    pub(super) fn pair_keys(&self, member: &Member, has_equals: bool, list: &mut List) {
        if self.cursor.quotes == Quotes::Bare && is_kconfig(member) {
            self.symbols(has_equals, list);
        }
    }

    /// Values of the name whose key stands before the cursor, where it is a symbol.
    pub(super) fn pair_values(&self, member: &Member, list: &mut List) {
        if !is_kconfig(member) {
            return;
        }
        let key = self.cursor.key().unwrap_or_default();
        let known = self.view.knowledge.symbols();
        let Some(symbols) = self.known(known, "the kernel's symbols", list) else {
            return;
        };
        let kind = symbols.get(&key).map_or("", |facts| facts.kind);
        for (word, meaning) in VALUES {
            if *word != "m" && kind == "bool" || kind == "tristate" {
                let proposal = Proposal::value(*word, CompletionItemKind::EnumMember);
                list.push(proposal.detail(*meaning));
            }
        }
    }
}

/// Whether a member's pairs are symbols of the kernel.
fn is_kconfig(member: &Member) -> bool {
    member.complete.as_deref() == Some("kconfig")
}

fn module(name: &str, facts: &ModuleFacts<'_>) -> Proposal {
    let proposal = Proposal::value(name, CompletionItemKind::Module);
    let mut about = facts.description.to_owned();
    for (names, title) in [
        (&facts.dependencies, "needs"),
        (&facts.firmware, "may ask for"),
    ] {
        if !names.is_empty() {
            about.push_str(&format!("\n\n{title} {}", listed(names)));
        }
    }
    if facts.builtin {
        let detail = "built in: nothing to load";
        return proposal.detail(detail).about(about).ranked(Rank::Last);
    }
    proposal.detail(bytes(facts.size)).about(about)
}

/// The first names of many.
fn listed(names: &[&str]) -> String {
    let shown = names.get(..NAMED).unwrap_or(names);
    let quoted: Vec<String> = shown.iter().map(|name| format!("`{name}`")).collect();
    match names.len() - shown.len() {
        0 => quoted.join(", "),
        more => format!("{} and {more} more", quoted.join(", ")),
    }
}

fn symbol(facts: &SymbolFacts<'_>, has_equals: bool) -> Proposal {
    let name = format!("{CONFIG}{}", facts.name);
    let place = match facts.kind {
        "bool" => "${1|y,n|}",
        "tristate" => "${1|y,m,n|}",
        "string" => "\"$1\"",
        _ => "$1",
    };
    let text = Text::Piece {
        plain: if has_equals {
            name.clone()
        } else {
            format!("{name}=")
        },
        snippet: (!has_equals).then(|| format!("{}={place}", escaped(&name))),
    };
    let proposal = Proposal::new(name, text, CompletionItemKind::Constant);
    let about = format!("{}\n\n{}", facts.prompt, facts.help);
    let proposal = proposal.detail(facts.kind).about(about.trim());
    match facts.prompt {
        "" => proposal.ranked(Rank::Late),
        _ => proposal,
    }
}
