"""Just enough of an S3 server to keep the files of one example."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

__all__ = ("ObjectStore", "object_store")


class ObjectStore(ThreadingHTTPServer):
    """Keeps objects in memory, by their path.

    Attributes:
        objects: The content of each object, by bucket and key: `/bucket/key`.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def object_store() -> Generator[ObjectStore]:
    """Run an empty store in a thread of its own."""
    with ObjectStore() as store:
        thread = Thread(target=store.serve_forever)
        thread.start()
        try:
            yield store
        finally:
            store.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ObjectStore

    def do_PUT(self) -> None:
        self.server.objects[self.path] = self._body()
        self._answer(200)

    def do_HEAD(self) -> None:
        content = self.server.objects.get(self.path)
        self._answer(404 if content is None else 200, content or b"")

    def do_POST(self) -> None:
        """Delete every object that the request lists."""
        bucket = self.path.partition("?")[0]
        keys = re.findall("<Key>(.*?)</Key>", self._body().decode())
        for key in keys:
            self.server.objects.pop(f"{bucket}/{key}", None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"]))

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.send_header("etag", '"1"')
        self.send_header("last-modified", formatdate(usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""
