"""Stands between a client and Letterhead, and loses what the service answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class Lossy:
    """Passes each request on; spoils the first answers as `spoils` says: `lost` or `busy`."""

    def __init__(self, address: str, spoils: list[str]) -> None:
        parts = urlsplit(address)
        self._service = (parts.hostname or "", parts.port or 0)
        self._spoils = spoils
        self.requests = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def run(self) -> None:
        """Take one connection after the other, until the socket is closed."""
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with closing(client):
                self._pass_on(client)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _pass_on(self, client: socket.socket) -> None:
        request = _whole(client)
        self.requests += 1
        spoil = self._spoils.pop(0) if self._spoils else ""
        if spoil == "busy":
            client.sendall(_BUSY)
            return
        with closing(socket.create_connection(self._service)) as service:
            service.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            answer = _rest(service)
        if spoil != "lost":
            client.sendall(answer)


@contextmanager
def lossy(address: str, *spoils: str) -> Iterator[Lossy]:
    between = Lossy(address, list(spoils))
    thread = threading.Thread(target=between.run)
    thread.start()
    try:
        yield between
    finally:
        between.close()
        thread.join()


def _whole(client: socket.socket) -> bytes:
    """A request with its body, as its Content-Length says."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += client.recv(65536)
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(each[15:]) for each in lines if each.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


def _rest(service: socket.socket) -> bytes:
    found = b""
    while part := service.recv(65536):
        found += part
    return found
