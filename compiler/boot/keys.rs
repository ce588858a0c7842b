//! Keys on their way to the machine's serial console, and the ones that zosc keeps for itself.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::machine::Keyboard;
use crate::io;

/// Ctrl-A, after which the next key is for zosc.
const PREFIX: u8 = 0x01;

/// Sorts keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    is_prefixed: bool,
}

/// What came of some keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pressed {
    /// What goes to the machine.
    pub pass: Vec<u8>,
    /// Whether somebody wants to leave.
    pub leaves: bool,
}

impl Keys {
    /// Takes keys: Ctrl-A X leaves, Ctrl-A twice is Ctrl-A, anything else goes to the machine as it is.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Pressed {
        let mut pressed = Pressed::default();
        for byte in bytes {
            match (std::mem::take(&mut self.is_prefixed), *byte) {
                (false, PREFIX) => self.is_prefixed = true,
                (true, b'x' | b'X') => pressed.leaves = true,
                (true, byte) if byte != PREFIX => pressed.pass.extend([PREFIX, byte]),
                (_, byte) => pressed.pass.push(byte),
            }
        }
        pressed
    }
}

/// Somebody at the terminal; the terminal is as before when this is dropped.
pub(super) struct Attendant {
    keyboard: Arc<Mutex<Option<Keyboard>>>,
    has_left: Arc<AtomicBool>,
    _terminal: io::RawTerminal,
}

impl Attendant {
    /// Reads the terminal from here on; `None` where standard input is none.
    pub(super) fn listen() -> Option<Self> {
        let terminal = io::RawTerminal::enter()?;
        let keyboard: Arc<Mutex<Option<Keyboard>>> = Arc::default();
        let has_left = Arc::new(AtomicBool::new(false));
        take(io::keys, &keyboard, &has_left);
        Some(Self {
            keyboard,
            has_left,
            _terminal: terminal,
        })
    }

    /// From here on, keys go there.
    pub(super) fn attend(&self, keyboard: Option<Keyboard>) {
        *self.keyboard.lock().unwrap_or_else(PoisonError::into_inner) = keyboard;
    }

    /// Whether somebody wants to leave.
    pub(super) fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Relaxed)
    }
}

/// Reads and writes on threads of their own.
fn take(
    typing: impl FnMut() -> Vec<u8> + Send + 'static,
    machine: &Arc<Mutex<Option<Keyboard>>>,
    leaves: &Arc<AtomicBool>,
) {
    let (machine, leaves) = (Arc::clone(machine), Arc::clone(leaves));
    let (pass, passed) = channel();
    std::thread::spawn(move || write(&passed, &machine));
    std::thread::spawn(move || read(typing, &pass, &leaves));
}

/// Takes what is typed, until the terminal is gone or somebody leaves.
///
/// Another thread writes it: a machine that reads nothing lets that one wait for ever, and leaving must be heard all the same.
fn read(mut typing: impl FnMut() -> Vec<u8>, pass: &Sender<Vec<u8>>, leaves: &AtomicBool) {
    let mut keys = Keys::default();
    loop {
        let typed = typing();
        let pressed = keys.push(&typed);
        // It fails where nobody writes any more, and then nobody misses it.
        let _ = pass.send(pressed.pass);
        if pressed.leaves || typed.is_empty() {
            leaves.store(true, Ordering::Relaxed);
            return;
        }
    }
}

/// Hands on to the machine what passes.
fn write(passed: &Receiver<Vec<u8>>, machine: &Mutex<Option<Keyboard>>) {
    for bytes in passed {
        if let Some(keyboard) = &mut *machine.lock().unwrap_or_else(PoisonError::into_inner) {
            // A machine that went off reads no more, which its console tells as well.
            let _ = keyboard.write_all(&bytes).and_then(|()| keyboard.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn zosc_keeps_two_keys_for_itself() {
        let mut keys = Keys::default();
        let pass = |bytes: &[u8]| Pressed {
            pass: bytes.to_vec(),
            leaves: false,
        };
        assert_eq!(keys.push(b"ls\r\x03"), pass(b"ls\r\x03"));
        assert_eq!(keys.push(b"a\x01"), pass(b"a"));
        assert_eq!(keys.push(b"\x01b"), pass(b"\x01b"));
        assert_eq!(keys.push(b"\x01d"), pass(b"\x01d"));
        assert!(keys.push(b"\x01x").leaves);
    }

    #[test]
    fn leaving_is_heard_though_the_machine_reads_nothing() {
        let (unread, keyboard) = std::io::pipe().expect("a pipe");
        let machine: Arc<Mutex<Option<Keyboard>>> = Arc::new(Mutex::new(Some(Box::new(keyboard))));
        let leaves = Arc::default();
        // More than any pipe holds.
        let mut typed = vec![vec![b'a'; 1024]; 4096];
        typed.push(b"\x01x".to_vec());
        let mut typed = typed.into_iter();
        take(move || typed.next().unwrap_or_default(), &machine, &leaves);
        for _ in 0..600 {
            if leaves.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(leaves.load(Ordering::Relaxed));
        drop(unread);
    }
}
