"""The members of a tar while it comes."""

import re
import tarfile

from paths import PIECE
from stream import Body


class Members:
    """The members of a tar while it comes. Of the format's kinds those that our client sends."""

    def __init__(self, body: Body) -> None:
        self.body = body
        # Bytes of the member's content that were not read yet, and of what fills its last block.
        self.left = 0
        self.filling = 0

    def next(self) -> tarfile.TarInfo | None:
        """The next one; None after the last."""
        while self.left:
            self.left -= len(self.body.exactly(min(self.left, PIECE)))
        self.body.exactly(self.filling)
        pax: dict[str, str] = {}
        while True:
            block = self.body.exactly(tarfile.BLOCKSIZE)
            if block == bytes(tarfile.BLOCKSIZE):
                return None
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            if member.type != tarfile.XHDTYPE:
                break
            if member.size > PIECE:
                raise tarfile.HeaderError("a header that is too long")
            pax = pax_records(self.body.exactly(member.size))
            self.body.exactly(-member.size % tarfile.BLOCKSIZE)
        member.name = pax.get("path", member.name).rstrip("/")
        member.linkname = pax.get("linkpath", member.linkname)
        member.size = int(pax.get("size", member.size))
        member.pax_headers = pax
        bare = member.isdir() or member.issym() or member.islnk() or member.isdev()
        self.left = 0 if bare else member.size
        self.filling = -self.left % tarfile.BLOCKSIZE
        return member

    def into(self, piece: memoryview) -> int:
        """Reads of the member's content; how much, and 0 at its end."""
        count = self.body.into(piece[: self.left]) if self.left else 0
        self.left -= count
        return count


def pax_records(data: bytes) -> dict[str, str]:
    """https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_03"""
    records = {}
    while data:
        length, _, _ = data.partition(b" ")
        record = data[len(length) + 1 : int(length)]
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise tarfile.HeaderError("an extended header that can't be read")
        records[key.decode()] = value[:-1].decode("utf-8", "surrogateescape")
        data = data[int(length) :]
    return records


def nanoseconds(text: str) -> int:
    """A time in seconds, exact: a float has not enough digits."""
    match = re.fullmatch(r"(-?)(\d+)(?:\.(\d{1,9})\d*)?", text)
    if not match:
        raise ValueError(f"{text!r}: expected seconds")
    sign, whole, rest = match.groups()
    at = int(whole) * 1_000_000_000 + int((rest or "").ljust(9, "0"))
    return -at if sign else at
