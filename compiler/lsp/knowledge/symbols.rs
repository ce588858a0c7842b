//! The symbols that a kernel can be configured with, from its unpacked sources.

use crate::kconfig::Language;

use super::arena::{Arena, Word};

/// Most symbols that are kept: Linux has some 20,000.
const MOST_SYMBOLS: usize = 100_000;
/// How much of a text for people is kept, in bytes.
const LONGEST_HELP: u16 = 1200;
/// How much of a name or prompt is kept, in bytes.
const LONGEST_NAME: u16 = 255;
/// What stands before a symbol in `.config`.
const PREFIX: &str = "CONFIG_";

/// What is known of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolFacts<'a> {
    /// Its name, without `CONFIG_`.
    pub name: &'a str,
    /// What it can be set to: `bool`, `tristate`, `string`, `hex`, `int`; empty where its sources do not say.
    pub kind: &'a str,
    /// What people are asked; empty where nobody is, so that only other symbols can turn it on.
    pub prompt: &'a str,
    /// What its sources say for people.
    pub help: &'a str,
}

/// All symbols of a kernel.
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    words: Arena,
    /// By name.
    all: Vec<Symbol>,
}

#[derive(Debug, Clone, Copy)]
struct Symbol {
    name: Word,
    kind: &'static str,
    prompt: Word,
    help: Word,
}

impl Symbols {
    /// The symbols of a kernel's sources.
    pub fn of(language: &Language) -> Self {
        let mut found = Self::default();
        for name in language.symbols().take(MOST_SYMBOLS) {
            let definitions = language.definitions(name);
            let kind = definitions.iter().find_map(|definition| definition.kind);
            let prompt = definitions
                .iter()
                .find_map(|definition| definition.prompt.as_deref());
            let help = definitions.iter().map(|definition| definition.help.trim());
            let help = help.into_iter().find(|help| !help.is_empty());
            let words = &mut found.words;
            let symbol = Symbol {
                name: words.keep(name, LONGEST_NAME),
                kind: kind.map_or("", crate::kconfig::ValueKind::name),
                prompt: words.keep(prompt.unwrap_or_default(), LONGEST_NAME),
                help: words.keep(help.unwrap_or_default(), LONGEST_HELP),
            };
            found.all.push(symbol);
        }
        found.words.finish();
        found.all.shrink_to_fit();
        found
    }

    /// The symbols whose names begin with a text, with or without `CONFIG_`, by name.
    pub fn starting_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = SymbolFacts<'a>> + 'a {
        // Half of `CONFIG_` is no beginning of a name yet.
        let prefix = match prefix.strip_prefix(PREFIX) {
            Some(rest) => rest,
            None if PREFIX.starts_with(prefix) => "",
            None => prefix,
        };
        let start = self
            .all
            .partition_point(|symbol| self.words.get(symbol.name) < prefix);
        let behind = self.all.iter().skip(start);
        behind
            .take_while(move |symbol| self.words.get(symbol.name).starts_with(prefix))
            .map(|symbol| self.facts(symbol))
    }

    /// The symbol of a name, with or without `CONFIG_`.
    pub fn get(&self, name: &str) -> Option<SymbolFacts<'_>> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let found = self
            .all
            .binary_search_by(|symbol| self.words.get(symbol.name).cmp(name));
        self.all.get(found.ok()?).map(|symbol| self.facts(symbol))
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn facts(&self, symbol: &Symbol) -> SymbolFacts<'_> {
        SymbolFacts {
            name: self.words.get(symbol.name),
            kind: symbol.kind,
            prompt: self.words.get(symbol.prompt),
            help: self.words.get(symbol.help),
        }
    }
}
