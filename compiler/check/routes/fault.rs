//! What is wrong with an address, and what to write in its place.

use crate::check::addresses::credentials;
use crate::check::{Ctx, quoted};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

/// Why an address cannot be used, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::check) struct Fault {
    pub(super) fact: String,
    help: String,
    /// What to put in its place.
    pub(super) instead: Option<Instead>,
    /// Whether nothing else can be meant.
    is_plain: bool,
}

/// An address, and what goes beside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Instead {
    address: String,
    pub(super) beside: Vec<(&'static str, String)>,
}

impl Instead {
    pub(super) fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            beside: Vec::new(),
        }
    }

    /// As a manifest has it: a value, and properties.
    fn written(&self) -> String {
        let mut text = quoted(&self.address);
        for (name, value) in &self.beside {
            text.push_str(&format!(" {name}={}", quoted(value)));
        }
        text
    }

    /// As a command line has it: a word, and options.
    fn typed(&self) -> String {
        let mut text = self.address.clone();
        for (name, value) in &self.beside {
            text.push_str(&format!(" --{name} {value}"));
        }
        text
    }
}

impl Fault {
    pub(super) fn new(fact: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            fact: fact.into(),
            help: help.into(),
            instead: None,
            is_plain: false,
        }
    }

    /// Says what to do in the words of another place.
    pub(in crate::check) fn with_help(self, help: &str) -> Self {
        Self {
            help: help.to_owned(),
            ..self
        }
    }

    /// Offers another address.
    pub(super) fn instead(self, address: impl Into<String>) -> Self {
        self.instead_of_all(Instead::new(address))
    }

    /// Offers another address, and what goes beside it.
    pub(super) fn instead_of_all(self, instead: Instead) -> Self {
        Self {
            instead: Some(instead),
            ..self
        }
    }

    /// Says that nothing else can be meant.
    pub(super) fn plain(self) -> Self {
        Self {
            is_plain: true,
            ..self
        }
    }
}

impl Ctx<'_> {
    /// Tells why an address cannot be used.
    pub(in crate::check) fn push_fault(
        &mut self,
        code: &'static str,
        address: &Spanned<String>,
        fault: Fault,
    ) {
        let message = format!("`{}` {}", address.value, fault.fact);
        let problem = Diagnostic::error(code, message)
            .at(address.span)
            .help(fault.help);
        self.push(match fault.instead {
            Some(instead) => problem
                .replace(
                    "write it so",
                    address.span,
                    self.offered(&instead, address.span),
                )
                .safe_if(fault.is_plain),
            None => problem,
        });
    }

    /// An address in the form of the place that it is for.
    fn offered(&self, instead: &Instead, span: Span) -> String {
        if self.is_typed(span) {
            instead.typed()
        } else {
            instead.written()
        }
    }

    /// Refuses a key inside an address, which lists and messages would show.
    pub(super) fn store_credentials(
        &mut self,
        address: &Spanned<String>,
        user: &str,
        help: &str,
        clean: &Instead,
    ) {
        let clean = self.offered(clean, address.span);
        let mut problem = credentials(address, "a user name or password")
            .help(help)
            .replace("remove it", address.span, clean);
        if user.contains('%') {
            problem = problem.note("rfs does not decode `%` in the credentials of an address, so these would not even work");
        }
        self.push(problem);
    }
}
