//! Package versions: whether a text is one, and how two of them compare.
//!
//! The order is that of apk-tools 2.14, including what it does with texts that are no versions, because the choice of
//! packages hangs on it: `number(.number)*[letter](_suffix[number])*[-rNUMBER]`. Two versions are read side by side, one
//! token each; the first pair that differs decides. Where one has a token of another kind than the other, a pre-release
//! suffix makes its version the smaller one, and otherwise the kind that may come earlier in a version is the greater
//! (`1.2.1` > `1.2a` > `1.2_p1` > `1.2-r1` > `1.2`). Nothing here allocates or fails.

use std::cmp::Ordering;

/// How versions are matched by [`matches()`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Every token counts.
    Exact,
    /// Tokens count as far as both versions have them: `3.6` stands for `3.6.9` and `3.6_pre1`, not for `3.60`.
    Prefix,
}

/// What a token may be; the order is the order in which kinds may follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Invalid,
    /// A number behind a dot, where leading zeros count.
    Fraction,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Revision,
    End,
}

/// Suffixes of versions before the plain one, and their values.
const BEFORE: [(&[u8], i64); 4] = [(b"alpha", -4), (b"beta", -3), (b"pre", -2), (b"rc", -1)];

/// Suffixes of versions after the plain one, and their values.
const AFTER: [(&[u8], i64); 5] = [(b"cvs", 0), (b"svn", 1), (b"git", 2), (b"hg", 3), (b"p", 4)];

/// Longest number that is still read, in digits.
const DIGITS: usize = 17;

/// Reads a version token by token.
#[derive(Clone, Copy)]
struct Tokens<'a> {
    rest: &'a [u8],
    /// The kind of the token that comes next.
    next: Kind,
}

impl<'a> Tokens<'a> {
    fn new(version: &'a str) -> Self {
        Self {
            rest: version.as_bytes(),
            next: Kind::Number,
        }
    }

    fn is_finished(&self) -> bool {
        matches!(self.next, Kind::End | Kind::Invalid)
    }

    /// The value of the token that comes next; moves behind it.
    fn value(&mut self) -> i64 {
        if self.rest.is_empty() {
            self.next = Kind::End;
            return 0;
        }
        let read = match self.next {
            Kind::Fraction if self.rest.starts_with(b"0") => return self.leading_zeros(),
            Kind::Fraction | Kind::Number | Kind::SuffixNumber | Kind::Revision => self.number(),
            Kind::Letter => self.rest.first().map(|letter| (i64::from(*letter), 1)),
            Kind::Suffix => self.suffix(),
            Kind::Invalid | Kind::End => None,
        };
        let Some((value, length)) = read else {
            self.next = Kind::Invalid;
            return -1;
        };
        self.skip(length);
        self.next = self.following();
        value
    }

    /// `.0…` sorts below `.1`, and the more zeros the lower; what stands behind all zeros but the last is a number.
    fn leading_zeros(&mut self) -> i64 {
        let zeros = self.rest.iter().take_while(|byte| **byte == b'0').count();
        let surplus = zeros.saturating_sub(1);
        self.skip(surplus);
        self.next = Kind::Number;
        i64::try_from(surplus).map_or(i64::MIN, |surplus| -surplus)
    }

