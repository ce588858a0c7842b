//! What is proposed, before it becomes an item of the protocol, and which proposals suit what is typed.

use super::super::protocol::CompletionItemKind;

/// One thing that may be written at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposal {
    /// What is shown, and what typing is compared with.
    pub(super) label: String,
    /// What is inserted.
    pub(super) text: Text,
    /// Its icon.
    pub(super) kind: CompletionItemKind,
    /// A few words beside it.
    pub(super) detail: String,
    /// What it means, in Markdown.
    pub(super) documentation: String,
    /// What comes before what, of proposals that suit equally well.
    pub(super) rank: Rank,
    /// Whether it should not be used any more.
    pub(super) deprecated: bool,
}

/// What is inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// A value, which gets the quotes that it needs.
    Value(String),
    /// The beginning of a value that goes on, such as a folder.
    Beginning(String),
    /// A piece of the text as it stands, and with places to fill in for clients that know them.
    Piece {
        /// As it stands.
        plain: String,
        /// With places to fill in.
        snippet: Option<String>,
    },
    /// Nothing: what is said is for reading.
    Nothing,
}

/// What comes before what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Rank {
    /// What is wrong to leave out.
    Required,
    /// What suits best.
    First,
    /// Everything else.
    #[default]
    Usual,
    /// What is rarely meant.
    Late,
    /// What is likely to be refused.
    Last,
}

impl Proposal {
    /// A value that is inserted as it is shown.
    pub(super) fn value(value: impl Into<String>, kind: CompletionItemKind) -> Self {
        let label = value.into();
        Self::new(label.clone(), Text::Value(label), kind)
    }

    /// A proposal with a text of its own.
    pub(super) fn new(label: impl Into<String>, text: Text, kind: CompletionItemKind) -> Self {
        Self {
            label: label.into(),
            text,
            kind,
            detail: String::new(),
            documentation: String::new(),
            rank: Rank::default(),
            deprecated: false,
        }
    }

    /// A folder, behind which a path goes on.
    pub(super) fn beginning(path: &str) -> Self {
        let text = Text::Beginning(path.to_owned());
        Self::new(path, text, CompletionItemKind::Folder)
    }

    /// Something to read instead of proposals.
    pub(super) fn hint(words: impl Into<String>) -> Self {
        let hint = Self::new(words, Text::Nothing, CompletionItemKind::Text);
        hint.ranked(Rank::Last)
    }

    /// Says a few words beside it.
    pub(super) fn detail(mut self, words: impl Into<String>) -> Self {
        self.detail = words.into();
        self
    }

    /// Says what it means.
    pub(super) fn about(mut self, words: impl Into<String>) -> Self {
        self.documentation = words.into();
        self
    }

    /// Says when it comes.
    pub(super) fn ranked(mut self, rank: Rank) -> Self {
        self.rank = rank;
        self
    }

    /// What typing is compared with: the value where there is one.
    pub(super) fn compared(&self) -> &str {
        match &self.text {
            Text::Value(value) | Text::Beginning(value) => value,
            Text::Piece { .. } | Text::Nothing => &self.label,
        }
    }
}

/// How well a name suits what is typed; the less the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suits {
    /// It begins with it.
    Begins,
    /// It holds it.
    Holds,
    /// It has its characters in this order, the first one at its beginning.
    Follows,
}

/// How well a name suits what is typed, if it does. Case does not count.
pub(super) fn suits(name: &str, typed: &str) -> Option<Suits> {
    let (name, typed) = (name.as_bytes(), typed.as_bytes());
    let begins = |name: &[u8]| {
        let head = name.get(..typed.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(typed))
    };
    if begins(name) {
        return Some(Suits::Begins);
    }
    if (1..name.len()).any(|start| name.get(start..).is_some_and(begins)) {
        return Some(Suits::Holds);
    }
    let first = typed.first().zip(name.first());
    if !first.is_some_and(|(typed, name)| typed.eq_ignore_ascii_case(name)) {
        return None;
    }
    let mut rest = name.iter();
    let follows = typed
        .iter()
        .all(|wanted| rest.any(|found| found.eq_ignore_ascii_case(wanted)));
    follows.then_some(Suits::Follows)
}

/// The names of many that suit what is typed: at most `most`, the best first, and whether there are more.
pub(super) fn best<'n, T>(
    candidates: impl Iterator<Item = (&'n str, T)>,
    typed: &str,
    most: usize,
) -> (Vec<T>, bool) {
    let mut found: [Vec<T>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    let mut more = false;
    for (name, candidate) in candidates {
        let Some(suits) = suits(name, typed) else {
            continue;
        };
        let same = &mut found[suits as usize];
        if same.len() < most {
            same.push(candidate);
        } else {
            more = true;
        }
    }
    let mut all: Vec<T> = found.into_iter().flatten().collect();
    more |= all.len() > most;
    all.truncate(most);
    (all, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suit_what_is_typed() {
        assert_eq!(suits("busybox", ""), Some(Suits::Begins));
        assert_eq!(suits("busybox", "Busy"), Some(Suits::Begins));
        assert_eq!(suits("busybox", "box"), Some(Suits::Holds));
        assert_eq!(suits("openssh-server", "osrv"), Some(Suits::Follows));
        assert_eq!(suits("busybox", "ybusy"), None);
        assert_eq!(suits("größe", "rö"), Some(Suits::Holds));
    }

    #[test]
    fn of_many_the_best_are_kept() {
        let names = ["abc", "xab", "ab", "a-b", "b"];
        let candidates = || names.iter().map(|name| (*name, *name));
        assert_eq!(
            best(candidates(), "ab", 9),
            (vec!["abc", "ab", "xab", "a-b"], false)
        );
        assert_eq!(best(candidates(), "ab", 2), (vec!["abc", "ab"], true));
    }
}
