//! The `zosc` program.

fn main() -> std::process::ExitCode {
    zosc::cli::run()
}
