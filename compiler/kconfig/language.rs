//! Reads `Kconfig` files: which symbols there are, what each depends on, and what selects it.

use std::collections::{BTreeMap, BTreeSet};

use super::Expression;

/// One `config` block. A symbol may have several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// What it can be set to, where the block says so.
    pub kind: Option<ValueKind>,
    /// What people are asked, where they are.
    pub prompt: Option<String>,
    /// What its text for people says, as far as that is kept.
    pub help: String,
    /// Conditions that must hold: its own, and those of the menus, choices and `if` blocks around it.
    pub depends: Vec<Expression>,
    /// What must hold besides for people to be asked.
    pub asked_if: Vec<Expression>,
    /// The number of the choice that it is one of.
    pub choice: Option<usize>,
}

/// What a symbol can be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// `y` or `n`.
    Bool,
    /// `y`, `m` or `n`.
    Tristate,
    /// A text.
    Text,
    /// A hexadecimal number.
    Hex,
    /// A number.
    Int,
}

impl ValueKind {
    /// Its name in `Kconfig`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Tristate => "tristate",
            Self::Text => "string",
            Self::Hex => "hex",
            Self::Int => "int",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "bool" | "def_bool" => Self::Bool,
            "tristate" | "def_tristate" => Self::Tristate,
            "string" => Self::Text,
            "hex" => Self::Hex,
            "int" => Self::Int,
            _ => return None,
        })
    }
}

/// A `select` of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) by: String,
    pub(super) condition: Option<Expression>,
}

/// Every symbol of a kernel's sources.
#[derive(Debug, Clone, Default)]
pub struct Language {
    definitions: BTreeMap<String, Vec<Definition>>,
    selects: BTreeMap<String, Vec<Selected>>,
}

/// How deep files may name each other.
const DEPTH: usize = 40;
/// How much of a text for people is kept, in bytes.
const LONGEST_HELP: usize = 1200;
/// Most conditions of surrounding blocks that are told of an entry; the kernel's own have a handful.
const MOST_AROUND: usize = 64;

impl Language {
    /// Reads the file `Kconfig` and what it names; `file` returns a file's text by its path in the sources.
    ///
    /// A file that is not there, and a line that is not understood, say nothing.
    pub fn read(arch: &str, file: &mut dyn FnMut(&str) -> Option<String>) -> Self {
        let mut reader = Reader {
            arch: match arch {
                "x86_64" => "x86",
                "aarch64" => "arm64",
                other => other,
            },
            file,
            language: Self::default(),
            around: Vec::new(),
            entry: None,
            choices: 0,
            visited: BTreeSet::new(),
        };
        reader.source("Kconfig", DEPTH);
        reader.close_entry();
        reader.language
    }

    /// The blocks that define a symbol; none where there is no such symbol.
    pub fn definitions(&self, symbol: &str) -> &[Definition] {
        self.definitions.get(symbol).map_or(&[], Vec::as_slice)
    }

    /// Every symbol.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(String::as_str)
    }

    pub(super) fn selected_by(&self, symbol: &str) -> &[Selected] {
        self.selects.get(symbol).map_or(&[], Vec::as_slice)
    }

    /// Symbols of the same choice.
    pub(super) fn others_of_choice(&self, choice: usize) -> impl Iterator<Item = &str> {
        let of_choice = move |definitions: &Vec<Definition>| {
            let mut all = definitions.iter();
            all.any(|definition| definition.choice == Some(choice))
        };
        let found = self.definitions.iter();
        found
            .filter(move |(_, definitions)| of_choice(definitions))
            .map(|(symbol, _)| symbol.as_str())
    }
}

/// What surrounds an entry.
#[derive(Debug, Clone)]
struct Block {
    kind: Kind,
    depends: Vec<Expression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    If,
    Menu,
    Choice(usize),
}

/// The `config` block that is being read.
struct Entry {
    symbol: String,
    definition: Definition,
    selects: Vec<(String, Option<Expression>)>,
}

struct Reader<'f> {
    arch: &'f str,
    file: &'f mut dyn FnMut(&str) -> Option<String>,
    language: Language,
    around: Vec<Block>,
    entry: Option<Entry>,
    choices: usize,
    visited: BTreeSet<String>,
}

