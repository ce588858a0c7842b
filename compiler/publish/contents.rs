//! The contents of flists: blocks, which go to the store that each flist has.
//!
//! A block that is there is not sent again. Where a store is written and where machines read are two settings, so afterwards blocks are read once
//! more, by the way that machines take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::blocks::{self, Blocks, Layout, Put, Routes, prove};
use super::made::{MadeBlock, MadeFlist};
use super::side_by_side;
use super::step::{Act, Observer, Step};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{BlockId, Route};
use crate::io::Network;
use crate::tree::Store;

/// A store that was asked which blocks of an flist it lacks.
pub(super) struct Contents<'a> {
    flist: MadeFlist,
    written: Box<dyn Blocks + 'a>,
    missing: Vec<MadeBlock>,
    store: &'a Store,
}

impl<'a> Contents<'a> {
    /// Asks a store what it has.
    pub(super) fn look(
        flist: MadeFlist,
        store: &'a Store,
        cancel: &'a AtomicBool,
    ) -> Result<Self, Diagnostic> {
        let layout = Layout::of_route(&flist.read);
        let written = blocks::open(&flist.write, layout, store.root(), cancel)?;
        let has = side_by_side::each(&flist.blocks, |block| written.has(&block.id))?;
        let asked = flist.blocks.iter().zip(has);
        let missing = asked.filter(|(_, has)| !has).map(|(block, _)| *block);
        Ok(Self {
            missing: missing.collect(),
            flist,
            written,
            store,
        })
    }

    /// What would be done.
    pub(super) fn steps(&self) -> Vec<Step> {
        let missing = self.missing.len();
        let there = self.flist.blocks.len() - missing;
        let size = self.missing.iter().map(|block| block.size).sum();
        let mut steps = Vec::new();
        if there > 0 {
            steps.push(self.step(there, Act::Keep, None));
        }
        if missing > 0 {
            steps.push(self.step(missing, Act::Send, Some(size)));
        }
        steps
    }

    fn step(&self, count: usize, act: Act, size: Option<u64>) -> Step {
        let blocks = if count == 1 { "block" } else { "blocks" };
        Step {
            place: self.written.address(),
            key: format!("{count} {blocks} of {}", self.flist.name),
            act,
            size,
            sha256: None,
        }
    }

    /// Sends what is missing, and reads some of it as machines will; `network` is the way to where those read, where that is to be tried.
    pub(super) fn perform(
        &self,
        network: Option<&dyn Network>,
        observer: &dyn Observer,
    ) -> Result<(), Diagnostics> {
        let steps = self.steps();
        let sending = steps.iter().find(|step| step.act == Act::Send);
        let sent = AtomicU64::new(0);
        side_by_side::each(&self.missing, |block| {
            let bytes = self.store.get(&block.digest)?;
            self.written.write(&block.id, &bytes).map(|_: Put| ())?;
            let sent = sent.fetch_add(block.size, Ordering::Relaxed) + block.size;
            if let Some(step) = sending {
                observer.progress(step, sent);
            }
            Ok(())
        })?;
        if let Some(network) = network {
            self.prove(network)?;
        }
        for step in &steps {
            observer.done(step);
        }
        Ok(())
    }

    /// Reads a block by the way that machines take: one that was sent just now, else one that was there.
    fn prove(&self, network: &dyn Network) -> Result<(), Diagnostics> {
        let sent = self.missing.iter().chain(&self.flist.blocks);
        let ids: Vec<BlockId> = sent.take(1).map(|block| block.id).collect();
        let route = Route::all(&self.flist.read);
        let mut problems = Diagnostics::new();
        let public = Routes::of_list(&[route], network, &mut problems);
        match public {
            Some(public) => prove(&self.written.address(), &ids, &public),
            None => Err(problems),
        }
    }
}
