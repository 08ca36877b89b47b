"""Bodies of requests and responses, in constant memory."""

import io
import socket
import tarfile
from http.server import BaseHTTPRequestHandler

from paths import PIECE

# Files up to this many bytes are sent together.
SMALL = 1 << 16


class Body:
    """The body of a request, whichever way its end is known."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.file = handler.rfile
        self.chunked = "chunked" in handler.headers.get("Transfer-Encoding", "").lower()
        self.left = 0 if self.chunked else int(handler.headers.get("Content-Length") or 0)
        self.ended = False

    def into(self, piece: memoryview) -> int:
        """Reads what comes next; how much, and 0 at the end."""
        if self.left == 0 and self.chunked and not self.ended:
            self.left = int(self.file.readline(64).split(b";")[0] or b"!", 16)
            if self.left == 0:
                self.ended = True
                self.file.readline(64)
        if self.left == 0 or not piece:
            return 0
        count = self.file.readinto(piece[: self.left])
        if not count:
            raise ConnectionError("the upload was cut off")
        self.left -= count
        if self.left == 0 and self.chunked:
            self.file.readline(64)
        return count

    def exactly(self, size: int) -> bytes:
        data = bytearray(size)
        left = memoryview(data)
        while left:
            count = self.into(left)
            if not count:
                raise tarfile.ReadError("it ends too early")
            left = left[count:]
        return bytes(data)

    def rest(self) -> bytes:
        """All that is left of it, which is not much."""
        piece = memoryview(bytearray(PIECE))
        data = bytearray()
        while count := self.into(piece):
            data += piece[:count]
        return bytes(data)


class Chunks:
    """A response whose length is not known before."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.file = handler.wfile
        self.connection = handler.connection
        self.waiting = bytearray()

    def write(self, data: bytes) -> None:
        self.waiting += data
        if len(self.waiting) > PIECE // 4:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            self.file.write(b"%x\r\n%b\r\n" % (len(self.waiting), self.waiting))
            self.waiting.clear()

    def send(self, file: io.FileIO, size: int) -> None:
        """Sends a file, which never comes into our memory."""
        if size <= SMALL:
            data = file.read(size)
            self.write(data)
            expect(len(data), size)
        else:
            self.flush()
            self.file.write(b"%x\r\n" % size)
            self.file.flush()
            send_whole(self.connection, file, size)
            self.file.write(b"\r\n")

    def end(self) -> None:
        self.flush()
        self.file.write(b"0\r\n\r\n")


def send_whole(connection: socket.socket, file: io.FileIO, size: int) -> None:
    """A file by the kernel alone; what was written before has to be out."""
    expect(connection.sendfile(file, count=size) if size else 0, size)


def expect(sent: int, size: int) -> None:
    if sent != size:
        raise ConnectionError("a file became shorter while it was sent")