impl Reader<'_> {
    fn source(&mut self, path: &str, depth: usize) {
        // No file of the kernel is named twice in the same surroundings.
        if depth == 0 || !self.visited.insert(path.to_owned()) {
            return;
        }
        let Some(text) = (self.file)(path) else {
            return;
        };
        let mut lines = text.lines().peekable();
        let mut help: Option<Option<usize>> = None;
        while let Some(line) = lines.next() {
            if let Some(indent) = help {
                let here = indentation(line);
                match (line.trim().is_empty(), indent) {
                    (true, _) => {
                        self.explain("");
                        continue;
                    }
                    (false, None) if here > 0 => {
                        help = Some(Some(here));
                        self.explain(line.trim());
                        continue;
                    }
                    (false, Some(indent)) if here >= indent => {
                        self.explain(line.trim());
                        continue;
                    }
                    _ => help = None,
                }
            }
            let mut whole = line.to_owned();
            while whole.ends_with('\\')
                && let Some(more) = lines.next()
            {
                whole.pop();
                whole.push_str(more);
            }
            if self.line(whole.trim(), depth) == Line::Help {
                help = Some(None);
            }
        }
    }

    /// Keeps a line of a text for people.
    fn explain(&mut self, line: &str) {
        if let Some(entry) = &mut self.entry {
            let help = &mut entry.definition.help;
            if help.len() + line.len() < LONGEST_HELP && !(help.is_empty() && line.is_empty()) {
                help.push_str(line);
                help.push('\n');
            }
        }
    }

    fn line(&mut self, line: &str, depth: usize) -> Line {
        let line = without_comment(line);
        let (word, rest) = line
            .split_once(|c: char| c.is_whitespace())
            .unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "help" | "---help---" => return Line::Help,
            "config" | "menuconfig" => self.open_entry(rest),
            "source" => {
                self.close_entry();
                let path = rest
                    .trim_matches(['"', '\''])
                    .replace("$(SRCARCH)", self.arch);
                let path = path.replace("$(srctree)/", "");
                self.source(&path, depth - 1);
            }
            "if" => {
                let depends = Expression::parse(rest).into_iter().collect();
                self.open(Kind::If, depends);
            }
            "menu" => self.open(Kind::Menu, Vec::new()),
            "choice" => {
                self.choices += 1;
                let choice = self.choices;
                self.open(Kind::Choice(choice), Vec::new());
            }
            "endif" | "endmenu" | "endchoice" => {
                self.close_entry();
                self.around.pop();
            }
            "comment" | "mainmenu" => self.close_entry(),
            _ => self.attribute(word, rest),
        }
        Line::Read
    }

    fn open(&mut self, kind: Kind, depends: Vec<Expression>) {
        self.close_entry();
        self.around.push(Block { kind, depends });
    }

    fn open_entry(&mut self, symbol: &str) {
        self.close_entry();
        let choice = match self.around.last() {
            Some(Block {
                kind: Kind::Choice(choice),
                ..
            }) => Some(*choice),
            _ => None,
        };
        self.entry = Some(Entry {
            symbol: symbol.to_owned(),
            definition: Definition {
                choice,
                ..Definition::default()
            },
            selects: Vec::new(),
        });
    }

    fn close_entry(&mut self) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        // What surrounds an entry is copied into each one, so that much of it would take much memory.
        let around = self.around.iter().flat_map(|block| &block.depends);
        let around = around.take(MOST_AROUND).cloned();
        entry.definition.depends.extend(around);
        for (symbol, condition) in entry.selects {
            let by = entry.symbol.clone();
            let selects = self.language.selects.entry(symbol).or_default();
            selects.push(Selected { by, condition });
        }
        let definitions = self.language.definitions.entry(entry.symbol);
        definitions.or_default().push(entry.definition);
    }

    /// A line inside a block.
    fn attribute(&mut self, word: &str, rest: &str) {
        match word {
            "depends" => {
                let condition = rest.strip_prefix("on").and_then(Expression::parse);
                match (&mut self.entry, self.around.last_mut()) {
                    (Some(entry), _) => entry.definition.depends.extend(condition),
                    // Behind `menu` or `choice`, before anything else.
                    (None, Some(block)) => block.depends.extend(condition),
                    (None, None) => {}
                }
            }
            "def_bool" | "def_tristate" => {
                if let Some(entry) = &mut self.entry {
                    entry.definition.kind = ValueKind::of(word);
                }
            }
            "bool" | "tristate" | "string" | "hex" | "int" | "prompt" => {
                let Some(entry) = &mut self.entry else { return };
                entry.definition.kind = ValueKind::of(word).or(entry.definition.kind);
                let Some((prompt, behind)) = cut_prompt(rest) else {
                    return;
                };
                entry.definition.prompt = Some(prompt.to_owned());
                let condition = behind.trim().strip_prefix("if");
                let asked_if = condition.and_then(Expression::parse);
                entry.definition.asked_if.extend(asked_if);
            }
            "select" => {
                let (symbol, condition) = with_condition(rest);
                if let Some(entry) = &mut self.entry {
                    entry.selects.push((symbol.to_owned(), condition));
                }
            }
            _ => {}
        }
    }
}

/// What a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It has been read.
    Read,
    /// A text for people follows.
    Help,
}

/// How far a line is indented, a tab counting up to the next eighth column.
fn indentation(line: &str) -> usize {
    let mut column = 0;
    for character in line.chars() {
        match character {
            ' ' => column += 1,
            '\t' => column = column / 8 * 8 + 8,
            _ => break,
        }
    }
    column
}

/// Cuts a comment off, which begins outside of quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '#') => return line[..at].trim_end(),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    line
}

/// A prompt and what stands behind it, where there is one: `"Text" if CONDITION`.
fn cut_prompt(rest: &str) -> Option<(&str, &str)> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = &rest[1..];
    let mut escaped = false;
    let (end, _) = inner.char_indices().find(|(_, character)| {
        let found = *character == quote && !escaped;
        escaped = *character == '\\' && !escaped;
        found
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// `SYMBOL if CONDITION`
fn with_condition(rest: &str) -> (&str, Option<Expression>) {
    match rest.split_once(" if ") {
        Some((symbol, condition)) => (symbol.trim(), Expression::parse(condition)),
        None => (rest.trim(), None),
    }
}
