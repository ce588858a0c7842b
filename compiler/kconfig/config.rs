//! The values of a `.config`.

use std::collections::BTreeMap;

use super::Tristate;

/// The symbols of a `.config` that Kconfig wrote, by name without `CONFIG_`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    values: BTreeMap<String, String>,
}

impl Config {
    /// Reads a `.config`. Lines that set nothing are passed over.
    pub fn read(text: &str) -> Self {
        let set = |line: &str| {
            let (symbol, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
            Some((symbol.to_owned(), value.to_owned()))
        };
        Self {
            values: text.lines().filter_map(set).collect(),
        }
    }

    /// The value of a symbol as the file has it; `n` for one that is not set, or not there.
    pub fn value(&self, symbol: &str) -> &str {
        self.values.get(symbol).map_or("n", String::as_str)
    }

    /// How far a symbol is on.
    pub fn tristate(&self, symbol: &str) -> Tristate {
        match self.value(symbol) {
            "y" => Tristate::Yes,
            "m" => Tristate::Module,
            _ => Tristate::No,
        }
    }

    /// A symbol's value without the quotes of a text.
    pub fn text(&self, symbol: &str) -> &str {
        let value = self.value(symbol);
        let inner = value.strip_prefix('"');
        inner
            .and_then(|inner| inner.strip_suffix('"'))
            .unwrap_or(value)
    }
}
