//! One action's work on several processors: many items, each by itself, on what the build has to spare.
//!
//! An action begins on one processor. As long as items are left, it takes every other processor that comes free, and gives it back when none
//! is left; so a long action widens as others end, and nothing that waits for a processor is kept from it. How many take part
//! changes no result.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::cores::Share;
use crate::diagnostic::Diagnostic;

/// The budget of a build, as an action sees it that could use more processors.
pub(super) trait Budget: Sync {
    /// A further processor with so much memory, where nobody waits for one.
    fn borrow(&self, memory: u64) -> Option<Loan>;

    /// Waits for a further processor, until `is_over`; whoever brings that about [wakes](Budget::wake) those who wait.
    fn borrow_until(&self, memory: u64, is_over: &dyn Fn() -> bool) -> Option<Loan>;

    /// Lets those look again who wait for a processor.
    fn wake(&self);

    /// Takes a loan back.
    fn give_back(&self, loan: Loan);
}

/// The budget of work outside a build: there is nothing to borrow.
pub(super) struct Nothing;

impl Budget for Nothing {
    fn borrow(&self, _: u64) -> Option<Loan> {
        None
    }

    fn borrow_until(&self, _: u64, _: &dyn Fn() -> bool) -> Option<Loan> {
        None
    }

    fn wake(&self) {}

    fn give_back(&self, _: Loan) {}
}

/// A processor, and memory to go with it.
#[derive(Debug)]
pub(super) struct Loan {
    pub(super) share: Share,
    pub(super) memory: u64,
}

/// What is still to be done, and what was.
struct Items<T, R> {
    left: std::iter::Enumerate<std::vec::IntoIter<T>>,
    done: BTreeMap<usize, R>,
    /// The first one that failed, in their order, and why.
    failed: Option<(usize, Diagnostic)>,
}

/// Ends the wait for processors when whoever holds it panics.
struct Alarm<'a>(&'a dyn Fn());

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

