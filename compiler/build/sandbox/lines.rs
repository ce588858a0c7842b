//! Cuts a stream of output into lines.

/// Longest line that is passed on in one piece.
const LINE: usize = 1 << 14;

/// What has come of a line so far; never more than [`LINE`].
#[derive(Default)]
pub(in crate::build) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Takes output and passes whole lines on, without their breaks.
    pub(in crate::build) fn take(&mut self, output: &[u8], line: &mut dyn FnMut(&[u8])) {
        self.pending.extend_from_slice(output);
        let mut start = 0;
        while let Some(rest) = self.pending.get(start..).filter(|rest| !rest.is_empty()) {
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                line(&rest[..length]);
                start += length + 1;
            } else if rest.len() >= LINE {
                line(rest);
                start = self.pending.len();
            } else {
                break;
            }
        }
        self.pending.drain(..start);
    }

    /// Passes on what came behind the last break.
    pub(in crate::build) fn finish(&mut self, line: &mut dyn FnMut(&[u8])) {
        if !self.pending.is_empty() {
            line(&std::mem::take(&mut self.pending));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines_again() {
        let mut lines = Lines::default();
        let mut seen: Vec<String> = Vec::new();
        let mut note = |line: &[u8]| seen.push(String::from_utf8_lossy(line).into_owned());
        for piece in ["one\ntw", "o\n\nthr", "ee"] {
            lines.take(piece.as_bytes(), &mut note);
        }
        lines.finish(&mut note);
        assert_eq!(seen, ["one", "two", "", "three"]);
    }
}
