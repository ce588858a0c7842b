//! What a hover shows, as Markdown or as plain text.

/// A short page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// A name, and what it is.
    Title(String, String),
    /// Sentences of zosc's own, with backticks.
    Text(String),
    /// Sentences of others, in which nothing is meant as a mark.
    Foreign(String),
    /// Facts.
    Facts(Vec<String>),
    /// A piece of a manifest.
    Code(String),
}

impl Page {
    /// A name, and what it is.
    pub(super) fn title(&mut self, name: &str, what: impl Into<String>) {
        let piece = Piece::Title(name.to_owned(), what.into());
        self.pieces.push(piece);
    }

    /// Sentences of zosc's own.
    pub(super) fn text(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text));
        }
    }

    /// Sentences of others.
    pub(super) fn foreign(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Foreign(text.to_owned()));
        }
    }

    /// A fact; those that follow one another become a list.
    pub(super) fn fact(&mut self, fact: impl Into<String>) {
        let fact = fact.into();
        match self.pieces.last_mut() {
            Some(Piece::Facts(facts)) => facts.push(fact),
            _ => self.pieces.push(Piece::Facts(vec![fact])),
        }
    }

    /// A piece of a manifest.
    pub(super) fn code(&mut self, code: impl Into<String>) {
        self.pieces.push(Piece::Code(code.into()));
    }

    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The page for a client.
    pub(super) fn render(&self, as_markdown: bool) -> String {
        let pieces = self.pieces.iter();
        let pieces: Vec<String> = pieces
            .map(|piece| {
                if as_markdown {
                    piece.markdown()
                } else {
                    piece.plain()
                }
            })
            .collect();
        pieces.join("\n\n")
    }
}

impl Piece {
    fn markdown(&self) -> String {
        match self {
            Self::Title(name, what) if what.is_empty() => format!("**{}**", code(name)),
            Self::Title(name, what) => format!("**{}** · {what}", code(name)),
            Self::Text(text) => text.clone(),
            Self::Foreign(text) => escaped(text),
            Self::Facts(facts) => listed(facts),
            Self::Code(text) => format!("```kdl\n{text}\n```"),
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Title(name, what) if what.is_empty() => name.clone(),
            Self::Title(name, what) => format!("{name} · {what}"),
            Self::Text(text) | Self::Foreign(text) => text.clone(),
            Self::Facts(facts) => listed(facts),
            Self::Code(text) => {
                let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
                lines.join("\n")
            }
        }
    }
}

fn listed(facts: &[String]) -> String {
    let lines: Vec<String> = facts.iter().map(|fact| format!("- {fact}")).collect();
    lines.join("\n")
}

/// A text in backticks, whatever it holds.
pub(super) fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

/// A text in which no character is a mark of Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation()
            && !matches!(
                character,
                '.' | ',' | ':' | '-' | '/' | '\'' | '(' | ')' | ';' | '%'
            )
        {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A few of some names in backticks, and how many there are besides.
pub(super) fn some<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let (shown, more) = names.split_at(names.len().min(most));
    let shown: Vec<String> = shown.iter().map(|name| code(name.as_ref())).collect();
    match more.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A number of things.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_has_no_marks() {
        let mut page = Page::default();
        page.title("a", "package");
        page.foreign("*bold* [link](https://x) <b> #1_2");
        page.fact("one");
        page.fact("two");
        page.code("a 1");
        assert_eq!(
            page.render(true),
            "**`a`** · package\n\n\\*bold\\* \\[link\\](https://x) \\<b\\> \\#1\\_2\n\n- one\n- two\n\n```kdl\na 1\n```"
        );
        assert_eq!(
            page.render(false),
            "a · package\n\n*bold* [link](https://x) <b> #1_2\n\n- one\n- two\n\n    a 1"
        );
    }
}
