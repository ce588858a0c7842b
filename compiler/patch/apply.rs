//! Hunks against the lines of a file.

use super::read::{Fault, Hunk};

/// The content with all hunks applied, each where its lines are, as near as may be to where it thinks, behind the one before it.
pub(super) fn apply(content: &[u8], hunks: &[Hunk<'_>]) -> Result<Vec<u8>, Fault> {
    let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    let mut out = Vec::with_capacity(content.len());
    // Lines that are done with, and how much lower than they think the hunks stand.
    let (mut done, mut drift) = (0usize, 0isize);
    for hunk in hunks {
        // Where nothing is taken away, the number is that of the line before.
        let stated = hunk.start.saturating_sub(usize::from(!hunk.old.is_empty()));
        let expected = stated.saturating_add_signed(drift);
        let at = place(&lines, hunk, done, expected).ok_or_else(|| misfit(&lines, hunk, stated))?;
        for line in lines.get(done..at).unwrap_or_default() {
            out.extend_from_slice(line);
        }
        for line in &hunk.new {
            out.extend_from_slice(line);
        }
        done = at + hunk.old.len();
        drift = at.cast_signed() - stated.cast_signed();
    }
    for line in lines.get(done..).unwrap_or_default() {
        out.extend_from_slice(line);
    }
    Ok(out)
}

/// Where a hunk's old lines stand: at the expected place, else at the nearest one, the later of two.
fn place(lines: &[&[u8]], hunk: &Hunk<'_>, first: usize, expected: usize) -> Option<usize> {
    let last = lines.len().checked_sub(hunk.old.len())?;
    let fits = |at: &usize| {
        let end = *at + hunk.old.len();
        (first..=last).contains(at) && lines.get(*at..end) == Some(hunk.old.as_slice())
    };
    if hunk.old.is_empty() {
        return (first..=last).contains(&expected).then_some(expected);
    }
    (0..=lines.len())
        .flat_map(|away| [expected.checked_add(away), expected.checked_sub(away)])
        .flatten()
        .find(fits)
}

/// Says at which line a hunk and the file part, where the hunk thinks that it belongs.
fn misfit(lines: &[&[u8]], hunk: &Hunk<'_>, stated: usize) -> Fault {
    let found = |number: usize| lines.get(stated + number);
    let differs = |number: &usize| found(*number) != hunk.old.get(*number);
    let number = (0..hunk.old.len()).find(differs).unwrap_or(0);
    let shown = |line: Option<&&[u8]>| match line {
        Some(line) => format!(
            "`{}`",
            String::from_utf8_lossy(line).trim_end().escape_debug()
        ),
        None => "the end of the file".to_owned(),
    };
    Fault {
        line: hunk.lines.get(number).copied().unwrap_or(hunk.line),
        why: format!(
            "line {} of the file should be {}, and is {}; nowhere else in the file are the hunk's lines together",
            stated + number + 1,
            shown(hunk.old.get(number)),
            shown(found(number)),
        ),
    }
}
