//! The smallest replacements that make one text of another, so that cursors and marks stay where they are.

use std::ops::Range;

use similar::{DiffOp, TextDiff};

/// Replacements by offsets in `before`, in order, not touching one another.
pub(super) fn replacements(before: &str, after: &str) -> Vec<(Range<usize>, String)> {
    let lines = TextDiff::from_lines(before, after);
    let (old, new) = (starts(lines.old_slices()), starts(lines.new_slices()));
    let mut found = Vec::new();
    let mut done = 0;
    for change in lines.ops() {
        let (mut from, to) = (change.old_range(), change.new_range());
        if matches!(change, DiffOp::Insert { .. }) {
            // Where the diff was tidied up, its own place for an insertion may be too early.
            from = done..done;
        }
        done = from.end;
        if matches!(change, DiffOp::Equal { .. }) {
            continue;
        }
        // Lines that have others in their place are compared one by one.
        let pairs: Vec<_> = if from.len() == to.len() {
            from.zip(to)
                .map(|(from, to)| (from..from + 1, to..to + 1))
                .collect()
        } else {
            vec![(from, to)]
        };
        for (from, to) in pairs {
            let from = old[from.start]..old[from.end];
            let (cut, text) = trimmed(&before[from.clone()], &after[new[to.start]..new[to.end]]);
            if !cut.is_empty() || !text.is_empty() {
                found.push((
                    from.start + cut.start..from.start + cut.end,
                    text.to_owned(),
                ));
            }
        }
    }
    found
}

/// Where each line starts, and where the last ends.
fn starts(lines: &[&str]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = vec![0];
    for line in lines {
        at += line.len();
        starts.push(at);
    }
    starts
}

/// What is left of two texts without what they begin and end with alike: a range of the first, and a part of the second.
fn trimmed<'a>(before: &str, after: &'a str) -> (Range<usize>, &'a str) {
    let same =
        |left: &mut dyn Iterator<Item = char>, right: &mut dyn Iterator<Item = char>| -> usize {
            let pairs = left.zip(right).take_while(|(left, right)| left == right);
            pairs.map(|(character, _)| character.len_utf8()).sum()
        };
    let start = same(&mut before.chars(), &mut after.chars());
    let end = same(
        &mut before[start..].chars().rev(),
        &mut after[start..].chars().rev(),
    );
    (start..before.len() - end, &after[start..after.len() - end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn applied(before: &str, replacements: &[(Range<usize>, String)]) -> String {
        let mut text = before.to_owned();
        for (range, with) in replacements.iter().rev() {
            text.replace_range(range.clone(), with);
        }
        text
    }

    #[test]
    fn only_what_differs_is_replaced() {
        let before = "a {\n  b \u{e9}\nc  1\n}\n";
        let after = "a {\n    b \u{e9}\nc 1\n}\n";
        let found = replacements(before, after);
        assert_eq!(found, [(6..6, "  ".to_owned()), (13..14, String::new())]);
        assert_eq!(applied(before, &found), after);
    }

    #[test]
    fn what_is_inserted_comes_behind_what_is_kept() {
        let (before, after) = ("a\n\n", "\n\n\u{e9}");
        assert_eq!(applied(before, &replacements(before, after)), after);
    }

    proptest! {
        #[test]
        fn the_replacements_make_the_text(before in "[ab \u{e9}\n]{0,30}", after in "[ab \u{e9}\n]{0,30}") {
            let found = replacements(&before, &after);
            prop_assert_eq!(applied(&before, &found), after);
        }
    }
}
