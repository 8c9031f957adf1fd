//! Reports skipped tests.

use std::io::{self, Write};

/// Prints that the current test skips, and why. Bypasses libtest, which hides the output of tests that pass.
pub fn print_skipped(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // There is nowhere else to report a closed stderr.
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {reason}");
}
