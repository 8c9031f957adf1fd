#!/usr/bin/env bash
# glibc's dlopen, through libloading: a library that was replaced by a rename is not loaded again.
#
# The usual advice for a safe update is to write the new file beside the old one and to rename it into
# place: it has another inode, so nobody sees half a file. One would expect the next dlopen of the path to
# open that file. But glibc compares the path with the names of the loaded libraries first. While one handle
# is open, dlopen of the same path returns the old code and does not look at the disk. Another path to the
# same file gives the new code, and both are then loaded at once.
set -euo pipefail
libloading=0.9.0
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"

for number in 1 2; do
  printf '#[unsafe(no_mangle)]\npub extern "C" fn version() -> i32 { %s }\n' "$number" >"v$number.rs"
  rustc --edition 2024 --crate-type cdylib -C panic=abort --crate-name "v$number" "v$number.rs"
done

cargo init --quiet --vcs none --name finding .
cat >>Cargo.toml <<TOML
libloading = "=$libloading"

[workspace]
TOML
cat >src/main.rs <<'RUST'
use std::fs;

use libloading::{Library, Symbol};

fn open(path: &str) -> (Library, i32) {
    unsafe {
        let library = Library::new(path).expect("it loads");
        let version: Symbol<extern "C" fn() -> i32> = library.get(b"version").expect("a symbol");
        let number = version();
        (library, number)
    }
}

fn main() {
    fs::copy("libv1.so", "plugin.so").expect("a copy");
    let (first, one) = open("./plugin.so");
    fs::rename("libv2.so", "plugin.so").expect("a rename");
    let (again, same_path) = open("./plugin.so");
    fs::hard_link("plugin.so", "other.so").expect("a link");
    let (_other, other_path) = open("./other.so");
    drop((first, again));
    let (_last, after_close) = open("./plugin.so");
    println!("loaded: {one}, same path after the rename: {same_path}, other path: {other_path}, same path after all handles were closed: {after_close}");
}
RUST
cargo build --quiet
echo "libloading $libloading, $(ldd --version | head -1), $(rustc --version)"
seen=$(target/debug/finding)
echo "$seen"
[ "$seen" = "loaded: 1, same path after the rename: 1, other path: 2, same path after all handles were closed: 2" ] ||
  { echo "the behaviour has changed"; exit 1; }
