#!/usr/bin/env bash
# Apache httpd drops the `content-length` of a FastCGI backend: the GET goes out in chunks, and the HEAD has no length at all, whether or not the
# backend was right. By HTTP (`mod_proxy_http`) the same length is passed on. The variable `ap_trust_cgilike_cl` brings it back. So behind
# `proxy_fcgi` no client sees how much is left of a download, and one that asks by HEAD learns nothing.
set -euo pipefail
apache=2.4.71-1~deb12u1
work=$(mktemp -d); pids=()
trap '[ ${#pids[@]} = 0 ] || { kill "${pids[@]}"; wait || true; }; rm -rf "$work"' EXIT; cd "$work"

apt-get download -qq apache2-bin="$apache" libapr1=1.7.2-3+deb12u1 libaprutil1=1.6.3-1
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$work"/root/usr/lib/*-linux-gnu)
chmod -R a+rX .

# Answers each request with five bytes and says so.
cat >backend.py <<'END'
import os, socket, struct
server = socket.socket(socket.AF_UNIX); server.bind("backend"); os.chmod("backend", 0o777); server.listen()
def record(kind, content): return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content
while True:
    client, _ = server.accept(); read = client.makefile("rb")
    while True:
        _, kind, _, length, padding, _ = struct.unpack("!BBHHBB", read.read(8))
        content = read.read(length + padding)[:length]
        if kind == 4 and length: head = b"REQUEST_METHOD\x04HEAD" in content or b"REQUEST_METHODHEAD" in content
        if kind == 5 and not length: break
    body = b"" if head else b"hello"
    client.sendall(record(6, b"content-type: text/plain\r\ncontent-length: 5\r\n\r\n" + body) + record(6, b"") + record(3, bytes(8)))
    client.close()
END
python3 backend.py & pids+=($!)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
modules=$work/root/usr/lib/apache2/modules
{
  echo "ServerRoot $work"; echo "ServerName test"; echo "Listen 127.0.0.1:$port"; echo "PidFile $work/pid"; echo "ErrorLog $work/log"
  [ "$(id -u)" != 0 ] || printf 'User nobody\nGroup nogroup\n'
  for module in authn_core authz_core env mpm_event proxy proxy_fcgi; do echo "LoadModule ${module}_module $modules/mod_$module.so"; done
  echo "ProxyPass / unix:$work/backend|fcgi://backend/"
  echo "<Location /trusted>"; echo "SetEnv ap_trust_cgilike_cl 1"; echo "</Location>"
} >apache.conf
chmod 755 "$work"
until [ -S backend ]; do sleep 0.05; done
root/usr/sbin/apache2 -f "$work/apache.conf" -D FOREGROUND & pids+=($!)
curl -s -o /dev/null --retry 50 --retry-connrefused --retry-delay 0 "http://127.0.0.1:$port/"
lengths() { curl -s -o /dev/null -D - "$@" | tr -d '\r' | grep -iE '^(content-length|transfer-encoding)' | tr '\n' ' ' || true; }

get=$(lengths "http://127.0.0.1:$port/"); head=$(lengths --head "http://127.0.0.1:$port/")
trusted=$(lengths "http://127.0.0.1:$port/trusted")
root/usr/sbin/apache2 -v | head -1
echo "GET:  $get"; echo "HEAD: $head"; echo "GET, with ap_trust_cgilike_cl: $trusted"
[[ ${get,,} == *"transfer-encoding: chunked"* && ${get,,} != *content-length* && -z $head && ${trusted,,} == *"content-length: 5"* ]]
