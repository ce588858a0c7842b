//! Which packages an image has: what the lock says where it answers to the manifest, else what the indexes in the store
//! come to.

use std::sync::atomic::AtomicBool;

use crate::io::Offline;
use crate::tree::Digest;

use super::super::choose::{Offered, choose};
use super::super::held::Staying;
use super::super::indexes;
use super::super::packages::{keep, singles, wishes};
use super::super::{Ctx, Lock, Mode, Role, Silent};
use super::Review;

/// The packages of an image.
pub(super) enum Answer {
    /// All of them.
    Known(Vec<Known>),
    /// They cannot be had; that has been told.
    Refused,
    /// Nothing here says which they are.
    Unknown {
        because: String,
        command: &'static str,
    },
}

/// A package of an image.
pub(super) struct Known {
    pub(super) role: Role,
    pub(super) name: String,
    /// The digest of its file, where a lock has it.
    pub(super) sha256: Option<Digest>,
}

impl Review<'_> {
    /// Finds out which packages there are.
    pub(super) fn packages(&mut self) -> Answer {
        let wishes = wishes(self.image);
        let singles = singles(self.image);
        let alpine = self.image.alpine.as_ref();
        let Some(alpine) = alpine.filter(|alpine| !alpine.repositories.is_empty()) else {
            return Answer::Known(Vec::new());
        };
        if wishes.is_empty() && singles.is_empty() {
            return Answer::Known(Vec::new());
        }
        let nothing = Lock::default();
        let lock = self.lock.unwrap_or(&nothing);
        if let Some(kept) = keep(alpine, &wishes, &singles, lock) {
            let known = kept.packages.into_iter().map(|package| Known {
                role: package.role,
                name: package.name,
                sha256: Some(package.sha256),
            });
            return Answer::Known(known.collect());
        }
        let at_hand = self.store.and_then(|store| {
            let fetched = indexes::at_hand(store, alpine, self.image.arch.name(), lock)?;
            Some((store, fetched))
        });
        let Some((store, fetched)) = at_hand else {
            let (because, command) = self.lock_is_missing();
            let unknown = Answer::Unknown { because, command };
            self.skip("package names", &unknown);
            return unknown;
        };
        let chosen = fetched.and_then(|fetched| {
            let ctx = Ctx {
                store,
                mode: Mode {
                    offline: true,
                    ..Mode::default()
                },
                observer: &Silent,
                cancel: &AtomicBool::new(false),
            };
            let offered = Offered {
                alpine,
                fetched: &fetched,
                network: &Offline,
                previous: lock,
            };
            // What stays locked is nothing that the manifest could be wrong about, and looking for it could write.
            choose(&ctx, &offered, Staying::nothing(), &wishes, &singles)
        });
        let chosen = match chosen {
            Ok(choices) => choices.chosen,
            Err(problems) => {
                self.sink.extend(problems);
                return Answer::Refused;
            }
        };
        let known = chosen.into_iter().map(|choice| {
            let mut locked = lock.packages.iter();
            let locked = locked
                .find(|package| package.name == choice.name && package.identity == choice.identity);
            Known {
                role: choice.role,
                sha256: locked.map(|package| package.sha256),
                name: choice.name,
            }
        });
        Answer::Known(known.collect())
    }
}
