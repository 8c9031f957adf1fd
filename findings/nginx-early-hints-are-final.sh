#!/usr/bin/env bash
# nginx 1.22: a 103 of the server behind it is taken for the final response.
#
# One would expect that a proxy passes interim responses on or drops them, and waits for the final one (RFC 9110 §15.2). nginx makes
# the head of its own response of the 103, with its `Server`, `Date` and `Connection: close`, and passes everything after it on as a
# body of unknown length, the 200 with its head included. A client that knows 103 reads the 200 there by luck, with none of what
# nginx does to a response: the `add_header` of this configuration is missing. Such a body ends only when the server closes the connection.
set -euo pipefail
nginx=1.22.1-9+deb12u11
work=$(mktemp -d); started=()
trap '[ ${#started[@]} = 0 ] || { kill "${started[@]}"; wait || true; }; rm -rf "$work"' EXIT; cd "$work"

apt-get download -qq nginx="$nginx"
dpkg-deb -x nginx_*.deb nginx
mkdir tmp
chmod a+rx .
cat >app.py <<'PY'
import os, socket

listener = socket.socket(socket.AF_UNIX)
listener.bind("app")
os.chmod("app", 0o777)
listener.listen()
while True:
    connection, _ = listener.accept()
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    if b" /hints " in request:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
    connection.close()
PY
cat >nginx.conf <<CONF
daemon off; pid $work/pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off; add_header x-proxy nginx;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server { listen unix:$work/socket; location / { proxy_pass http://unix:$work/app:; proxy_http_version 1.1; } }
}
CONF
python3 app.py & started+=($!)
nginx/usr/sbin/nginx -p "$work" -c nginx.conf & started+=($!)
until [ -S socket ] && [ -S app ]; do sleep 0.05; done
cat >get.py <<'PY'
import socket, sys

connection = socket.socket(socket.AF_UNIX)
connection.settimeout(30)
connection.connect("socket")
connection.sendall(f"GET {sys.argv[1]} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
while received := connection.recv(4096):
    sys.stdout.write(received.decode())
PY

nginx/usr/sbin/nginx -v
plain=$(python3 get.py /plain | tr -d '\r')
hints=$(python3 get.py /hints | tr -d '\r')
printf -- '--- without a 103\n%s\n--- after a 103\n%s\n' "$plain" "$hints"
[[ $plain == "HTTP/1.1 200 OK"*"x-proxy: nginx"* ]]
[[ $hints == "HTTP/1.1 103 Early Hints"*"Server: nginx"*"HTTP/1.1 200 OK"* && $hints != *x-proxy* ]]