/// Does all items, and returns the results in their order; after the first failure nothing new is begun.
///
/// Items are begun in their order, so the first one that fails is the same however many take part.
pub(super) fn each<T: Send, R: Send>(
    budget: &dyn Budget,
    memory: u64,
    items: Vec<T>,
    work: &(dyn Fn(T) -> Result<R, Diagnostic> + Sync),
) -> Result<Vec<R>, Diagnostic> {
    let items = Mutex::new(Items {
        left: items.into_iter().enumerate(),
        done: BTreeMap::new(),
        failed: None,
    });
    let lock = || items.lock().unwrap_or_else(PoisonError::into_inner);
    // Beside the items, so that those who wait for a processor can look at it without them.
    let left = AtomicUsize::new(lock().left.len());
    let is_over = || left.load(Ordering::Relaxed) == 0;
    let note = |count: usize| {
        left.store(count, Ordering::Relaxed);
        if count == 0 {
            budget.wake();
        }
    };
    let stop = || {
        lock().left = Vec::new().into_iter().enumerate();
        note(0);
    };
    let next = || {
        let mut items = lock();
        let next = items.left.next()?;
        let count = items.left.len();
        drop(items);
        note(count);
        Some(next)
    };
    let settle = |number: usize, result: Result<R, Diagnostic>| {
        let mut items = lock();
        match result {
            Ok(result) => {
                items.done.insert(number, result);
            }
            Err(problem) => {
                if items
                    .failed
                    .as_ref()
                    .is_none_or(|(first, _)| number < *first)
                {
                    items.failed = Some((number, problem));
                }
                drop(items);
                stop();
            }
        }
    };
    let work_on = || {
        let _alarm = Alarm(&stop);
        while let Some((number, item)) = next() {
            settle(number, work(item));
        }
    };
    std::thread::scope(|scope| {
        if !is_over() {
            scope.spawn(|| {
                while let Some(loan) = budget.borrow_until(memory, &is_over) {
                    scope.spawn(|| {
                        work_on();
                        budget.give_back(loan);
                    });
                }
            });
        }
        work_on();
    });
    let items = items.into_inner().unwrap_or_else(PoisonError::into_inner);
    match items.failed {
        Some((_, problem)) => Err(problem),
        None => Ok(items.done.into_values().collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::super::cores::Cores;
    use super::*;

    struct Spare(Mutex<Cores>);

    impl Budget for Spare {
        fn borrow(&self, memory: u64) -> Option<Loan> {
            let share = self.0.lock().expect("no panic").take_one()?;
            Some(Loan { share, memory })
        }

        fn borrow_until(&self, memory: u64, is_over: &dyn Fn() -> bool) -> Option<Loan> {
            while !is_over() {
                if let Some(loan) = self.borrow(memory) {
                    return Some(loan);
                }
                std::thread::yield_now();
            }
            None
        }

        fn wake(&self) {}

        fn give_back(&self, loan: Loan) {
            self.0.lock().expect("no panic").give_back(loan.share);
        }
    }

    fn spare(processors: usize) -> Spare {
        Spare(Mutex::new(Cores::new(processors)))
    }

    #[test]
    fn results_keep_the_order_of_their_items() {
        for budget in [spare(1), spare(7)] {
            let results = each(&budget, 0, (0..100).collect(), &|item: u64| Ok(item * 2));
            let expected: Vec<u64> = (0..100).map(|item| item * 2).collect();
            assert_eq!(results.expect("all is well"), expected);
        }
        let alone = each(&Nothing, 0, vec!["a", "b"], &|item| Ok(item.to_owned()));
        assert_eq!(alone.expect("all is well"), ["a", "b"]);
    }

    #[test]
    fn as_many_work_at_once_as_there_are_processors_and_all_come_back() {
        let budget = spare(2);
        // Whoever comes here waits for two others.
        let barrier = Barrier::new(3);
        each(&budget, 0, vec![(); 3], &|()| {
            barrier.wait();
            Ok(())
        })
        .expect("all is well");
        let mut cores = budget.0.into_inner().expect("no panic");
        assert!(cores.take_one().is_some() && cores.take_one().is_some());
        assert!(cores.take_one().is_none());
    }

    #[test]
    fn a_processor_that_comes_free_takes_part_in_what_is_left() {
        let budget = spare(1);
        let elsewhere = budget.borrow(0).expect("one is free");
        let elsewhere = Mutex::new(Some(elsewhere));
        let barrier = Barrier::new(2);
        each(&budget, 0, vec![0, 1, 2], &|number| {
            if number == 0 {
                budget.give_back(
                    elsewhere
                        .lock()
                        .expect("no panic")
                        .take()
                        .expect("the first"),
                );
            } else {
                // Only two together come past it.
                barrier.wait();
            }
            Ok(())
        })
        .expect("all is well");
    }

    #[test]
    fn after_a_failure_nothing_is_begun() {
        let begun = AtomicUsize::new(0);
        let failed = each(&Nothing, 0, (0..10).collect(), &|item: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if item == 3 {
                return Err(Diagnostic::error("zosc::build::cancelled", "no"));
            }
            Ok(())
        });
        assert_eq!(
            failed.expect_err("one failed").code,
            "zosc::build::cancelled"
        );
        assert_eq!(begun.into_inner(), 4);
    }

    #[test]
    fn of_two_failures_the_first_item_s_is_told() {
        let barrier = Barrier::new(2);
        let failed = each(&spare(1), 0, vec![0, 1], &|item: u64| -> Result<(), _> {
            barrier.wait();
            std::thread::sleep(std::time::Duration::from_millis(50 - 50 * item));
            Err(Diagnostic::error(
                "zosc::build::cancelled",
                item.to_string(),
            ))
        });
        assert_eq!(failed.expect_err("both fail").message, "0");
    }

    #[test]
    fn nobody_waits_for_a_processor_after_a_panic() {
        let budget = spare(0);
        let work = |item: u64| -> Result<(), Diagnostic> { panic!("at {item}") };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            each(&budget, 0, vec![0, 1, 2], &work)
        }));
        assert!(outcome.is_err());
    }
}
