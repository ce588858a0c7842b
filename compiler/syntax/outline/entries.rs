//! Arguments, properties and type annotations.

use super::super::fault::FaultKind;
use super::super::scan::{Token, TokenKind};
use super::Walker;

impl Walker<'_> {
    /// Something on the line where a block has ended: a node of its own, or an argument come too late.
    pub(super) fn behind_block(&mut self, token: Token) {
        let next = self
            .tokens
            .get(self.index + 1)
            .filter(|next| next.kind == TokenKind::Equals);
        let is_property = next.is_some();
        if !token.bad {
            let end = next.map_or(token.end, |equals| equals.end);
            self.fault(FaultKind::MissingNewline, token.start, end);
        }
        if is_property || !matches!(token.kind, TokenKind::Word | TokenKind::String) {
            self.entry(token);
            let end = self.last_end(token.end);
            self.damage(token.start, end);
        } else {
            self.end_node();
            self.start_node(token);
            if let Some(node) = &mut self.node {
                node.bad = true;
            }
        }
    }

    /// Takes an argument or property.
    pub(super) fn entry(&mut self, first: Token) {
        let slashed = self.slash.take();
        let mut sound = self.is_apart(first);
        if first.kind == TokenKind::OpenParenthesis {
            sound &= self.annotation();
            self.skip_node_space();
        }
        let end = match self.peek() {
            Some(value) if value.kind.is_value() => {
                self.take();
                let behind = self.index;
                self.skip_node_space();
                if self.peek().map(|token| token.kind) == Some(TokenKind::Equals) {
                    self.property(first, value, &mut sound)
                } else {
                    self.index = behind;
                    self.poison_if_bad(value);
                    value.end
                }
            }
            _ => {
                if sound {
                    self.fault(FaultKind::BadAnnotation, first.start, first.end);
                }
                sound = false;
                self.last_end(first.end)
            }
        };
        let (end, sound) = self.chained_equals(first.start, end, sound);
        if let Some(start) = slashed {
            self.blank(start, end);
        } else if !sound {
            self.damage(first.start, end);
        }
        if let Some(node) = &mut self.node {
            node.end = end;
        }
    }

    /// Takes `=` and the value behind a key; returns where the property ends.
    fn property(&mut self, first: Token, key: Token, sound: &mut bool) -> usize {
        let equals = self.take().map_or(key.end, |token| token.end);
        if first.kind == TokenKind::OpenParenthesis {
            self.fault(FaultKind::BadAnnotation, first.start, key.end);
            *sound = false;
        } else if !matches!(key.kind, TokenKind::Word | TokenKind::String) {
            self.fault(FaultKind::Unexpected, equals - 1, equals);
            *sound = false;
        }
        *sound &= !key.bad;
        let behind = self.index;
        self.skip_node_space();
        if self.peek().map(|token| token.kind) == Some(TokenKind::OpenParenthesis) {
            *sound &= self.annotation();
            self.skip_node_space();
        }
        match self.peek() {
            Some(value) if value.kind.is_value() => {
                self.take();
                self.poison_if_bad(value);
                value.end
            }
            _ => {
                self.index = behind;
                self.fault(FaultKind::MissingValue, first.start, equals);
                *sound = false;
                equals
            }
        }
    }

    /// `a=b=c`: the whole run was meant as one value.
    fn chained_equals(&mut self, start: usize, end: usize, sound: bool) -> (usize, bool) {
        let mut run_end = end;
        while let Some(token) = self.peek() {
            let goes_on = token.kind == TokenKind::Equals || token.kind.is_value();
            if !goes_on
                || token.start != run_end
                || (run_end == end && token.kind != TokenKind::Equals)
            {
                break;
            }
            self.take();
            run_end = token.end;
        }
        if run_end > end {
            self.fault(FaultKind::NeedsQuotes, start, run_end);
        }
        (run_end, sound && run_end == end)
    }

    fn poison_if_bad(&mut self, value: Token) {
        if value.bad {
            self.outline.poisoned.push((value.start, value.end));
        }
    }

    /// Whether there is space before an entry.
    pub(super) fn is_apart(&mut self, first: Token) -> bool {
        let entry_index = self.index;
        let before = entry_index
            .checked_sub(1)
            .and_then(|index| self.tokens.get(index));
        let apart = before.is_none_or(|token| {
            token.kind.is_node_space()
                || matches!(
                    token.kind,
                    TokenKind::Slashdash
                        | TokenKind::Newline
                        | TokenKind::Stray
                        | TokenKind::Equals
                        | TokenKind::CloseParenthesis
                )
        });
        if !apart && !first.bad && !before.is_some_and(|token| token.bad) {
            self.fault(FaultKind::MissingSpace, first.start, first.start);
        }
        apart
    }

    /// The end of the token before the current one.
    pub(super) fn last_end(&self, otherwise: usize) -> usize {
        self.index
            .checked_sub(1)
            .and_then(|index| self.tokens.get(index))
            .map_or(otherwise, |token| token.end)
    }

    /// Takes `(name)`; the walker stands at the parenthesis.
    pub(super) fn annotation(&mut self) -> bool {
        let start = self.take().map_or(0, |token| token.start);
        self.skip_node_space();
        let mut sound = false;
        if let Some(name) = self.peek().filter(|token| token.kind.is_value()) {
            self.take();
            sound = matches!(name.kind, TokenKind::Word | TokenKind::String) && !name.bad;
        }
        self.skip_node_space();
        let closing = self
            .peek()
            .filter(|token| token.kind == TokenKind::CloseParenthesis);
        if closing.is_some() {
            self.take();
        }
        if !sound || closing.is_none() {
            self.skip_to_parenthesis();
            let end = self.last_end(start + 1);
            self.fault(FaultKind::BadAnnotation, start, end);
            return false;
        }
        true
    }

    /// Moves behind the next closing parenthesis of the line, if there is one near.
    fn skip_to_parenthesis(&mut self) {
        let before = self.index;
        while let Some(token) = self.peek().filter(|_| self.index < before + 16) {
            match token.kind {
                TokenKind::Newline
                | TokenKind::Semicolon
                | TokenKind::OpenBrace
                | TokenKind::CloseBrace => break,
                TokenKind::CloseParenthesis => {
                    self.take();
                    return;
                }
                _ => self.take(),
            };
        }
        self.index = before;
    }
}
