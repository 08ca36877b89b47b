"""Serve the file stores of a volume to one command: trees as tar, both ways, in constant memory.

Environment:
FILES_ROOT    directory of the volume; each folder in it is a store, `sweeps` holds those of sweeps
FILES_VOLUME  its name, which must stand in .homelab-volume there: a bare mount point is not served
FILES_TOKEN   file with the token that each request has to bring
FILES_HOST, FILES_PORT  where to listen
FILES_IDLE    seconds without a request after which it ends by itself

GET    /health
GET    /stores                 names of what is there
GET    /tree?path=P[&sha256=1] all below P, a line of JSON each
GET    /file?path=P            one file; its mode and time, to the nanosecond, as X-Mode and X-Mtime
POST   /tar?path=P             of a JSON list of paths below P, as tar
PUT    /file?path=P            one file, with the same headers
PUT    /tar?path=P             a tar, whose members come to lie below P
DELETE /tree?path=P
A failure is a JSON object with a list of "problems", a line each.
"""

import errno
import hmac
import json
import os
import signal
import socket
import stat
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from idle import busy, end_when_done, end_when_idle
from members import nanoseconds
from paths import PIECE, Refused, parts_of
from stream import Body, Chunks, send_whole
from tree import Tree, open_file
from upload import Upload

FULL = (errno.ENOSPC, errno.EDQUOT)
# Less than the job's kill_timeout.
ENDING_SECONDS = 4


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "FileServer"
    rbufsize = 1 << 16
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    # Seconds for which a client that is gone without a word is waited for.
    timeout = 120

    def do_GET(self) -> None:
        ways = {"/health": self.health, "/stores": self.stores, "/tree": self.tree}
        self.answer({**ways, "/file": self.send_file})

    def do_POST(self) -> None:
        self.answer({"/tar": self.send_tar})

    def do_PUT(self) -> None:
        self.answer({"/tar": self.take_tar, "/file": self.take_file})

    def do_DELETE(self) -> None:
        self.answer({"/tree": self.remove})

    def answer(self, ways: dict) -> None:
        with busy:
            self.answer_now(ways)

    def answer_now(self, ways: dict) -> None:
        self.body = Body(self)
        self.sending = False
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        try:
            brought = self.headers.get("Authorization", "")
            if not hmac.compare_digest(brought.encode(), f"Bearer {self.server.token}".encode()):
                raise Refused(401, "expected the token of this server")
            way = ways.get(url.path)
            if not way:
                raise Refused(404, f"{url.path!r}: no such resource")
            way()
        except Refused as refused:
            self.fail(refused.status, *refused.problems)
        except (ConnectionError, TimeoutError, ValueError) as error:
            # The client is gone, or what it says is no HTTP.
            print(f"{self.command} {self.path}: {error!r}", file=sys.stderr, flush=True)
            self.close_connection = True
        except OSError as error:
            if error.errno in FULL:
                self.fail(507, f"the volume {self.server.volume} is full")
            else:
                self.fail(500, f"the volume {self.server.volume}: {error}")

    def fail(self, status: int, *problems: str) -> None:
        said = f"{self.command} {self.path}: {status} {'; '.join(problems)}"
        print(said, file=sys.stderr, flush=True)
        self.close_connection = True
        if self.sending:
            return
        with suppress(OSError):
            self.reply({"problems": list(problems)}, status)
            self.wfile.flush()
            # A connection that is closed with unread data takes the answer with it.
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(2)
            end = time.monotonic() + 5
            while time.monotonic() < end and self.connection.recv(PIECE):
                pass

    def reply(self, value: object, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind: str) -> Chunks:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.sending = True
        return Chunks(self)

    def parts(self) -> list[str]:
        parts = parts_of(self.query.get("path", ""))
        # Such as the volume's mark.
        if parts and parts[0].startswith("."):
            raise Refused(400, f"{parts[0]!r}: expected the name of a store")
        return parts

    def health(self) -> None:
        self.reply({})

    def stores(self) -> None:
        self.reply(self.server.tree.names())

    def tree(self) -> None:
        digest = self.query.get("sha256") == "1"
        parts = self.parts()
        if not parts:
            raise Refused(400, "expected a path")
        with self.server.tree.folder(parts) as folder:
            out = self.begin("application/x-ndjson")
            for entry in self.server.tree.walk(folder, digest=digest):
                out.write(json.dumps(entry).encode() + b"\n")
            out.end()

    def send_file(self) -> None:
        parts = self.parts()
        if not parts:
            raise Refused(400, "expected a path")
        with (
            self.server.tree.folder(parts[:-1]) as folder,
            open_file(folder, parts[-1]) as file,
        ):
            status = os.fstat(file.fileno())
            self.send_response(200)
            self.send_header("Content-Length", str(status.st_size))
            self.send_header("X-Mode", str(stat.S_IMODE(status.st_mode)))
            self.send_header("X-Mtime", seconds(status))
            self.end_headers()
            self.wfile.flush()
            self.sending = True
            send_whole(self.connection, file, status.st_size)

    def send_tar(self) -> None:
        paths = [parts_of(path) for path in json.loads(self.body.rest())]
        base = self.parts()
        with self.server.tree.folder(base):
            pass
        out = self.begin("application/x-tar")
        for parts in paths:
            with suppress(FileNotFoundError, Refused):
                self.send_member(out, base, parts)
        out.write(bytes(2 * tarfile.BLOCKSIZE))
        out.end()

    def send_member(self, out: Chunks, base: list[str], parts: list[str]) -> None:
        with self.server.tree.folder([*base, *parts[:-1]]) as folder:
            info = tarfile.TarInfo("/".join(parts))
            with open_file(folder, parts[-1]) as file:
                status = os.fstat(file.fileno())
                info.size = status.st_size
                info.mode = stat.S_IMODE(status.st_mode)
                info.mtime = status.st_mtime_ns // 1_000_000_000
                info.pax_headers = {"mtime": seconds(status)}
                out.write(info.tobuf(tarfile.PAX_FORMAT))
                out.send(file, info.size)
                out.write(bytes(-info.size % tarfile.BLOCKSIZE))

    def take_file(self) -> None:
        parts = self.parts()
        if len(parts) < 2:
            raise Refused(400, "expected a path in a store")
        mode = int(self.headers.get("X-Mode", ""))
        at = nanoseconds(self.headers.get("X-Mtime", ""))
        Upload(self.server.tree, parts[:-1]).take_file(parts[-1], self.body, mode, at)
        self.reply({"files": 1})

    def take_tar(self) -> None:
        parts = self.parts()
        if not parts:
            raise Refused(400, "expected a path")
        upload = Upload(self.server.tree, parts)
        upload.take_tar(self.body)
        self.body.rest()
        if upload.problems:
            raise Refused(422, *upload.problems)
        self.reply({"files": upload.files})

    def remove(self) -> None:
        self.server.tree.remove(self.parts())
        self.reply({})

    def log_message(self, format: str, *args: object) -> None:
        """Of what goes well nothing is said."""


class FileServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, root: str, volume: str, token: str, address: tuple[str, int]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)
        self.tree = Tree(root)
        self.volume = volume
        self.token = token

    def handle_error(self, request, client_address) -> None:
        print(f"{client_address[0]}: {sys.exc_info()[1]!r}", file=sys.stderr, flush=True)


def seconds(status: os.stat_result) -> str:
    """When it was changed, since 1970."""
    return f"{status.st_mtime_ns // 1_000_000_000}.{status.st_mtime_ns % 1_000_000_000:09d}"


def expect_volume(root: str, volume: str) -> None:
    try:
        with open(Path(root, ".homelab-volume"), encoding="utf-8") as file:
            found = file.readline().rstrip("\n")
    except OSError as error:
        sys.exit(f"error: volume {volume}: {error}; make prepare, or make deploy, prepares it")
    if found != volume:
        sys.exit(f"error: volume {volume}: found {found!r} in {root}/.homelab-volume: another volume")


def in_background(work: Callable[[float], None], seconds: float) -> None:
    threading.Thread(target=work, args=[seconds], daemon=True).start()


def main() -> None:
    env = os.environ
    # As the first process of a container it would not end by itself.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: in_background(end_when_done, ENDING_SECONDS))
    expect_volume(env["FILES_ROOT"], env["FILES_VOLUME"])
    token = Path(env["FILES_TOKEN"]).read_text(encoding="utf-8").strip()
    if not token:
        sys.exit("error: the token is empty")
    address = (env["FILES_HOST"], int(env["FILES_PORT"]))
    try:
        server = FileServer(env["FILES_ROOT"], env["FILES_VOLUME"], token, address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # Nomad knows of what it started alone.
        sys.exit(
            f"error: its port {address[1]} is taken by what Nomad did not start; run it again, Nomad"
            " gives it another one"
        )
    in_background(end_when_idle, float(env["FILES_IDLE"]))
    server.serve_forever()


if __name__ == "__main__":
    main()
