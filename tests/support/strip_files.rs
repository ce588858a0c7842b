//! `strip-files programs|modules FILE…`: strips files where they are, several at a time, as `size { strip … }` does.
//!
//! For tests/bench/strip. Files with nothing to lose, and those that are left alone, stay untouched.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A benchmark that cannot go on fails.

use std::sync::Mutex;

use zosc::elf::{Stripped, strip_module, strip_program};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let modules = match arguments.next().as_deref() {
        Some("programs") => false,
        Some("modules") => true,
        _ => panic!("usage: strip-files programs|modules FILE…"),
    };
    let files: Vec<String> = arguments.collect();
    let files = Mutex::new(files.into_iter());
    let next = || files.lock().unwrap().next();
    let work = || {
        while let Some(file) = next() {
            let bytes = std::fs::read(&file).unwrap();
            let stripped = if modules {
                strip_module(&zosc::kmod::open(&file, &bytes).unwrap().object)
            } else {
                strip_program(&bytes)
            };
            if let Stripped::Smaller(smaller) = stripped {
                std::fs::write(&file, smaller).unwrap();
            }
        }
    };
    let processors = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(work);
        }
    });
}
