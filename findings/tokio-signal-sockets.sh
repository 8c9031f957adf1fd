#!/usr/bin/env bash
# tokio: with the feature `signal` or `process`, the first runtime leaves two sockets open when it is dropped, although
# the program never handles a signal.
#
# `enable_all` starts the driver of signals, too, wherever it is compiled in; it makes a pair of sockets that belongs to
# no runtime but to a `static` of the crate, and is never closed. One pair is nothing, but each shared library with its
# own tokio has its own `static`: a program that loads plugins again and again runs out of descriptors. Cargo unifies
# features, so that any crate of the build can turn the feature on for all.
set -euo pipefail
tokio=1.54.1
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"

cargo init --quiet --vcs none --bin --name finding .
cat >>Cargo.toml <<TOML
tokio = { version = "=$tokio", features = ["net", "rt", "time"] }

[features]
process = ["tokio/process"]
signal = ["tokio/signal"]

[workspace]
TOML
cat >src/main.rs <<'RUST'
fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn main() {
    let before = open();
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread();
        drop({ runtime }.enable_all().build().unwrap());
    }
    println!("{} more open", open() - before);
}
RUST
echo "tokio $tokio, $(rustc --version)"
seen=""
for features in "" signal process; do
  seen+="features \"$features\": $(cargo run --quiet --features "$features")"$'\n'
done
printf %s "$seen"
[ "$seen" = 'features "": 0 more open
features "signal": 2 more open
features "process": 2 more open
' ] || { echo "the behaviour has changed"; exit 1; }
