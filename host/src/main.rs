//! The `stackup` program.
fn main() {}
