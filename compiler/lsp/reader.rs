//! The thread that reads what caches know of a project, so that no request waits for it.
//!
//! Comes in: a check in which nothing was wrong. Goes out: [`Knowledge`], each time more of it is known; nothing where what it is read
//! from has not changed. Of several checks of one manifest only the latest counts.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::knowledge::{Basis, Knowledge, load};
use super::project::Checked;
use super::server::Event;

/// A manifest and what it was checked to be.
pub(super) struct Wish {
    pub(super) entry: PathBuf,
    pub(super) checked: Arc<Checked>,
}

/// Starts the thread; it ends when nobody can wish for anything any more.
pub(super) fn start(store: PathBuf, events: Sender<Event>) -> std::io::Result<Sender<Wish>> {
    let (wishes, inbox) = channel();
    let reader = Reader {
        store,
        events,
        bases: BTreeMap::new(),
    };
    thread::Builder::new()
        .name("read".to_owned())
        .spawn(move || reader.run(&inbox))?;
    Ok(wishes)
}

struct Reader {
    store: PathBuf,
    events: Sender<Event>,
    /// What the knowledge of each manifest was read from.
    bases: BTreeMap<PathBuf, Basis>,
}

impl Reader {
    fn run(mut self, inbox: &Receiver<Wish>) {
        while let Ok(first) = inbox.recv() {
            let mut latest = BTreeMap::from([(first.entry, first.checked)]);
            latest.extend(inbox.try_iter().map(|wish| (wish.entry, wish.checked)));
            for (entry, checked) in latest {
                // A fault of zosc's own leaves what was known before.
                let read = catch_unwind(AssertUnwindSafe(|| self.read(&entry, &checked)));
                if read.is_err() {
                    self.bases.remove(&entry);
                }
            }
        }
    }

    fn read(&mut self, entry: &PathBuf, checked: &Checked) {
        let Some(image) = &checked.image else { return };
        let basis = Basis::of(image, &self.store);
        if self.bases.get(entry) == Some(&basis) {
            return;
        }
        self.bases.insert(entry.clone(), basis);
        let (events, gone) = (self.events.clone(), AtomicBool::new(false));
        let mut publish = |knowledge: Knowledge| {
            let entry = entry.clone();
            let heard = events.send(Event::Known { entry, knowledge });
            // Nobody is there any more who could want the rest.
            gone.store(heard.is_err(), std::sync::atomic::Ordering::Relaxed);
        };
        load(image, &self.store, &gone, &mut publish);
    }
}
