"""The volume. No link is followed on the way to anything: a task may have made it."""

import errno
import hashlib
import io
import os
import re
import shutil
import stat
from contextlib import contextmanager, suppress

from paths import Refused, TEMPORARY, is_text, type_of

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Tree:
    """The volume. No link is followed on the way to anything: a task may have made it."""

    def __init__(self, root: str) -> None:
        self.root = root

    @contextmanager
    def folder(self, parts: list[str], make: bool = False):
        """A file descriptor of a folder."""
        folder = os.open(self.root, FOLDER)
        try:
            for part in parts:
                inner = self.step(folder, part, make)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    @staticmethod
    def step(folder: int, name: str, make: bool) -> int:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=folder)
        try:
            return os.open(name, FOLDER, dir_fd=folder)
        except FileNotFoundError:
            raise Refused(404, f"{name!r}: there is no such folder") from None
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise Refused(409, f"{name!r}: found a file or a link, expected a folder") from None
            raise

    def names(self) -> list[dict]:
        found = []
        for kind, parts in (("store", []), ("sweep", ["sweeps"])):
            with suppress(Refused), self.folder(parts) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    inside = kind == "sweep" or entry.name != "sweeps"
                    plain = re.fullmatch(r"\w([\w.-]*\w)?", entry.name, re.ASCII)
                    if inside and plain and entry.is_dir(follow_symlinks=False):
                        at = entry.stat(follow_symlinks=False).st_mtime_ns // 1_000_000
                        found.append({"name": entry.name, "kind": kind, "mtimeMs": at})
        return sorted(found, key=lambda each: (each["kind"], each["name"]))

    def walk(self, folder: int, before: str = "", digest: bool = False):
        """All below a folder, folders before what is in them."""
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(TEMPORARY):
                    continue
                path = before + entry.name
                found = self.look(folder, entry.name, path, digest)
                if found is None:
                    continue
                yield found
                if found["type"] == "directory":
                    with suppress(FileNotFoundError):
                        inner = os.open(entry.name, FOLDER, dir_fd=folder)
                        try:
                            yield from self.walk(inner, f"{path}/", digest)
                        finally:
                            os.close(inner)

    def look(self, folder: int, name: str, path: str, digest: bool) -> dict | None:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        found = {
            "path": path,
            "type": type_of(status.st_mode),
            "size": status.st_size,
            "mtimeMs": status.st_mtime_ns // 1_000_000,
            "mode": stat.S_IMODE(status.st_mode),
        }
        if found["type"] == "link":
            found["link"] = os.readlink(name, dir_fd=folder)
        if found["type"] == "file" and digest:
            try:
                file = open_file(folder, name)
            except Refused:
                # Gone, or another thing, since it was found.
                return None
            with file:
                found["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        if not is_text(path) or not is_text(found.get("link", "")):
            return {**found, "path": ascii(path), "type": "other", "link": ""}
        return found

    def remove(self, parts: list[str]) -> None:
        if not parts or parts == ["sweeps"]:
            raise Refused(400, "expected the name of a store")
        with self.folder(parts[:-1]) as folder:
            name = parts[-1]
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                raise Refused(404, f"{'/'.join(parts)!r}: there is nothing") from None
            if stat.S_ISDIR(status.st_mode):
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)


def open_file(folder: int, name: str) -> io.FileIO:
    """A file that is one: what lies there may have become another thing since it was listed."""
    # Not for ever at a pipe that somebody put there.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        opened = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise Refused(404, f"{name!r}: there is no such file") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise Refused(409, f"{name!r}: found another thing, expected a file") from None
        raise
    file = open(opened, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        file.close()
        raise Refused(409, f"{name!r}: found another thing, expected a file")
    return file
