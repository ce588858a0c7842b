//! Sizes, durations and modes: the texts that a manifest puts in quotes.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::source::Spanned;

use super::Ctx;

const SIZES: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

const TIMES: [(&str, u64); 3] = [("ms", 1), ("s", 1000), ("m", 60_000)];

impl Ctx<'_> {
    /// Bytes of a size such as `512MiB`.
    pub(super) fn size(&mut self, text: &Spanned<String>) -> Option<u64> {
        split(text, &SIZES)?;
        let size = size(text);
        if size.is_none() {
            self.out_of_range(text, "a size is less than 8 EiB");
        }
        size
    }

    /// The same, where nothing at all makes no sense.
    pub(super) fn positive_size(&mut self, text: &Spanned<String>) -> Option<u64> {
        let size = self.size(text)?;
        if size == 0 {
            self.out_of_range(text, "write a size above zero");
            return None;
        }
        Some(size)
    }

    /// A duration such as `30s`, above zero and at most a day.
    pub(super) fn duration(&mut self, text: &Spanned<String>) -> Option<Duration> {
        split(text, &TIMES)?;
        let duration = duration(text);
        if duration.is_none() {
            self.out_of_range(
                text,
                "a time limit is at least \"1ms\" and at most a day (\"1440m\")",
            );
        }
        duration
    }

    pub(super) fn out_of_range(&mut self, text: &Spanned<String>, help: &str) {
        self.push(
            Diagnostic::error(
                "zosc::check::out-of-range",
                format!("`{}` is out of range", text.value),
            )
            .at(text.span)
            .help(help),
        );
    }
}

/// Permission bits of a text such as `0755`; `otherwise` where there is none.
pub(crate) fn mode(text: Option<&Spanned<String>>, otherwise: u32) -> u32 {
    text.and_then(|text| u32::from_str_radix(text, 8).ok())
        .map_or(otherwise, |mode| mode & 0o7777)
}

/// Bytes of a size such as `512MiB`; `None` where it has no such form, or is more than a file offset of Linux can hold.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text, &SIZES)?;
    let size = number?.checked_mul(unit);
    size.filter(|size| i64::try_from(*size).is_ok())
}

/// A duration such as `30s`; `None` where it has no such form, is nothing, or more than a day.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text, &TIMES)?;
    let milliseconds = number?.checked_mul(unit);
    let milliseconds = milliseconds.filter(|time| (1..=86_400_000).contains(time));
    milliseconds.map(Duration::from_millis)
}

/// The number of a text (`None` where it is too large) and the factor of its unit; `None` where it has no such form, of which
/// decoding has told already.
fn split(text: &str, units: &[(&str, u64)]) -> Option<(Option<u64>, u64)> {
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (digits.parse().ok(), factor))
}
