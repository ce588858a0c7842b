//! Keys on their way to the machine's serial console, and the ones that zosc keeps for itself.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
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
        let (machine, leaves) = (Arc::clone(&keyboard), Arc::clone(&has_left));
        std::thread::spawn(move || read(&machine, &leaves));
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

/// Hands on what is typed, until the terminal is gone or somebody leaves.
fn read(machine: &Mutex<Option<Keyboard>>, leaves: &AtomicBool) {
    let mut keys = Keys::default();
    loop {
        let typed = io::keys();
        let pressed = keys.push(&typed);
        if let Some(keyboard) = &mut *machine.lock().unwrap_or_else(PoisonError::into_inner) {
            // A machine that went off reads no more, which its console tells as well.
            let _ = keyboard
                .write_all(&pressed.pass)
                .and_then(|()| keyboard.flush());
        }
        if pressed.leaves || typed.is_empty() {
            leaves.store(true, Ordering::Relaxed);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
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
}
