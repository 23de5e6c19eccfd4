"""An HTTPS server that takes what webhooks post, and answers as a test tells it."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Post:
    """One request."""

    path: str
    headers: dict[str, str]
    content: bytes


@dataclass
class Receiver:
    """On a free port of 127.0.0.1; `status` may be changed at any time."""

    port: int = 0
    status: int = 204
    moved_to: str = ""
    posts: list[Post] = field(default_factory=list)


@contextmanager
def running(chain: Path) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            headers = {key.lower(): value for key, value in self.headers.items()}
            receiver.posts.append(Post(self.path, headers, self.rfile.read(size)))
            self.send_response(receiver.status)
            if receiver.moved_to:
                self.send_header("location", receiver.moved_to)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    # The handshake is its thread's: one that fails stops nobody else.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()
