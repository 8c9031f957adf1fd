#!/usr/bin/env bash
# cargo, one CARGO_TARGET_DIR, two workspaces with a package of the same name and version: the second one is
# reported as `"fresh":true`, under its own package id, without ever having been compiled, and the library that
# its message names holds the code of the first.
#
# One would expect the package id, which has the absolute path, to be what cargo tells builds apart by. Files of a
# workspace member go by its path relative to the workspace root, which is the same here.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
export CARGO_TARGET_DIR=$work/target

for name in first second; do
  mkdir -p "$name/src"
  cat >"$name/Cargo.toml" <<'TOML'
[package]
name = "hello"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[workspace]
TOML
  echo "#[unsafe(no_mangle)] pub extern \"C\" fn of_$name() {}" >"$name/src/lib.rs"
done

build() {
  (cd "$1" && cargo build --quiet --lib --message-format=json) | grep compiler-artifact |
    grep -oE '#hello@0.1.0|/(first|second)#|"fresh":(true|false)' | sort -u | tr '\n' ' '
  grep -aoE 'of_(first|second)' "$CARGO_TARGET_DIR/debug/libhello.so" | sort -u
}

cargo --version
first=$(build first) second=$(build second)
echo "first:  $first"
echo "second: $second"
case "$first|$second" in
  *'"fresh":false'*of_first'|'*'"fresh":true'*of_first) echo "the second build is called fresh and is the first one's code" ;;
  *) echo "the behaviour has changed"; exit 1 ;;
esac
