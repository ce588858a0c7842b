//! Many short texts in one allocation: thousands of names and descriptions cost little more than their bytes.

/// Most bytes of all texts together.
const MOST_BYTES: usize = 64 << 20;

/// Texts one behind the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Arena {
    text: String,
}

/// One text of an arena.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Word {
    start: u32,
    length: u16,
}

impl Arena {
    /// Keeps the first `most` bytes of a text at least, cut between characters. Where the arena is full, it keeps nothing.
    pub(super) fn keep(&mut self, text: &str, most: u16) -> Word {
        let text = &text[..text.floor_char_boundary(usize::from(most))];
        let start = self.text.len();
        if start + text.len() > MOST_BYTES {
            return Word::default();
        }
        self.text.push_str(text);
        Word {
            start: u32::try_from(start).unwrap_or_default(),
            length: u16::try_from(text.len()).unwrap_or_default(),
        }
    }

    /// The text of a word.
    pub(super) fn get(&self, word: Word) -> &str {
        let start = word.start as usize;
        let text = self.text.get(start..start + usize::from(word.length));
        text.unwrap_or_default()
    }

    /// Gives back what was set aside for more.
    pub(super) fn finish(&mut self) {
        self.text.shrink_to_fit();
    }

    /// How many bytes it takes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_whole_or_cut_between_characters() {
        let mut arena = Arena::default();
        let whole = arena.keep("busybox", 99);
        let cut = arena.keep("größe", 3);
        assert_eq!((arena.get(whole), arena.get(cut)), ("busybox", "gr"));
        assert_eq!(arena.get(Word::default()), "");
    }
}
