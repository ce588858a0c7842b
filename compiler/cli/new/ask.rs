//! Questions at a terminal, answered by one line each.

use std::io::{self, BufRead, Write};

/// Someone who can be asked.
pub(super) struct Person<'a> {
    /// Where answers come from.
    pub(super) input: &'a mut dyn BufRead,
    /// Where questions go.
    pub(super) output: &'a mut dyn Write,
}

impl Person<'_> {
    /// Asks until `read` takes the answer; an empty answer is `default`.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        default: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> io::Result<T> {
        loop {
            write!(self.output, "{question} [{default}]: ")?;
            self.output.flush()?;
            let mut line = String::new();
            if self.input.read_line(&mut line)? == 0 {
                writeln!(self.output)?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let answer = match line.trim() {
                "" => default,
                answer => answer,
            };
            match read(answer) {
                Ok(value) => return Ok(value),
                Err(why) => writeln!(self.output, "  {why}")?,
            }
        }
    }

    /// Asks for yes or no.
    pub(super) fn confirm(&mut self, question: &str) -> io::Result<bool> {
        self.ask(question, "yes", |answer| {
            match answer.to_ascii_lowercase().as_str() {
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("answer `yes` or `no`".to_owned()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_are_asked_again_and_empty_ones_take_the_default() {
        let (mut input, mut output) = ("perhaps\nno\n\n".as_bytes(), Vec::new());
        let mut person = Person {
            input: &mut input,
            output: &mut output,
        };
        assert!(!person.confirm("a workflow?").unwrap());
        assert!(person.confirm("another?").unwrap());
        assert!(person.confirm("nobody there?").is_err());
        let shown = String::from_utf8(output).unwrap();
        assert_eq!(shown.matches("a workflow? [yes]: ").count(), 2, "{shown}");
    }
}
