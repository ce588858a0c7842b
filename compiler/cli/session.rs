//! What every command needs: where problems go, which texts were read, the store, Ctrl-C.

mod inputs;
mod output;
mod signals;

pub(super) use output::READER_LEFT;
pub(super) use signals::{CANCELLED, stopped_by};

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::source::SourceMap;
use crate::tree::{Access, Holder, Store};

use super::render::Style;
use super::{ColorChoice, Failed, Global, MessageFormat};

/// One run of zosc.
pub(super) struct Session {
    /// Texts that were read, for showing places in them.
    pub(super) sources: SourceMap,
    format: MessageFormat,
    style: Style,
    output_style: Style,
    store: PathBuf,
}

impl Session {
    /// A session with the global options; from here on Ctrl-C asks commands to stop, and a second one ends zosc at once.
    pub(super) fn new(global: &Global) -> Self {
        signals::watch_signals();
        let style = |is_terminal: bool| {
            Style::new(match global.color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => is_terminal && io::environment("NO_COLOR").is_none(),
            })
        };
        Self {
            sources: SourceMap::new(),
            format: global.message_format,
            style: style(std::io::stderr().is_terminal()),
            output_style: style(std::io::stdout().is_terminal()),
            store: global.store.clone().unwrap_or_else(io::default_store),
        }
    }

    /// Whether progress is drawn: on a terminal, for people.
    pub(super) fn draws(&self) -> bool {
        self.format == MessageFormat::Human && std::io::stderr().is_terminal()
    }

    /// Whether messages are for people.
    pub(super) fn for_people(&self) -> bool {
        self.format == MessageFormat::Human
    }

    /// Colours of messages, where they are on.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// Colours of results, which may go elsewhere than messages.
    pub(super) fn output_style(&self) -> Style {
        self.output_style
    }

    /// The folder that relative paths start from.
    pub(super) fn current_directory(&self) -> Result<PathBuf, Failed> {
        self.settle(io::current_directory().map_err(|error| {
            Diagnostic::error(
                "zosc::cli::no-directory",
                format!("the current folder cannot be used: {error}"),
            )
            .help("change to a folder that exists")
            .into()
        }))
    }

    /// Where the store is.
    pub(super) fn store_path(&self) -> &Path {
        &self.store
    }

    /// The store where there is one already; a check makes none.
    pub(super) fn existing_store(&self) -> Option<Store> {
        Store::existing(&self.store)
    }

    /// The store; says so where it has to be waited for.
    pub(super) fn store(&self) -> Result<Store, Failed> {
        self.store_as(Access::Shared, true)
    }

    /// The store, for oneself alone where things are taken out of it; `waits` for others, and says for whom, until Ctrl-C.
    pub(super) fn store_as(&self, access: Access, waits: bool) -> Result<Store, Failed> {
        let mut told: Vec<Holder> = Vec::new();
        let opened = Store::open_as(&self.store, access, &mut |holders| {
            if waits && told != holders {
                let holders: Vec<String> = holders.iter().map(Holder::to_string).collect();
                self.tell(&format!(
                    "{} for the store, in use by {}",
                    self.style.verb("wait"),
                    holders.join(", ")
                ));
            }
            told = holders.to_vec();
            waits && !CANCELLED.load(Ordering::Relaxed)
        });
        self.settle(opened.map_err(Diagnostics::from))
    }
}
