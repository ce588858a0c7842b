//! Conditions of Kconfig: `NET && (PCI || !EXPERT)`.

use std::collections::BTreeSet;
use std::fmt;

use super::Config;

/// How far something is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tristate {
    /// Off.
    No,
    /// As a module.
    Module,
    /// Built in.
    Yes,
}

impl Tristate {
    /// The letter that `.config` has for it.
    pub fn letter(self) -> &'static str {
        match self {
            Self::No => "n",
            Self::Module => "m",
            Self::Yes => "y",
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A symbol, or one of the constants `y`, `m`, `n`.
    Symbol(String),
    /// A text in quotes, which is a constant.
    Text(String),
    /// What Kconfig asks the compiler or the shell: `$(cc-option,-mfoo)`. Its value is not known here.
    Macro(String),
    /// `!a`
    Not(Box<Expression>),
    /// `a && b`
    And(Vec<Expression>),
    /// `a || b`
    Or(Vec<Expression>),
    /// `a = b` and the like.
    Compare(Box<Expression>, String, Box<Expression>),
}

/// How deep parentheses may be nested.
const DEPTH: usize = 64;

impl Expression {
    /// Reads a condition; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens: &tokens,
            depth: 0,
        };
        let expression = parser.any()?;
        parser.tokens.is_empty().then_some(expression)
    }

    /// How far it holds under a configuration; `None` where that depends on what only Kconfig knows.
    pub fn value(&self, config: &Config) -> Option<Tristate> {
        Some(match self {
            Self::Symbol(name) => match name.as_str() {
                "y" => Tristate::Yes,
                "m" => Tristate::Module,
                "n" => Tristate::No,
                name => config.tristate(name),
            },
            Self::Text(text) => match text.as_str() {
                "y" => Tristate::Yes,
                "m" => Tristate::Module,
                _ => Tristate::No,
            },
            Self::Macro(_) => return None,
            Self::Not(inner) => match inner.value(config)? {
                Tristate::No => Tristate::Yes,
                Tristate::Module => Tristate::Module,
                Tristate::Yes => Tristate::No,
            },
            // One part that is off decides, whatever the others are.
            Self::And(parts) => {
                let values = parts.iter().map(|part| part.value(config));
                let known: Vec<Tristate> = values.clone().flatten().collect();
                match known.iter().min() {
                    Some(Tristate::No) => Tristate::No,
                    Some(least) if known.len() == parts.len() => *least,
                    _ => return None,
                }
            }
            Self::Or(parts) => {
                let values = parts.iter().map(|part| part.value(config));
                let known: Vec<Tristate> = values.clone().flatten().collect();
                match known.iter().max() {
                    Some(Tristate::Yes) => Tristate::Yes,
                    Some(most) if known.len() == parts.len() => *most,
                    _ => return None,
                }
            }
            Self::Compare(left, operator, right) => {
                if compare(&left.text(config)?, operator, &right.text(config)?) {
                    Tristate::Yes
                } else {
                    Tristate::No
                }
            }
        })
    }

    /// The text that stands for it in a comparison.
    fn text(&self, config: &Config) -> Option<String> {
        match self {
            Self::Symbol(name) if matches!(name.as_str(), "y" | "m" | "n") => Some(name.clone()),
            Self::Symbol(name) if name.starts_with(|first: char| first.is_ascii_digit()) => {
                Some(name.clone())
            }
            Self::Symbol(name) => Some(config.text(name).to_owned()),
            Self::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Its parts that must all hold.
    pub fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::And(parts) => parts.iter().flat_map(Self::conjuncts).collect(),
            single => vec![single],
        }
    }

    /// The symbols in it, constants left out.
    pub fn symbols(&self) -> BTreeSet<&str> {
        match self {
            Self::Symbol(name) if !matches!(name.as_str(), "y" | "m" | "n") => {
                [name.as_str()].into()
            }
            Self::Symbol(_) | Self::Text(_) | Self::Macro(_) => BTreeSet::new(),
            Self::Not(inner) => inner.symbols(),
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::symbols).collect(),
            Self::Compare(left, _, right) => {
                let mut all = left.symbols();
                all.extend(right.symbols());
                all
            }
        }
    }
}

