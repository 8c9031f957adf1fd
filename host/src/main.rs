//! The `stackup` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    stackup::cli::main()
}
