#!/usr/bin/env bash
# dlclose of a Rust library, through libloading: `close` succeeds and the library stays mapped.
#
# One would expect a library whose only handle was closed without an error to be gone. But a `thread_local!`
# value with a destructor registers it with glibc for the end of the thread, and glibc keeps the library for
# it. `Library::close` returns Ok all the same. Nor is the library gone when the thread has ended: it goes
# with the next dlclose of any library, which need not have to do with it.
set -euo pipefail
libloading=0.9.0
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"

cat >plain.rs <<'RUST'
use std::cell::Cell;
thread_local! { static CALLS: Cell<u32> = const { Cell::new(0) }; }
#[unsafe(no_mangle)]
pub extern "C" fn touch() { CALLS.set(CALLS.get() + 1); }
RUST
cat >dropping.rs <<'RUST'
use std::cell::RefCell;
thread_local! { static CALLS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) }; }
#[unsafe(no_mangle)]
pub extern "C" fn touch() { CALLS.with_borrow_mut(|calls| calls.push(1)); }
RUST
for name in plain dropping; do
  rustc --edition 2024 --crate-type cdylib -C panic=abort "$name.rs"
done

cargo init --quiet --vcs none --name finding .
cat >>Cargo.toml <<TOML
libloading = "=$libloading"

[workspace]
TOML
cat >src/main.rs <<'RUST'
use libloading::{Library, Symbol};

fn is_mapped(name: &str) -> bool {
    std::fs::read_to_string("/proc/self/maps").expect("maps").contains(name)
}

fn load_touch_close(name: &str) -> bool {
    unsafe {
        let library = Library::new(format!("./{name}")).expect("it loads");
        let touch: Symbol<extern "C" fn()> = library.get(b"touch").expect("a symbol");
        touch();
        library.close().expect("close returns Ok");
    }
    is_mapped(name)
}

fn main() {
    let plain = load_touch_close("libplain.so");
    let dropping = std::thread::spawn(|| load_touch_close("libdropping.so"));
    let dropping = dropping.join().expect("a thread");
    let after_thread = is_mapped("libdropping.so");
    load_touch_close("libplain.so");
    let after_other = is_mapped("libdropping.so");
    println!("mapped after close: without destructor {plain}, with destructor {dropping}");
    println!("the latter after its thread ended: {after_thread}, after another library was closed: {after_other}");
}
RUST
cargo build --quiet
echo "libloading $libloading, $(ldd --version | head -1), $(rustc --version)"
seen=$(target/debug/finding)
echo "$seen"
[ "$seen" = "mapped after close: without destructor false, with destructor true
the latter after its thread ended: true, after another library was closed: false" ] ||
  { echo "the behaviour has changed"; exit 1; }
