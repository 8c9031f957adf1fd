#!/usr/bin/env bash
# memmap2 and cargo: a source in memory that is written through a mapping is never built again.
#
# `MmapMut::flush` is msync(2), which POSIX has mark the file's time for update. Linux does so on a disk; on tmpfs
# (`/dev/shm`, `/run`, the `/tmp` of some distributions) neither mtime nor ctime changes, and no tool that compares times
# and lengths sees the write: not cargo, make or rsync, nor a watcher that stats the file after inotify's close event.
set -euo pipefail
memmap2=0.9.11
work=$(mktemp -d); memory=$(mktemp -d -p /dev/shm); trap 'rm -rf "$work" "$memory"' EXIT; cd "$work"

cargo init --quiet --vcs none --bin --name edit edit
cat >>edit/Cargo.toml <<TOML
memmap2 = "=$memmap2"

[workspace]
TOML
cat >edit/src/main.rs <<'RUST'
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    // SAFETY: nobody else writes the file.
    let mut map = unsafe { memmap2::MmapMut::map_mut(&file).unwrap() };
    let at = map.windows(3).position(|text| text == b"one").unwrap();
    map[at..at + 3].copy_from_slice(b"two");
    map.flush().unwrap();
}
RUST
cargo build --quiet --manifest-path edit/Cargo.toml
echo "memmap2 $memmap2, $(cargo --version), Linux $(uname -r)"
seen=""
for place in "$work" "$memory"; do
  cargo init --quiet --vcs none --bin --name app "$place/app"
  echo 'fn main() { println!("one"); }' >"$place/app/src/main.rs"
  built() { CARGO_TARGET_DIR="$work/target-$1" cargo run --quiet --manifest-path "$place/app/Cargo.toml"; }
  name=disk; [ "$place" = "$work" ] || name=tmpfs
  first=$(built $name)
  edit/target/debug/edit "$place/app/src/main.rs"
  grep -q two "$place/app/src/main.rs"
  seen+="$name: $first, then $(built $name)"$'\n'
done
printf %s "$seen"
[ "$seen" = "disk: one, then two
tmpfs: one, then one
" ] || { echo "the behaviour has changed"; exit 1; }
