//! The threads on which features work, so that one that takes its time keeps no other waiting.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How many requests are worked on at a time.
const HANDS: usize = 2;

/// As much as the main thread of a program has.
const STACK: usize = 8 << 20;

type Task = Box<dyn FnOnce() + Send>;

/// A few threads that take tasks in the order in which they come.
pub(super) struct Crew {
    tasks: Sender<Task>,
}

impl Crew {
    /// Starts the threads; they end with the crew.
    pub(super) fn start() -> std::io::Result<Self> {
        let (tasks, inbox) = channel();
        let inbox = Arc::new(Mutex::new(inbox));
        for _ in 0..HANDS {
            let inbox = inbox.clone();
            thread::Builder::new()
                .name("answer".to_owned())
                .stack_size(STACK)
                .spawn(move || work(&inbox))?;
        }
        Ok(Self { tasks })
    }

    /// Has something done; a panic in it ends nothing but the task.
    pub(super) fn hand(&self, task: impl FnOnce() + Send + 'static) {
        let _ = self.tasks.send(Box::new(task));
    }
}

fn work(inbox: &Mutex<Receiver<Task>>) {
    loop {
        let task = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        let _ = catch_unwind(AssertUnwindSafe(task));
    }
}
