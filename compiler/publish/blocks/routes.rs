//! Stores by the first byte of the names of their blocks.
//!
//! A block is written to every store that its name leads to, and read from the first one that has it, in the order of the routes; `rfs`
//! itself asks them in any order.

use std::ops::RangeInclusive;

use crate::check::{Ranged, route_place};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::flist::{BlockId, Route};
use crate::io::Network;

use super::{Blocks, Found, Put, Tried, open_place};

/// Stores, each for the blocks whose names begin with some bytes.
pub struct Routes<'a> {
    stores: Vec<Ranged<Box<dyn Blocks + 'a>>>,
}

impl<'a> Routes<'a> {
    /// Stores that have all blocks between them.
    ///
    /// # Errors
    /// `zosc::publish::range-gap`.
    pub fn new(stores: Vec<Ranged<Box<dyn Blocks + 'a>>>) -> Result<Self, Diagnostic> {
        match gap(stores.iter().map(|(range, _)| range)) {
            None => Ok(Self { stores }),
            Some(gap) => Err(no_store(&gap)),
        }
    }

    /// What a list's routes lead to, read as `rfs` reads it. Routes that zosc cannot take are no problem where others have the same blocks.
    ///
    /// # Errors
    /// Why routes cannot be taken, as [`route_place`] says it, and `zosc::publish::range-gap`.
    pub fn of_list(
        routes: &[Route],
        network: &'a dyn Network,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let mut stores = Vec::new();
        let mut untaken = Vec::new();
        for route in routes {
            match route_place(&route.url) {
                Ok(place) => {
                    stores.push((route.start..=route.end, open_place(&place, network)));
                }
                Err(problem) => untaken.push(problem),
            }
        }
        let routes = Self::new(stores);
        let severity = match &routes {
            Ok(_) => Severity::Warning,
            Err(_) => Severity::Error,
        };
        let is_told = untaken.is_empty();
        for problem in untaken {
            problems.push(Diagnostic {
                severity,
                ..problem
            });
        }
        match routes {
            Ok(routes) => Some(routes),
            Err(problem) => {
                if is_told {
                    problems.push(problem);
                }
                None
            }
        }
    }

    /// Each store, with the first bytes that are its own.
    pub fn iter(&self) -> impl Iterator<Item = (&RangeInclusive<u8>, &dyn Blocks)> {
        self.stores.iter().map(|(range, store)| (range, &**store))
    }

    fn matching(&self, id: &BlockId) -> impl Iterator<Item = &dyn Blocks> {
        let prefix = id.prefix();
        let stores = self
            .iter()
            .filter(move |(range, _)| range.contains(&prefix));
        stores.map(|(_, store)| store)
    }
}

impl Blocks for Routes<'_> {
    fn address(&self) -> String {
        let addresses = self.iter().map(|(range, store)| match range {
            range if *range == (0..=u8::MAX) => store.address(),
            range => format!(
                "{:02x}-{:02x}={}",
                range.start(),
                range.end(),
                store.address()
            ),
        });
        addresses.collect::<Vec<_>>().join(", ")
    }

    fn read(&self, id: &BlockId) -> Result<Vec<u8>, Vec<Tried>> {
        let mut tried = Vec::new();
        for store in self.matching(id) {
            match store.read(id) {
                Ok(bytes) => return Ok(bytes),
                Err(mut places) => tried.append(&mut places),
            }
        }
        if tried.is_empty() {
            tried.push(Tried {
                place: self.address(),
                found: Found::Failed(format!("no route for blocks with {:02x}", id.prefix())),
            });
        }
        Err(tried)
    }

    fn write(&self, id: &BlockId, bytes: &[u8]) -> Result<Put, Diagnostic> {
        let mut put = Put::Present;
        for store in self.matching(id) {
            if store.write(id, bytes)? == Put::New {
                put = Put::New;
            }
        }
        Ok(put)
    }

    fn has(&self, id: &BlockId) -> Result<bool, Diagnostic> {
        let mut stores = self.matching(id);
        stores.try_fold(true, |all, store| Ok(all && store.has(id)?))
    }
}

/// The first bytes that no range has, from the lowest on.
pub(super) fn gap<'r>(
    ranges: impl Iterator<Item = &'r RangeInclusive<u8>>,
) -> Option<RangeInclusive<u8>> {
    let ranges: Vec<_> = ranges.collect();
    let is_free = |byte: &u8| !ranges.iter().any(|range| range.contains(byte));
    let start = (0..=u8::MAX).find(is_free)?;
    let end = (start..=u8::MAX).take_while(is_free).last()?;
    Some(start..=end)
}

fn no_store(gap: &RangeInclusive<u8>) -> Diagnostic {
    let (start, end) = (gap.start(), gap.end());
    let message = if (*start, *end) == (0, u8::MAX) {
        "there is no address for the blocks".to_owned()
    } else {
        format!("there is no address for blocks whose names begin with {start:02x} to {end:02x}")
    };
    Diagnostic::error("zosc::publish::range-gap", message)
        .help(format!("add one for them: `{start:02x}-{end:02x}=ADDRESS`; an address without a range is for all blocks"))
}
