//! A web server as a store, which can only be read: as `rfs` reads it, and without any key.

use crate::diagnostic::Diagnostic;
use crate::flist::{BlockId, SEALED_LIMIT};
use crate::io::{Network, fetch};

use super::{Blocks, Found, Layout, Put, Tried, checked};

/// Blocks below an address.
pub struct WebStore<'n> {
    base: String,
    layout: Layout,
    network: &'n dyn Network,
}

impl<'n> WebStore<'n> {
    /// The blocks below an address, which has no slash at its end.
    ///
    /// With [`Layout::Sharded`] the flat name is asked for where a server answers that it has nothing at the other one, and only then.
    pub fn new(base: &str, layout: Layout, network: &'n dyn Network) -> Self {
        Self {
            base: base.to_owned(),
            layout,
            network,
        }
    }

    fn ask(&self, layout: Layout, id: &BlockId) -> Result<Vec<u8>, Tried> {
        let place = format!("{}/{}", self.base, layout.name(id));
        let limit = SEALED_LIMIT as u64;
        let answer = fetch(self.network, &place, limit).map_err(Found::from);
        let answer = answer.and_then(|bytes| checked(id, bytes));
        answer.map_err(|found| Tried { place, found })
    }
}

impl Blocks for WebStore<'_> {
    fn address(&self) -> String {
        self.base.clone()
    }

    fn read(&self, id: &BlockId) -> Result<Vec<u8>, Vec<Tried>> {
        match self.ask(self.layout, id) {
            Ok(bytes) => Ok(bytes),
            Err(sharded) if self.layout == Layout::Sharded && sharded.found == Found::Nothing => {
                let flat = self.ask(Layout::Flat, id);
                flat.map_err(|flat| vec![sharded, flat])
            }
            Err(tried) => Err(vec![tried]),
        }
    }

    fn write(&self, _: &BlockId, _: &[u8]) -> Result<Put, Diagnostic> {
        Err(Diagnostic::error(
            "zosc::check::bad-store",
            format!("`{}` can only be read", self.base),
        )
        .help("write to the bucket or the folder that is behind it"))
    }

    fn has(&self, _: &BlockId) -> Result<bool, Diagnostic> {
        Ok(false)
    }
}