fn compare(left: &str, operator: &str, right: &str) -> bool {
    let number = |text: &str| {
        let hexadecimal = text.strip_prefix("0x");
        match hexadecimal {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    };
    let order = match (number(left), number(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.cmp(right),
    };
    match operator {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        _ => order.is_ge(),
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |formatter: &mut fmt::Formatter<'_>, parts: &[Self], with: &str| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    formatter.write_str(with)?;
                }
                match part {
                    Self::And(_) | Self::Or(_) => write!(formatter, "({part})")?,
                    _ => write!(formatter, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Symbol(name) | Self::Macro(name) => formatter.write_str(name),
            Self::Text(text) => write!(formatter, "\"{text}\""),
            Self::Not(inner) => match inner.as_ref() {
                Self::And(_) | Self::Or(_) | Self::Compare(..) => write!(formatter, "!({inner})"),
                _ => write!(formatter, "!{inner}"),
            },
            Self::And(parts) => join(formatter, parts, " && "),
            Self::Or(parts) => join(formatter, parts, " || "),
            Self::Compare(left, operator, right) => write!(formatter, "{left} {operator} {right}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Macro(String),
    Sign(&'static str),
}

const SIGNS: [&str; 11] = ["&&", "||", "!=", "<=", ">=", "!", "(", ")", "=", "<", ">"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("$(") {
            let length = macro_length(rest)?;
            tokens.push(Token::Macro(rest[..length].to_owned()));
            rest = &rest[length..];
        } else if first == '"' || first == '\'' {
            let inner = &rest[1..];
            let length = inner.find(first)?;
            tokens.push(Token::Text(inner[..length].to_owned()));
            rest = &inner[length + 1..];
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            if length == 0 {
                return None;
            }
            tokens.push(Token::Word(rest[..length].to_owned()));
            rest = &rest[length..];
        }
        rest = rest.trim_start();
    }
    Some(tokens)
}

/// Bytes up to the parenthesis that closes a `$(`.
fn macro_length(text: &str) -> Option<usize> {
    let mut open = 0;
    for (at, character) in text.char_indices() {
        match character {
            '(' => open += 1,
            ')' => {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

struct Parser<'t> {
    tokens: &'t [Token],
    depth: usize,
}

impl Parser<'_> {
    fn sign(&mut self, sign: &str) -> bool {
        match self.tokens.split_first() {
            Some((Token::Sign(found), rest)) if *found == sign => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self) -> Option<Expression> {
        let mut parts = vec![self.all()?];
        while self.sign("||") {
            parts.push(self.all()?);
        }
        Some(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Expression::Or(parts)
        })
    }

    fn all(&mut self) -> Option<Expression> {
        let mut parts = vec![self.one()?];
        while self.sign("&&") {
            parts.push(self.one()?);
        }
        Some(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Expression::And(parts)
        })
    }

    fn one(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let made = if self.sign("!") {
            self.one().map(|inner| Expression::Not(Box::new(inner)))
        } else if self.sign("(") {
            let inner = self.any();
            inner.filter(|_| self.sign(")"))
        } else {
            self.comparison()
        };
        self.depth -= 1;
        made
    }

    fn comparison(&mut self) -> Option<Expression> {
        let left = self.operand()?;
        for operator in ["=", "!=", "<=", ">=", "<", ">"] {
            if self.sign(operator) {
                let right = Box::new(self.operand()?);
                return Some(Expression::Compare(
                    Box::new(left),
                    operator.to_owned(),
                    right,
                ));
            }
        }
        Some(left)
    }

    fn operand(&mut self) -> Option<Expression> {
        let (token, rest) = self.tokens.split_first()?;
        let operand = match token {
            Token::Word(name) => Expression::Symbol(name.clone()),
            Token::Text(text) => Expression::Text(text.clone()),
            Token::Macro(text) => Expression::Macro(text.clone()),
            Token::Sign(_) => return None,
        };
        self.tokens = rest;
        Some(operand)
    }
}
