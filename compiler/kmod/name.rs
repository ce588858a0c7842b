//! Names and aliases of modules, as modprobe compares them.

/// A module's name from its file: the last component up to its first dot, with `_` for `-`.
pub fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split('.').next().unwrap_or(file);
    stem.replace('-', "_")
}

/// An alias, or a name that someone typed, with `_` for `-` except inside brackets; `None` where brackets do not pair.
pub fn normal_alias(alias: &str) -> Option<String> {
    let mut inside = false;
    let mut normal = String::with_capacity(alias.len());
    for character in alias.chars() {
        match character {
            '[' if !inside => inside = true,
            ']' if inside => inside = false,
            ']' => return None,
            '-' if !inside => {
                normal.push('_');
                continue;
            }
            _ => {}
        }
        normal.push(character);
    }
    (!inside).then_some(normal)
}

/// Whether a pattern of shell wildcards (`*`, `?`, `[a-z]`, `[!a]`, `\x`) matches the whole of `text`.
///
/// Takes time in the product of both lengths at most, whatever the pattern.
pub fn alias_matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.as_bytes();
    let text = text.as_bytes();
    let (mut at, mut position) = (0, 0);
    // Where to try again: behind the last star, one byte further in the text.
    let mut again: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            again = Some((at, position));
            continue;
        }
        let step = match text.get(position) {
            None if at == pattern.len() => return true,
            None => None,
            Some(byte) => one(pattern.get(at..).unwrap_or(&[]), *byte),
        };
        if let Some(length) = step {
            at += length;
            position += 1;
        } else {
            let Some((star, from)) = again.filter(|(_, from)| *from < text.len()) else {
                return false;
            };
            again = Some((star, from + 1));
            (at, position) = (star, from + 1);
        }
    }
}

/// The length of the first element of the pattern, where it matches the byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => class(pattern, byte),
        b'\\' => (*pattern.get(1)? == byte).then_some(2),
        literal => (*literal == byte).then_some(1),
    }
}

fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let mut at = start;
    let mut found = false;
    loop {
        let low = *pattern.get(at)?;
        if low == b']' && at > start {
            return (found != negated).then_some(at + 1);
        }
        let high = match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                at += 3;
                *high
            }
            _ => {
                at += 1;
                low
            }
        };
        found |= (low..=high).contains(&byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_and_underscores_are_the_same_outside_brackets() {
        assert_eq!(
            module_name("kernel/fs/nls/nls_iso8859-1.ko.xz"),
            "nls_iso8859_1"
        );
        assert_eq!(
            normal_alias("crypto-crc32c").as_deref(),
            Some("crypto_crc32c")
        );
        assert_eq!(
            normal_alias("usb:v-[0-9]*").as_deref(),
            Some("usb:v_[0-9]*")
        );
        assert_eq!(normal_alias("usb:v[0"), None);
        assert_eq!(normal_alias("usb:v]"), None);
    }

    #[test]
    fn aliases_match_as_shell_patterns() {
        assert!(alias_matches(
            "virtio:d00000001v*",
            "virtio:d00000001v00001AF4"
        ));
        assert!(!alias_matches(
            "virtio:d00000001v*",
            "virtio:d00000002v00001AF4"
        ));
        assert!(alias_matches("pci:v*d*sv*", "pci:v1d2sv3"));
        assert!(alias_matches("usb:v[0-9a-f]?", "usb:vc1"));
        assert!(alias_matches("a[!0-9]", "ax"));
        assert!(!alias_matches("a[!0-9]", "a4"));
        assert!(!alias_matches("a[0-9", "a4"));
        assert!(alias_matches("*", ""));
        assert!(alias_matches("a\\*", "a*"));
        assert!(!alias_matches("", "a"));
    }

    #[test]
    fn a_pattern_of_stars_ends_soon() {
        assert!(!alias_matches(&"*a".repeat(2_000), &"a".repeat(1_999)));
    }
}
