//! What a toolchain is to the commands that run in it: the one place that knows.

use crate::check::ToolchainRoot;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::Root;
use super::lower::Lowering;

/// A toolchain as a command sees it.
#[derive(Debug, Clone)]
pub(super) struct Toolchain {
    /// The root filesystem.
    pub(super) root: Root,
    /// The value of `PATH`.
    pub(super) path: String,
    /// The target triple that its Rust compiler builds for by itself, where that is known.
    pub(super) triple: Option<String>,
}

/// The toolchain of this name, which something at `at` is built with. That it is not locked becomes a problem.
pub(super) fn toolchain(lowering: &mut Lowering<'_>, name: &str, at: Span) -> Option<Toolchain> {
    let image = lowering.image;
    let root = image.toolchains.get(name).map(|toolchain| &toolchain.root);
    let found = match root {
        Some(ToolchainRoot::Host) => host(lowering),
        _ => None,
    };
    if found.is_none() {
        let problem = Diagnostic::error(
            "zosc::plan::no-toolchain",
            format!("the toolchain `{name}` is not in the lock"),
        );
        let problem = problem.at(at).help("run `zosc lock`");
        lowering.problems.push(problem);
    }
    found
}

/// This machine's own compilers.
fn host(lowering: &Lowering<'_>) -> Option<Toolchain> {
    let host = lowering.inputs.host.clone()?;
    // The `host:` line of `rustc -vV`.
    let triple = host.facts.lines();
    let triple = triple.filter_map(|line| line.strip_prefix("host: "));
    Some(Toolchain {
        path: host.path.join(":"),
        triple: triple.map(str::to_owned).next(),
        root: Root::Host(host),
    })
}