    fn number(&self) -> Option<(i64, usize)> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit());
        let length = digits.clone().count();
        (length <= DIGITS).then(|| {
            let value = digits.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
            (value, length)
        })
    }

    fn suffix(&self) -> Option<(i64, usize)> {
        BEFORE
            .iter()
            .chain(&AFTER)
            .find(|(name, _)| self.rest.starts_with(name))
            .map(|(name, value)| (*value, name.len()))
    }

    /// The kind of what follows a token of kind `self.next`; moves over the separator.
    fn following(&mut self) -> Kind {
        let found = match (self.next, self.rest) {
            (_, [] | [0, ..]) => return Kind::End,
            (Kind::Fraction | Kind::Number, [b'a'..=b'z', ..]) => return Kind::Letter,
            (Kind::Letter, [b'0'..=b'9', ..]) => return Kind::Number,
            (Kind::Suffix, [b'0'..=b'9', ..]) => return Kind::SuffixNumber,
            (_, [b'.', ..]) => Kind::Fraction,
            (_, [b'_', ..]) => Kind::Suffix,
            (_, [b'-', b'r', ..]) => {
                self.skip(1);
                Kind::Revision
            }
            _ => Kind::Invalid,
        };
        self.skip(1);
        let goes_back = matches!(
            (self.next, found),
            (Kind::Number, Kind::Fraction) | (Kind::SuffixNumber, Kind::Suffix)
        );
        if found < self.next && !goes_back {
            return Kind::Invalid;
        }
        found
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// Whether a pre-release suffix comes next.
    fn is_before_release(mut self) -> bool {
        self.next == Kind::Suffix && self.value() < 0
    }
}

/// Whether a text is a version.
pub fn is_valid(version: &str) -> bool {
    let mut tokens = Tokens::new(version);
    while !tokens.is_finished() {
        tokens.value();
    }
    tokens.next == Kind::End
}

/// Compares two versions.
pub fn compare(left: &str, right: &str) -> Ordering {
    matches(left, right, Precision::Exact)
}

/// Compares two versions to the precision asked for.
///
/// To [`Precision::Prefix`] they are equal when one is the beginning of the other, whichever of them.
pub fn matches(left: &str, right: &str, precision: Precision) -> Ordering {
    let (mut left, mut right) = (Tokens::new(left), Tokens::new(right));
    while left.next == right.next && !left.is_finished() {
        let order = left.value().cmp(&right.value());
        if order.is_ne() {
            return order;
        }
    }
    if left.next == right.next || precision == Precision::Prefix {
        return Ordering::Equal;
    }
    match (left.is_before_release(), right.is_before_release()) {
        (true, _) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => right.next.cmp(&left.next),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_come_in_apks_order() {
        let ascending = [
            "1_alpha",
            "1_alpha1",
            "1_beta",
            "1_pre2",
            "1_rc",
            "1_rc1",
            "1",
            "1-r0",
            "1-r1",
            "1_cvs",
            "1_git20230717",
            "1_p",
            "1_p1",
            "1a",
            "1.00",
            "1.0",
            "1.01",
            "1.1",
            "1.1.0",
            "1.2",
            "1.10",
            "2",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn what_is_no_version_is_said_to_be_none() {
        for good in [
            "1",
            "1.2.3",
            "1.2a",
            "1_p1_git3-r4",
            "0.1_alpha1_pre2",
            "20230717",
            "1_",
        ] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "1.0~ab12",
            "1.2-",
            "1.2-r1.2",
            "1ab",
            "1_foo",
            "123456789012345678",
            "1 2",
            "1-r1_p1",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_token() {
        let stands_for = |prefix, version| matches(version, prefix, Precision::Prefix).is_eq();
        for version in ["3.6", "3.6.0", "3.6_pre1", "3.6.9-r3", "3.6-r0"] {
            assert!(stands_for("3.6", version), "{version}");
        }
        for version in ["3.60", "3.5.6", "4"] {
            assert!(!stands_for("3.6", version), "{version}");
        }
    }

    proptest! {
        #[test]
        fn any_text_compares_and_mirrored_is_reversed(left in "\\PC{0,24}", right in "\\PC{0,24}") {
            is_valid(&left);
            prop_assert_eq!(compare(&left, &left), Ordering::Equal);
            prop_assert_eq!(compare(&left, &right), compare(&right, &left).reverse());
        }

        #[test]
        fn version_like_texts_compare_both_ways(left in "[0-9.a_p\\-r]{0,16}", right in "[0-9.a_p\\-r]{0,16}") {
            prop_assert_eq!(compare(&left, &right), compare(&right, &left).reverse());
        }
    }
}
