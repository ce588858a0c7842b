#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zosc_fuzz::user_file(bytes));
