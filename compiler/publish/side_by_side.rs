//! Many small questions at a time: what each takes is the way to the server and back, so they go side by side.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::diagnostic::Diagnostic;

/// How many go at a time.
const AT_ONCE: usize = 16;

/// Does something with each item, several at a time; answers in their order, or the problem of the first that has one.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Diagnostic> + Sync,
) -> Result<Vec<R>, Diagnostic> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let failed: Mutex<Option<(usize, Diagnostic)>> = Mutex::new(None);
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            match work(item) {
                Ok(result) => lock(&done).push((index, result)),
                Err(problem) => {
                    // Nobody begins anything new.
                    next.store(items.len(), Ordering::Relaxed);
                    let mut failed = lock(&failed);
                    if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                        *failed = Some((index, problem));
                    }
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
    if let Some((_, problem)) = lock(&failed).take() {
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
        // Whichever is told first, it is the first of them.
        let barrier = std::sync::Barrier::new(2);
        let failed = each(&[0, 1], |item: &u64| -> Result<(), Diagnostic> {
            barrier.wait();
            std::thread::sleep(std::time::Duration::from_millis(50 - 50 * item));
            Err(Diagnostic::error(
                "zosc::publish::index-contested",
                item.to_string(),
            ))
        });
        assert_eq!(failed.expect_err("both fail").message, "0");
        assert_eq!(each(&[], |item: &u8| Ok(*item)), Ok(Vec::new()));
    }
}
