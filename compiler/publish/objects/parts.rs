//! How a file is cut into parts.

/// What is at most sent at once.
pub(super) const WHOLE: u64 = 8 << 20;

/// Most parts of an upload; S3 takes 10,000.
const MOST: u64 = 9_500;

/// Bytes of parts that are under way at a time, where one alone is not larger.
const UNDER_WAY: u64 = 32 << 20;

const MEBIBYTE: u64 = 1 << 20;

/// The bytes of each part but the last of a file of this size: all the same, as some servers want it.
pub(super) fn part_size(size: u64) -> u64 {
    let least = size.div_ceil(MOST).next_multiple_of(MEBIBYTE);
    least.max(WHOLE)
}

/// How many parts of this size are under way at a time.
pub(super) fn at_once(part: u64) -> usize {
    (UNDER_WAY / part).max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_has_too_many_parts() {
        let sizes = [WHOLE + 1, 50 << 20, 74 << 30, 80 << 30, 1 << 40, 5 << 40];
        for size in sizes {
            let part = part_size(size);
            assert!(size.div_ceil(part) <= 10_000, "{size}");
            assert!((5 * MEBIBYTE..=5 << 30).contains(&part), "{size}");
            assert!(at_once(part) as u64 * part <= UNDER_WAY.max(part), "{size}");
        }
        assert_eq!(part_size(50 << 20), WHOLE);
        assert_eq!((at_once(WHOLE), at_once(1 << 30)), (4, 1));
    }
}
