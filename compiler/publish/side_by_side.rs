//! Many small questions at a time: what each takes is the way to the server and back, so they go side by side.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::diagnostic::Diagnostic;

/// How many go at a time.
const AT_ONCE: usize = 16;

/// Does something with each item, several at a time; answers in their order, or the first problem.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Diagnostic> + Sync,
) -> Result<Vec<R>, Diagnostic> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let failed: Mutex<Option<Diagnostic>> = Mutex::new(None);
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            match work(item) {
                Ok(result) => lock(&done).push((index, result)),
                Err(problem) => {
                    // Nobody begins anything new.
                    next.store(items.len(), Ordering::Relaxed);
                    lock(&failed).get_or_insert(problem);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    if let Some(problem) = lock(&failed).take() {
        return Err(problem);
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_and_a_problem_stops_what_has_not_begun() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled = each(&items, |item| Ok(item * 2)).expect("no problem");
        assert!(
            doubled
                .iter()
                .zip(&items)
                .all(|(one, item)| *one == item * 2)
        );
        let begun = AtomicUsize::new(0);
        let failed = each(&items, |_| -> Result<(), Diagnostic> {
            begun.fetch_add(1, Ordering::Relaxed);
            Err(Diagnostic::error("zosc::publish::index-contested", "no"))
        });
        assert!(failed.is_err() && begun.into_inner() <= AT_ONCE);
        assert_eq!(each(&[], |item: &u8| Ok(*item)), Ok(Vec::new()));
    }
}
