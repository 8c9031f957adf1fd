#!/usr/bin/env bash
# valgrind 3.19.0: /proc/self/exe is two files.
#
# A program under valgrind that reads the link /proc/self/exe, or opens it, gets its own file, since valgrind answers these
# calls itself. stat(2) of the same path is passed to the kernel, and gets valgrind's tool, which is what the kernel runs.
# execve(2) of it, too, starts valgrind's tool without a program. So a program that starts itself again must execute the
# path that the link names, unless that is gone.
set -euo pipefail

version=1:3.19.0-1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq "valgrind=$version" >/dev/null 2>&1 || { echo "valgrind $version can't be downloaded" >&2; exit 2; }
dpkg-deb -x valgrind_*.deb .
export VALGRIND_LIB=$folder/usr/libexec/valgrind
under() { "$folder/usr/bin/valgrind" -q --tool=none "$@"; }

stat=$(readlink -f "$(command -v stat)")
readlink=$(readlink -f "$(command -v readlink)")
sha256sum=$(readlink -f "$(command -v sha256sum)")

named=$(under "$readlink" /proc/self/exe)
opened=$(under "$sha256sum" /proc/self/exe | cut -d' ' -f1)
looked_at=$(under "$stat" -L -c %i /proc/self/exe)
# One for each architecture.
tools=$(stat -L -c %i "$VALGRIND_LIB"/none-*-linux)
own=$(sha256sum <"$sha256sum" | cut -d' ' -f1)
is_tool() { grep -qx "$looked_at" <<<"$tools"; }

echo "valgrind $version"
echo "readlink(/proc/self/exe): $named"
echo "open(/proc/self/exe): $([ "$opened" = "$own" ] && echo "the program" || echo "another file")"
echo "stat(/proc/self/exe): $(is_tool && echo "valgrind's tool" || echo "another file")"
[ "$named" = "$readlink" ] && [ "$opened" = "$own" ] && is_tool
