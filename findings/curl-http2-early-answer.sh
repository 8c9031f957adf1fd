#!/usr/bin/env bash
# curl 7.88: over HTTP/2 a complete answer is lost if the server then stops the upload with RST_STREAM(NO_ERROR).
#
# RFC 9113 §8.1: a server that has sent a complete response before it has all of the request may ask the client to send no more,
# by RST_STREAM with NO_ERROR, and the client must not discard the response for that. This curl discards it: exit code 92, no status, no
# byte of the body. So a server that does not want an upload (401, 413) reads on for a while, as over HTTP/1.1.
set -euo pipefail
version=7.88.1-10+deb12u15
work=$(mktemp -d); server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$work"' EXIT; cd "$work"

apt-get download -qq curl="$version" libcurl4="$version"
for package in *.deb; do dpkg-deb -x "$package" curl; done
export LD_LIBRARY_PATH="$(dirname "$(find "$work/curl" -name 'libcurl.so.4')")"
cat >server.py <<'PY'
import socket, struct, sys

DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
END_STREAM, ACK, END_HEADERS, NO_ERROR = 1, 1, 4, 0


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def read(connection, length):
    got = b""
    while len(got) < length:
        more = connection.recv(length - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def serve(connection, resets):
    read(connection, 24)  # the preface
    connection.sendall(frame(SETTINGS, 0, 0))
    while True:
        head = read(connection, 9)
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        payload = read(connection, int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        elif kind == HEADERS:
            # `:status: 200` is entry 8 of HPACK's static table.
            connection.sendall(frame(HEADERS, END_HEADERS, stream, b"\x88"))
            connection.sendall(frame(DATA, END_STREAM, stream, b"the answer\n"))
            if resets:
                connection.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", NO_ERROR)))
        elif kind == DATA and payload and not resets:
            # The client may send on.
            for window in (0, stream):
                connection.sendall(frame(WINDOW_UPDATE, 0, window, struct.pack(">I", len(payload))))


listener = socket.socket(socket.AF_UNIX)
listener.bind("socket")
listener.listen()
while True:
    connection, _ = listener.accept()
    try:
        serve(connection, sys.argv[1] == "stop")
    except (EOFError, OSError):
        connection.close()
PY
head -c 2000000 /dev/zero >body

# answer STOP|READ: what curl says of an upload whose server stops it, or reads it.
answer() {
    rm -f socket
    python3 server.py "$1" & server=$!
    until [ -S socket ]; do sleep 0.05; done
    curl/usr/bin/curl -sS -m 30 --http2-prior-knowledge --unix-socket socket --data-binary @body -w 'status %{http_code}' http://test/ 2>&1 || echo ", exit $?"
    kill "$server"; wait "$server" 2>/dev/null || true; server=
}
curl/usr/bin/curl --version | head -1
read_on=$(answer read)
stopped=$(answer stop)
printf -- '--- the server reads the upload\n%s\n--- the server stops it after its answer\n%s\n' "$read_on" "$stopped"
[[ $read_on == "the answer"*"status 200" && $stopped == *"status 000"*"exit 92" && $stopped != *"the answer"* ]]
