//! Which wishes Kconfig did not take, and what stood in the way of each.

use std::collections::BTreeMap;

use super::{Config, Definition, Expression, Language, Tristate};
use crate::diagnostic::{Diagnostic, nearest};

/// How every symbol begins in a `.config`.
const PREFIX: &str = "CONFIG_";

/// A wish that Kconfig did not take.
#[derive(Debug, Clone)]
pub struct Unheeded {
    /// The symbol, `CONFIG_` included.
    pub symbol: String,
    /// What is wrong, without a place.
    pub diagnostic: Diagnostic,
}

/// Compares what was asked for with what Kconfig made of it.
///
/// `wanted` is by symbol, `CONFIG_` included, with values as `.config` has them; `n` for one that is not to be set.
pub fn verify(
    wanted: &BTreeMap<String, String>,
    made: &Config,
    language: &Language,
) -> Vec<Unheeded> {
    let judge = Judge { made, language };
    let unheeded = wanted.iter().filter_map(|(symbol, value)| {
        let name = symbol.strip_prefix(PREFIX)?;
        let found = made.value(name);
        if found == value || same_number(found, value) {
            return None;
        }
        Some(Unheeded {
            symbol: symbol.clone(),
            diagnostic: judge.judge(name, value, found)?,
        })
    });
    unheeded.collect()
}

/// `0x10` and `0X10` are one value.
fn same_number(one: &str, other: &str) -> bool {
    one.starts_with("0x") && one.eq_ignore_ascii_case(other)
}

struct Judge<'a> {
    made: &'a Config,
    language: &'a Language,
}

impl Judge<'_> {
    /// What is wrong with a wish; `None` for the value of a symbol that only Kconfig sets, such as the compiler's version.
    fn judge(&self, name: &str, wanted: &str, found: &str) -> Option<Diagnostic> {
        let definitions = self.language.definitions(name);
        if definitions.is_empty() {
            return Some(self.unknown(name));
        }
        if !definitions
            .iter()
            .any(|definition| definition.prompt.is_some())
        {
            return matches!(wanted, "y" | "m").then(|| self.silent(name));
        }
        let problem = stuck(format!(
            "Kconfig makes `{PREFIX}{name}={wanted}` into `{found}`"
        ));
        Some(match wanted {
            "n" => self.selected(problem, name),
            _ => self.unmet(problem, name, wanted, definitions),
        })
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let problem = stuck(format!("these sources have no symbol `{PREFIX}{name}`"));
        match nearest(name, self.language.symbols()) {
            Some(near) => problem.help(format!("did you mean `{PREFIX}{near}`?")),
            None => problem.help("remove it; it belongs to another version of the kernel"),
        }
    }

    /// A symbol without a prompt.
    fn silent(&self, name: &str) -> Diagnostic {
        let selected = self.language.selected_by(name).iter();
        let mut by: Vec<String> = selected
            .map(|selected| format!("`{PREFIX}{}`", selected.by))
            .collect();
        by.sort();
        by.dedup();
        let problem = stuck(format!(
            "nobody sets `{PREFIX}{name}` by hand: others turn it on"
        ));
        match by.as_slice() {
            [] => problem.help("remove it; Kconfig decides it by itself"),
            [only] => problem.help(format!("turn {only} on instead, which selects it")),
            many => problem.help(format!(
                "turn one on instead that selects it, such as {}",
                many[..many.len().min(4)].join(", ")
            )),
        }
    }

    /// Who turned on what was to be off.
    fn selected(&self, problem: Diagnostic, name: &str) -> Diagnostic {
        let holds = |condition: &Option<Expression>| {
            let value = condition
                .as_ref()
                .map(|condition| condition.value(self.made));
            value != Some(Some(Tristate::No))
        };
        let selected = self.language.selected_by(name).iter();
        let mut by: Vec<&str> = selected
            .filter(|selected| {
                self.made.tristate(&selected.by) > Tristate::No && holds(&selected.condition)
            })
            .map(|selected| selected.by.as_str())
            .collect();
        by.sort_unstable();
        by.dedup();
        if by.is_empty() {
            return problem.help("leave it out, or turn on `CONFIG_EXPERT`, without which Kconfig asks for few symbols");
        }
        let problem = by.iter().fold(problem, |problem, by| {
            problem.note(format!("`{PREFIX}{by}` is on, and selects it"))
        });
        problem.help(format!(
            "turn `{PREFIX}{}` off as well, or leave this out",
            by[0]
        ))
    }

    /// What a symbol that is not as far on as asked depends on.
    fn unmet(
        &self,
        problem: Diagnostic,
        name: &str,
        wanted: &str,
        definitions: &[Definition],
    ) -> Diagnostic {
        if let Some(chosen) = self.chosen_instead(name, definitions) {
            return problem
                .note(format!(
                    "it is one of a choice, of which `{PREFIX}{chosen}` is chosen"
                ))
                .help(format!(
                    "turn `{PREFIX}{chosen}` off, and what it depends on on"
                ));
        }
        let needed = if wanted == "m" {
            Tristate::Module
        } else {
            Tristate::Yes
        };
        // Of several definitions the one with the fewest obstacles is the one that was meant.
        let obstacles = definitions
            .iter()
            .filter(|definition| definition.prompt.is_some())
            .map(|definition| self.obstacles(definition, needed))
            .min_by_key(Vec::len)
            .unwrap_or_default();
        let Some(first) = obstacles.first() else {
            return problem.help("`make menuconfig` in the sources tells what it takes; search for the symbol with `/`");
        };
        let first: &Expression = first;
        let problem = obstacles.into_iter().fold(problem, |problem, condition| {
            problem.note(self.described(condition))
        });
        let mut symbols = first.symbols().into_iter();
        match (symbols.next(), symbols.next()) {
            (Some(only), None) if matches!(first, Expression::Symbol(_)) => {
                problem.help(format!("add `{PREFIX}{only}=y`, with what that depends on"))
            }
            _ => problem.help("make what it depends on hold, or leave it out"),
        }
    }

    /// The conditions that keep a symbol below what is needed.
    fn obstacles<'d>(&self, definition: &'d Definition, needed: Tristate) -> Vec<&'d Expression> {
        let all = definition.depends.iter().chain(&definition.asked_if);
        all.flat_map(Expression::conjuncts)
            .filter(|condition| {
                condition
                    .value(self.made)
                    .is_some_and(|value| value < needed)
            })
            .collect()
    }

    /// `it depends on NET && PCI, where NET=n`
    fn described(&self, condition: &Expression) -> String {
        let symbols = condition.symbols().into_iter();
        let values: Vec<String> = symbols
            .map(|symbol| {
                let missing = self.language.definitions(symbol).is_empty();
                let what = if missing {
                    " (not on this architecture)"
                } else {
                    ""
                };
                format!("{symbol}={}{what}", self.made.value(symbol))
            })
            .collect();
        format!("it depends on `{condition}`, and now {}", values.join(", "))
    }

    fn chosen_instead(&self, name: &str, definitions: &[Definition]) -> Option<&str> {
        let choice = definitions
            .iter()
            .find_map(|definition| definition.choice)?;
        let blocked = definitions
            .iter()
            .all(|definition| !self.obstacles(definition, Tristate::Module).is_empty());
        let mut others = self.language.others_of_choice(choice);
        others
            .find(|other| *other != name && self.made.tristate(other) == Tristate::Yes)
            .filter(|_| !blocked)
    }
}

fn stuck(fact: String) -> Diagnostic {
    Diagnostic::error("zosc::kconfig::not-taken", fact)
}
