#!/usr/bin/env bash
# schemars: a type of your own named `Some` breaks `#[derive(JsonSchema)]`, but only on a struct with defaults.
#
# Derives usually write absolute paths, so that local names don't matter, and those of serde and schemars do
# so for `Result`, `Option`, `String`, `Vec` and `Ok`. The same struct compiles beside all of these, and
# beside a `Some` with the derive of serde alone. Once a field has `#[serde(default)]`, the derive of
# schemars writes a bare `Some(…)` for the default value, and rustc reports an error at the derive.
set -euo pipefail
schemars=1.2.3 serde=1.0.229
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"

cargo init --quiet --vcs none --lib --name finding .
cat >>Cargo.toml <<TOML
schemars = "=$schemars"
serde = { version = "=$serde", features = ["derive"] }

[features]
schema = []
default-value = []

[workspace]
TOML
cat >src/lib.rs <<'RUST'
pub struct Result;
pub struct Option;
pub struct String;
pub struct Vec;
pub struct Ok;
pub struct Some;

#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Config {
    #[cfg_attr(feature = "default-value", serde(default))]
    pub size: u8,
}
RUST
echo "schemars $schemars, serde $serde, $(rustc --version)"
seen=""
for features in default-value schema schema,default-value; do
  if cargo check --quiet --features "$features" 2>errors; then result=compiles; else result=$(grep -m1 '^error\[' errors); fi
  seen+="$features: $result"$'\n'
done
printf %s "$seen"
[ "$seen" = "default-value: compiles
schema: compiles
schema,default-value: error[E0618]: expected function, found \`Some\`
" ] || { echo "the behaviour has changed"; exit 1; }
