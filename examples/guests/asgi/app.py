"""A plain ASGI app."""
import time


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain")]
    if scope["path"] == "/cached":
        headers.append((b"cache-control", b"max-age=60"))
    body = f"asgi {scope['path']} {time.monotonic()}\n".encode()
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
