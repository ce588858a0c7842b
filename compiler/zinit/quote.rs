//! Words for a command line, written so that every character arrives.
//!
//! zinit 0.2 splits with shlex, 0.3 hands the line to `/bin/sh`. Both read POSIX single quotes the same way, so one way of
//! quoting serves both; what comes out of it means nothing to a shell.

/// Words that a shell takes for its own grammar when they come first.
const RESERVED: &[&str] = &[
    "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select",
    "then", "time", "until", "while",
];

/// One argument as a word of a command line.
pub fn quote(word: &str) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b'-' | b'.' | b'/' | b',' | b':' | b'@' | b'%' | b'+' | b'='
            )
    };
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A program and its arguments as one command line.
pub fn quote_all(argv: &[String]) -> String {
    let mut words = Vec::with_capacity(argv.len());
    for (index, word) in argv.iter().enumerate() {
        // First place: `A=b` would be an assignment and `if` a keyword.
        let means_something = word.contains('=') || RESERVED.contains(&word.as_str());
        let quoted = quote(word);
        if index == 0 && means_something && quoted == *word {
            words.push(format!("'{word}'"));
        } else {
            words.push(quoted);
        }
    }
    words.join(" ")
}
