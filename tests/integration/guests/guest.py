# A guest for tests. What it does at its start is in files of its directory; what it does with a request is in the path.
import os, signal, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, TCPServer, UnixStreamServer

def has(name):
    return os.path.exists(name)

print("starting", flush=True)
if has("fail"):
    print("boom: no database", file=sys.stderr, flush=True)
    sys.exit(3)
while has("hang"):
    time.sleep(0.02)
version = open("version.txt").read().strip()
held = []

class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "test"

    def do_GET(self):
        text = f"{version} {os.getpid()}"
        if self.path == "/exit":
            os._exit(7)
        elif self.path == "/wait":
            open("waiting", "w").close()
            while not has("go"):
                time.sleep(0.01)
        elif self.path == "/grow":
            held.append(b"x" * (96 << 20))
        elif self.path == "/headers":
            text = "".join(f"{name.lower()}: {value}\n" for name, value in self.headers.items())
        elif self.path == "/child":
            text = str(os.posix_spawn("/bin/sleep", ["sleep", "600"], {}, setsid=True))
        self.reply(text)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/exit":
            os._exit(7)
        self.reply(f"{len(body)} {version}")

    def reply(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

class Unix(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

class Tcp(ThreadingMixIn, TCPServer):
    daemon_threads = True
    request_queue_size = 128

if has("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "SOCKET" in os.environ:
    server = Unix(os.environ["SOCKET"], Answers)
else:
    server = Tcp(("127.0.0.1", int(os.environ["PORT"])), Answers)
server.serve_forever()
