//! Patterns of trigger directories, as `fnmatch` with `FNM_PATHNAME` reads them.

/// Whether a path matches a pattern: `*` and `?` stop at slashes, `[…]` is a set, a backslash takes the next
/// character literally.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let mut patterns = pattern.split('/');
    let mut parts = path.split('/');
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let pattern: Vec<char> = pattern.chars().collect();
                let part: Vec<char> = part.chars().collect();
                if !matches_part(&pattern, &part) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Matches one component; on a mismatch the last `*` takes one character more, so the time is quadratic at worst.
fn matches_part(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&character) = text.get(read) {
        if pattern.get(at) == Some(&'*') {
            star = Some((at + 1, read));
            at += 1;
        } else if let Some(length) = matches_one(pattern.get(at..).unwrap_or_default(), character) {
            at += length;
            read += 1;
        } else if let Some((after, from)) = star {
            (at, read) = (after, from + 1);
            star = Some((after, from + 1));
        } else {
            return false;
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|rest| *rest == '*')
}

/// How much of the pattern matches one character.
fn matches_one(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', set @ ..] => match matches_set(set, character) {
            Some((true, length)) => Some(length + 1),
            Some((false, _)) => None,
            // A bracket that nothing closes stands for itself.
            None => (character == '[').then_some(1),
        },
        ['\\', literal, ..] => (*literal == character).then_some(2),
        [literal, ..] => (*literal == character).then_some(1),
        [] => None,
    }
}

/// Whether a set holds a character, and how long the set is with its closing bracket; `None` where it has none.
fn matches_set(set: &[char], character: char) -> Option<(bool, usize)> {
    let negated = matches!(set.first(), Some('!' | '^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut found = false;
    loop {
        match set.get(at..)? {
            [']', ..] if at > start => return Some((found != negated, at + 1)),
            [low, '-', high, ..] if *high != ']' => {
                found |= (*low..=*high).contains(&character);
                at += 3;
            }
            [one, ..] => {
                found |= *one == character;
                at += 1;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use proptest::prelude::*;

    #[test]
    fn stars_stop_at_slashes() {
        assert!(matches("/lib/modules/*", "/lib/modules/6.6.9"));
        assert!(!matches("/lib/modules/*", "/lib/modules/6.6.9/kernel"));
        assert!(!matches("/lib/modules/*", "/lib/modules"));
        assert!(matches("/usr/*/a*c?", "/usr/share/abbcd"));
        assert!(matches("/*", "/.hidden"));
    }

    #[test]
    fn sets_and_escapes() {
        assert!(matches("/[a-c]x", "/bx") && !matches("/[!a-c]x", "/bx"));
        assert!(matches("/[]x]", "/]") && matches("/[a", "/[a"));
        assert!(matches("/\\*", "/*") && !matches("/\\*", "/a"));
    }

    proptest! {
        #[test]
        fn no_pattern_panics_and_text_matches_itself(pattern in "[a*?\\[\\]!\\\\/-]{0,12}", text in "[a-z/]{0,12}") {
            let _ = matches(&pattern, &text);
            prop_assert!(matches(&text, &text));
        }
    }
}
