#!/usr/bin/env bash
# serde: a type of your own named as a primitive type breaks `#[derive(Deserialize)]`, even if it is not used.
#
# The derive is written for hostile surroundings: it has its own private names for `Option`, `Result`, `Ok`
# and `Some`. But `str`, `u8` and `u64` are no keywords in Rust; they are names like others, and the derive
# writes them bare in the signatures of its visitors. So a `struct str` in the module is an error in a trait
# implementation that one has not written. `#[derive(Serialize)]` on the same struct compiles.
set -euo pipefail
serde=1.0.229
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"

cargo init --quiet --vcs none --lib --name finding .
cat >>Cargo.toml <<TOML
serde = { version = "=$serde", features = ["derive"] }

[features]
serialize = []
deserialize = []

[workspace]
TOML
cat >src/lib.rs <<'RUST'
#[allow(non_camel_case_types)]
pub struct str;

#[cfg_attr(feature = "serialize", derive(serde::Serialize))]
#[cfg_attr(feature = "deserialize", derive(serde::Deserialize))]
pub struct Config {
    pub size: i32,
}
RUST
echo "serde $serde, $(rustc --version)"
seen=""
for derive in serialize deserialize; do
  if cargo check --quiet --features "$derive" 2>errors; then result=compiles; else result=$(grep -m1 '^error\[' errors); fi
  seen+="$derive: $result"$'\n'
done
printf %s "$seen"
[ "$seen" = "serialize: compiles
deserialize: error[E0053]: method \`visit_str\` has an incompatible type for trait
" ] || { echo "the behaviour has changed"; exit 1; }
