//! Values of a member: words of an enum, truth values, names, paths, examples; whatever the language says can stand there.

use std::path::Path;

use serde_json::Value;

use crate::manifest::model::{Kind, Member, NameForm, Scalar};
use crate::manifest::secret::SecretForm;
use crate::manifest::wording;

use super::super::cursor::Quotes;
use super::super::protocol::CompletionItemKind;
use super::list::{Ctx, List};
use super::proposal::{Proposal, Rank, Text};

impl Ctx<'_> {
    /// What a member may hold.
    pub(super) fn values(&self, member: &Member, list: &mut List) {
        let Kind::Scalar(scalar) = &member.kind else {
            return;
        };
        match scalar {
            Scalar::Choice(choices) => self.choices(choices, list),
            Scalar::Truth => self.truths(list),
            Scalar::Number => {
                self.declared_numbers(member, list);
                examples(member, list);
            }
            Scalar::Secret(form) => self.secrets(member, *form, list),
            Scalar::Text => self.texts_of(member, list),
        }
    }

    fn choices(&self, choices: &[(String, String)], list: &mut List) {
        let taken = self.taken(list);
        for (word, meaning) in choices
            .iter()
            .filter(|(word, _)| !taken.contains(word.as_str()))
        {
            let proposal = Proposal::value(word, CompletionItemKind::EnumMember);
            list.push(proposal.about(meaning));
        }
    }

    fn truths(&self, list: &mut List) {
        if self.cursor.quotes == Quotes::Bare {
            for word in ["#true", "#false"] {
                list.push(piece(word, CompletionItemKind::Keyword));
            }
        }
    }

    /// Whether a flag holds: it does where nothing is said.
    pub(super) fn flag(&self, member: &Member, list: &mut List) {
        if self.cursor.quotes == Quotes::Bare {
            let proposal = piece("#false", CompletionItemKind::Keyword);
            list.push(proposal.detail("unset it").about(wording::sentence(member)));
        }
    }

    fn secrets(&self, member: &Member, form: SecretForm, list: &mut List) {
        if self.cursor.quotes == Quotes::Bare {
            for name in self.variable_names(member) {
                let proposal = piece(&format!("(env){name}"), CompletionItemKind::Variable);
                list.push(
                    proposal
                        .detail("read from the environment")
                        .ranked(Rank::First),
                );
            }
        }
        if form == SecretForm::Key {
            self.paths(|_| true, list);
        }
    }

    fn texts_of(&self, member: &Member, list: &mut List) {
        let naming = &member.naming;
        if !naming.template.is_empty() && self.variables(&naming.template, list) {
            return;
        }
        if naming.form == NameForm::Words {
            self.narrow_to_word(list);
        }
        match (naming.refers.as_deref(), member.complete.as_deref()) {
            (Some("package"), _) => self.packages(list),
            (Some("module"), _) => self.modules(list),
            (Some("unit"), _) if naming.form == NameForm::Whole => self.unit_names(list),
            (Some("unit"), _) => self.expectations(list),
            (Some(kind), _) => self.declared(kind, list),
            (_, Some("path")) => self.paths(|_| true, list),
            (_, Some("key")) => {
                library(&crate::check::library_keys(), list);
                self.paths(|_| true, list);
            }
            (_, Some("import")) => {
                library(&crate::check::library_names(), list);
                self.paths(is_manifest, list);
            }
            (_, Some("firmware")) => self.firmware(list),
            (_, Some("version")) => self.versions(list),
            (_, Some("digest")) => self.digests(member, list),
            (_, Some("signal")) => {
                for name in crate::zinit::Signal::names() {
                    list.push(Proposal::value(*name, CompletionItemKind::Constant));
                }
            }
            // A name of the author's own making.
            _ if naming.names.is_some() => {}
            (_, Some("nothing")) => {}
            _ => examples(member, list),
        }
    }

    /// Narrows what is replaced to the word of a text at the cursor.
    fn narrow_to_word(&self, list: &mut List) {
        let cursor = &self.cursor;
        let text = |range| cursor.text.get(range).unwrap_or_default();
        let before: &str = text(cursor.word.start..cursor.offset);
        let behind: &str = text(cursor.offset..cursor.word.end);
        let start = before
            .rfind(char::is_whitespace)
            .map_or(0, |space| space + 1);
        let end = behind.find(char::is_whitespace).unwrap_or(behind.len());
        list.narrow(cursor, cursor.word.start + start..cursor.offset + end);
    }
}

/// What ships with zosc.
fn library(names: &[String], list: &mut List) {
    for name in names {
        let proposal = Proposal::value(name, CompletionItemKind::Module);
        list.push(proposal.detail("ships with zosc"));
    }
}

/// Whether a file may be imported, by its name.
fn is_manifest(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|ending| ending == "kdl")
}

/// A piece of the text as it stands.
pub(super) fn piece(text: &str, kind: CompletionItemKind) -> Proposal {
    let plain = Text::Piece {
        plain: text.to_owned(),
        snippet: None,
    };
    Proposal::new(text, plain, kind)
}

/// What the language has as examples of a member, and what holds without it.
fn examples(member: &Member, list: &mut List) {
    let default = member.default.iter().map(|value| (value, "default"));
    let examples = member.examples.iter().flat_map(|example| match example {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    });
    let all = default.chain(examples.map(|value| (value, "example")));
    for (value, detail) in all {
        let proposal = match value {
            Value::String(text) => Proposal::value(text, CompletionItemKind::Value),
            Value::Number(number) => piece(&number.to_string(), CompletionItemKind::Value),
            _ => continue,
        };
        if !list
            .proposals
            .iter()
            .any(|other| other.label == proposal.label)
        {
            list.push(proposal.detail(detail));
        }
    }
}
