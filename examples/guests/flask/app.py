"""A Flask app, by WSGI."""
import time

from flask import Flask

app = Flask(__name__)


@app.get("/cached")
def cached():
    return f"flask /cached {time.monotonic()}\n", {"cache-control": "max-age=60"}


@app.get("/", defaults={"path": ""})
@app.get("/<path:path>")
def page(path):
    return f"flask /{path}\n"
