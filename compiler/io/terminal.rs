//! The terminal that zosc was started from, as the keyboard of something else.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{InputModes, OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};

/// How the terminal was before; there is one terminal, so there is one of these.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that hands on every key as it is pressed. It is as before when this is dropped, however that comes about.
#[derive(Debug)]
pub struct RawTerminal(());

impl RawTerminal {
    /// Asks for every key; `None` where standard input is no terminal.
    pub fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        // Lines of zosc itself still begin at the left.
        raw.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        // What a paste sends as the end of a line arrives as the key does.
        raw.input_modes &= !InputModes::ICRNL;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(()))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Puts the terminal back as it was, where a [`RawTerminal`] has changed it.
pub fn restore_terminal() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // A terminal that is gone needs no care.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// A terminal for another program: the end that zosc holds, and the one that the program gets.
///
/// # Errors
/// The system has none left.
pub fn new_terminal() -> io::Result<(File, File)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(name.to_string_lossy().as_ref())?;
    // Nothing is said twice.
    let mut raw = tcgetattr(&theirs)?;
    raw.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &raw)?;
    Ok((File::from(ours), theirs))
}

/// The next keys, as many as there are; nothing once the terminal is gone.
pub fn keys() -> Vec<u8> {
    let mut buffer = [0; 256];
    let count = io::stdin().lock().read(&mut buffer).unwrap_or(0);
    buffer.get(..count).unwrap_or_default().to_vec()
}
