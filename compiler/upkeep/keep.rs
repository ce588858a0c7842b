//! What is to be kept: so many builds, builds so old, or as much as has room.

use std::str::FromStr;

/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Which builds are kept. Without any word, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// Builds that any of these keeps.
    pub periods: Vec<Period>,
    /// The most that the store may take; the oldest builds go first.
    pub largest: Option<Size>,
}

/// A number of builds, or an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The last so many builds of each manifest that is there.
    Builds(u32),
    /// Builds that are not older than so many milliseconds.
    Age(i64),
}

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Why a text says neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// It is no period.
    #[error("write a number of builds, such as `5`, or an age, such as `12h`, `14d` or `8w`")]
    Period,
    /// It is no size.
    #[error("write a size such as `500M`, `10G` or `10GiB`")]
    Size,
}

impl FromStr for Period {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, NotUnderstood> {
        let (number, unit) = split(text).ok_or(NotUnderstood::Period)?;
        let age = |unit: i64| i64::try_from(number).ok()?.checked_mul(unit).map(Self::Age);
        match unit {
            "" => u32::try_from(number).ok().map(Self::Builds),
            "h" => age(DAY / 24),
            "d" => age(DAY),
            "w" => age(7 * DAY),
            _ => None,
        }
        .ok_or(NotUnderstood::Period)
    }
}

impl FromStr for Size {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, NotUnderstood> {
        let (number, unit) = split(text).ok_or(NotUnderstood::Size)?;
        let bits = match unit.trim_end_matches("iB").trim_end_matches('B') {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(NotUnderstood::Size),
        };
        let bytes = number.checked_mul(1 << bits);
        bytes.map(Self).ok_or(NotUnderstood::Size)
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    Some((number.parse().ok()?, unit))
}

impl Keep {
    /// From when on things stay that no build names, in milliseconds since 1970: what `zosc lock` has fetched, and what a build
    /// that failed has made, is about to be used.
    pub(super) fn unnamed_since(&self, now: i64) -> i64 {
        let ages = self.periods.iter().filter_map(|period| match period {
            Period::Age(age) => Some(*age),
            Period::Builds(_) => None,
        });
        let keeps_nothing = self.periods == [Period::Builds(0)];
        match ages.max() {
            Some(age) => now.saturating_sub(age),
            None if keeps_nothing => i64::MAX,
            None => now.saturating_sub(DAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_and_sizes_are_understood() {
        assert_eq!("5".parse(), Ok(Period::Builds(5)));
        assert_eq!("14d".parse(), Ok(Period::Age(14 * DAY)));
        assert_eq!("12h".parse(), Ok(Period::Age(DAY / 2)));
        assert_eq!("2w".parse(), Ok(Period::Age(14 * DAY)));
        for wrong in [
            "",
            "d",
            "-1",
            "5x",
            "1.5d",
            "99999999999999999999d",
            "5000000000",
        ] {
            assert_eq!(
                wrong.parse::<Period>(),
                Err(NotUnderstood::Period),
                "{wrong}"
            );
        }
        assert_eq!("10G".parse(), Ok(Size(10 << 30)));
        assert_eq!("10GiB".parse(), Ok(Size(10 << 30)));
        assert_eq!("500MB".parse(), Ok(Size(500 << 20)));
        assert_eq!("4096".parse(), Ok(Size(4096)));
        for wrong in ["", "G", "10X", "99999999999T"] {
            assert_eq!(wrong.parse::<Size>(), Err(NotUnderstood::Size), "{wrong}");
        }
    }

    #[test]
    fn what_no_build_names_stays_for_a_while() {
        let since = |words: &[&str]| {
            let periods = words.iter().map(|word| word.parse().expect("sound"));
            let keep = Keep {
                periods: periods.collect(),
                largest: None,
            };
            keep.unnamed_since(100 * DAY)
        };
        assert_eq!(since(&[]), 99 * DAY);
        assert_eq!(since(&["3"]), 99 * DAY);
        assert_eq!(since(&["3", "14d"]), 86 * DAY);
        assert_eq!(since(&["0"]), i64::MAX);
    }
}
