//! Text to [`Document`]: KDL 2, every name and value with its span.
//!
//! Comes in: the text of one source. Goes out: our own tree (types of the `kdl` crate never leave this module) and
//! diagnostics. Never knows what a package is.
//!
//! # How
//! 1. [`scan`](scan::scan) cuts any text into tokens that tile it, and notes what no KDL text may hold.
//! 2. [`outline`](outline::outline) walks the tokens once: nodes, blocks, what `/-` leaves out, and what is out of place.
//! 3. What was noted is replaced by blanks or placeholders of the same length, so that offsets hold, and `kdl` parses the
//!    rest. A placeholder becomes [`Value::Poisoned`]: known to be there, not known what. So one mistake is told once, and
//!    hides nothing beside it.
//!
//! The first two steps take linear time and no recursion, and `kdl` only sees what they found sound: its own errors are
//! a fallback, and the inputs that make it slow or exhaust its stack (nested `/-`, long comments, runs of braces) never reach it.

pub mod document;
pub mod fault;
mod format;
mod lower;
pub mod outline;
mod problems;
mod read;
pub mod scan;
mod word;
pub mod write;

#[cfg(test)]
mod tests;

pub use document::{Block, Document, Entry, Node, Value};
pub use format::format;
pub use read::read_text;
pub use word::{bare_or_quoted, quote};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{SourceId, Span};

/// The largest text that is read, in bytes.
pub const MAXIMUM_SIZE: usize = 1 << 20;

/// How deep blocks may nest.
pub const MAXIMUM_DEPTH: usize = 64;

/// How many problems of a text are told; the rest is counted.
pub const MAXIMUM_PROBLEMS: usize = 50;

/// How deep `/-` may nest.
pub const MAXIMUM_SLASHDASH_DEPTH: usize = 6;

/// Parses a text, and goes on past mistakes.
///
/// What is sound is in the document even when something beside it is not; [`Document::is_whole`] and [`Node::damaged`] tell
/// where something was left out.
pub fn parse(source: SourceId, text: &str, sink: &mut Diagnostics) -> Document {
    if text.len() > MAXIMUM_SIZE {
        sink.push(too_large(source, text.len()));
        return Document::unreadable(source);
    }
    let scan = scan::scan(text);
    let outline = outline::outline(text, &scan.tokens);
    let faults = gather(&scan, &outline);
    let mut problems: Diagnostics = faults
        .iter()
        .take(MAXIMUM_PROBLEMS)
        .map(|fault| problems::describe(source, text, fault))
        .collect();
    let document = if outline.gave_up {
        Document::unreadable(source)
    } else {
        lower::lower(source, text, &scan.tokens, &outline, &mut problems)
    };
    let more = faults.len().saturating_sub(MAXIMUM_PROBLEMS);
    if more > 0 {
        problems.push(too_many(more));
    }
    problems.sort();
    sink.extend(problems);
    document
}

/// All faults in order, without those that lie in the range of another: they follow from it.
fn gather(scan: &scan::Scan, outline: &outline::Outline) -> Vec<fault::Fault> {
    let mut faults = outline.faults.clone();
    if !outline.gave_up {
        faults.extend(&scan.faults);
    }
    faults.sort_by_key(|fault| (fault.start, std::cmp::Reverse(fault.end)));
    let mut reached = 0;
    faults.retain(|fault| {
        let follows = fault.start < reached && fault.end <= reached;
        reached = reached.max(fault.end);
        !follows
    });
    faults
}

fn too_many(more: usize) -> Diagnostic {
    Diagnostic::error(
        "zosc::syntax::too-many",
        format!("{more} more problems are not shown"),
    )
    .help("mend those above and check again")
}

fn too_large(source: SourceId, length: usize) -> Diagnostic {
    Diagnostic::error(
        "zosc::syntax::too-large",
        format!("a manifest of {length} bytes is too large"),
    )
    .label(
        Span::new(source, 0, 0),
        format!("at most {MAXIMUM_SIZE} bytes are read"),
    )
    .help("put what is not about the image elsewhere, or split the file and `import` the parts")
}
