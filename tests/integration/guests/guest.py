# A guest for tests. What it does at its start is in files of its directory; what it does with a request is in the path.
import glob, os, signal, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, TCPServer, UnixStreamServer

def has(name):
    return os.path.exists(name)

print("starting", flush=True)
with open("../starts", "a") as starts:
    starts.write(f"{time.monotonic()}\n")
if has("fail"):
    for number in range(30):
        print(f"line {number}.", file=sys.stderr)
    print("boom: no database", file=sys.stderr, flush=True)
    sys.exit(3)
while has("hang"):
    time.sleep(0.02)
if has("stuck"):
    time.sleep(600)
if has("meet"):
    # Ready only once another guest has started, too.
    open(f"../met-{os.path.basename(os.getcwd())}", "w").close()
    while len(glob.glob("../met-*")) < 2:
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
        elif self.path == "/say":
            print("said \x1b[31mred", flush=True)
            print("said " + "y" * 20000, flush=True)
        elif self.path == "/grow":
            held.append(b"x" * (96 << 20))
        elif self.path == "/headers":
            text = "".join(f"{name.lower()}: {value}\n" for name, value in self.headers.items())
        elif self.path == "/ready":
            open("asked", "w").close()
            return self.reply(text, 200 if has("ok") else 503)
        elif self.path == "/environment":
            text = "".join(f"{name}={value}\n" for name, value in os.environ.items())
        elif self.path == "/child":
            text = str(os.posix_spawn("/bin/sleep", ["sleep", "600"], {}, setsid=True))
        self.reply(text)

    def do_POST(self):
        if self.path == "/hints":
            self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
            self.wfile.flush()
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/exit":
            os._exit(7)
        self.reply(f"{len(body)} {version}")

    def reply(self, text, status=200):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

class Unix(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

class Tcp(ThreadingMixIn, TCPServer):
    daemon_threads = True
    request_queue_size = 128

if has("graceful"):
    # A child in the same process group notes a SIGTERM of its own.
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "trap 'echo > termed' TERM; trap exit WINCH; echo > trapping; while :; do sleep 0.02; done"], os.environ)
    while not has("trapping"):
        time.sleep(0.01)

    def end(*_):
        os.kill(child, signal.SIGWINCH)
        os.waitpid(child, 0)
        open("ended", "w").close()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
if has("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "SOCKET" in os.environ:
    server = Unix(os.environ["SOCKET"], Answers)
else:
    server = Tcp(("127.0.0.1", int(os.environ["PORT"])), Answers)
server.serve_forever()
