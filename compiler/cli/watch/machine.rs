//! The virtual machine that `zosc watch --boot` keeps.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::boot::{self, Boot, Verdict};
use crate::build::Artifact;
use crate::check::Image;
use crate::cli::boot as command;
use crate::cli::session::Session;
use crate::diagnostic::Diagnostic;
use crate::tree::Digest;

/// A machine that boots an image, or has done so; it is gone when this is dropped.
pub(super) struct Machine {
    image: Digest,
    path: PathBuf,
    expected: Boot,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Verdict, Diagnostic>>>,
}

impl Machine {
    /// Boots an image; its console is shown as it comes.
    pub(super) fn start(session: &Session, image: &Image, program: &Artifact, quiet: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut settings = command::settings(image, program.path.with_file_name("boot.log"));
        settings.stop = Some(Arc::clone(&stop));
        let expected = image.boot.clone();
        let (path, for_people, style) =
            (program.path.clone(), session.for_people(), session.style());
        let judged = expected.clone();
        let thread = std::thread::spawn(move || {
            let mut tell = command::teller(style, for_people, for_people && !quiet);
            boot::test(boot::Image::Uki(&path), &judged, &settings, &mut tell)
        });
        Self {
            image: program.digest,
            path: program.path.clone(),
            expected,
            stop,
            thread: Some(thread),
        }
    }

    /// Whether this image was booted, with these expectations.
    pub(super) fn runs(&self, image: &Image, program: &Digest) -> bool {
        self.image == *program && self.expected == image.boot
    }

    /// Says what became of the boot, once.
    pub(super) fn tell_verdict(&mut self, session: &Session) {
        let ended = self.thread.take_if(|thread| thread.is_finished());
        match ended.map(JoinHandle::join) {
            Some(Ok(Ok(verdict))) => {
                // A bad boot is told, and the next change may mend it.
                let _ = command::conclude(session, &self.path, &verdict);
            }
            Some(Ok(Err(problem))) => {
                let _ = session.fail(problem);
            }
            Some(Err(_)) | None => {}
        }
    }

    /// Stops it; says whether it was still running.
    pub(super) fn stop(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        let running = self.thread.take();
        running.map(JoinHandle::join).is_some()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}
