//! Ctrl-C and its like: commands under way are asked to end.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use crate::io;

/// Set when someone presses Ctrl-C: commands under way are stopped and nothing half-written stays.
pub(in crate::cli) static CANCELLED: AtomicBool = AtomicBool::new(false);

/// The first signal that asked for an end; 0 where there was none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// The exit code of a command that did not get to its end because somebody asked it to stop: 130 after Ctrl-C, as shells have it.
pub(in crate::cli) fn stopped_by() -> Option<u8> {
    let signal = SIGNAL.load(Ordering::Relaxed);
    (signal != 0).then(|| code_of(signal))
}

fn code_of(signal: i32) -> u8 {
    128_u8.wrapping_add(signal as u8)
}

/// Sets [`CANCELLED`] at the first Ctrl-C, termination or loss of the terminal; the second ends the process.
pub(super) fn watch_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let mut watched = vec![SIGINT, SIGTERM];
    // `nohup zosc build` goes on.
    if !io::ignores_signal(SIGHUP) {
        watched.push(SIGHUP);
    }
    if let Ok(mut signals) = signal_hook::iterator::Signals::new(watched) {
        std::thread::spawn(move || {
            for (count, signal) in signals.forever().enumerate() {
                if count > 0 {
                    io::restore_terminal();
                    std::process::exit(i32::from(code_of(signal)));
                }
                SIGNAL.store(signal, Ordering::Relaxed);
                CANCELLED.store(true, Ordering::Relaxed);
            }
        });
    }
}
