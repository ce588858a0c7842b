//! The `zosc` program.

fn main() {}
