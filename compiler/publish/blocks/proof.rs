//! The proof that what was written is found where machines will look for it.
//!
//! Where a store is written and where its blocks are read are two settings, and nothing but reading shows that they lead to the
//! same place.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::BlockId;

use super::{Blocks, Found, Routes, Tried};

/// Reads blocks that `written` has just taken through each route that readers of the list take: the first that the route is for.
///
/// # Errors
/// `zosc::publish::route-elsewhere`, `zosc::publish::route-refused` and `zosc::publish::route-unreachable`, one for each route.
pub fn prove(written: &str, ids: &[BlockId], public: &Routes<'_>) -> Result<(), Diagnostics> {
    let mut problems = Diagnostics::new();
    for (range, route) in public.iter() {
        let Some(id) = ids.iter().find(|id| range.contains(&id.prefix())) else {
            continue;
        };
        if let Err(tried) = route.read(id) {
            problems.push(disproved(written, id, route, &tried));
        }
    }
    problems.into_result()
}

fn disproved(written: &str, id: &BlockId, route: &dyn Blocks, tried: &[Tried]) -> Diagnostic {
    let read = route.address();
    let has = |which: fn(&Found) -> bool| tried.iter().any(|tried| which(&tried.found));
    let problem = if has(|found| matches!(found, Found::Refused(_))) {
        Diagnostic::error(
            "zosc::publish::route-refused",
            format!("`{read}` does not hand out block {id}, which was just written to `{written}`"),
        )
        .help("let the store be read by everyone: machines have no key; its blocks are encrypted, and their names say nothing")
    } else if has(|found| matches!(found, Found::Failed(_))) {
        Diagnostic::error(
            "zosc::publish::route-unreachable",
            format!("`{read}` does not answer, so nothing shows that it has what was written to `{written}`"),
        )
        .help("check the address that machines read at, `read=` or `--read`; where this machine cannot reach it and others can, `--no-proof` leaves the check out")
    } else {
        Diagnostic::error(
            "zosc::publish::route-elsewhere",
            format!("block {id} was just written to `{written}` and is not at `{read}`"),
        )
        .help("the two lead to different places: compare host, bucket and prefix, and change the one that is wrong")
    };
    let tried = tried.iter().map(|tried| format!("looked at {tried}"));
    tried.fold(problem, Diagnostic::note)
}
