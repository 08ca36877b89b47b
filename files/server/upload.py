"""An upload: each file is written beside its place, and renamed when it is on the disk."""

import os
import stat
import tarfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

from members import Members, nanoseconds
from paths import PIECE, Refused, TEMPORARY, leads_out, parts_of
from stream import Body
from tree import Tree

# A helper that was killed has left them; another one may be at work now.
OLD_SECONDS = 3600
# Files that are on their way to the disk at a time: each wait for it is short, all of them are long.
SYNCS = 16
# Bytes after which the disk is given what came so far: the wait at the end of a large file is short then.
EARLY = 1 << 25


class Upload:
    """The members of one tar, or one file, each written beside its place and renamed when it is on the disk."""

    def __init__(self, tree: Tree, base: list[str]) -> None:
        self.tree = tree
        self.base = base
        self.files = 0
        self.problems: list[str] = []
        self.cleaned: set[tuple[str, ...]] = set()
        self.pool = ThreadPoolExecutor(SYNCS)
        self.room = threading.Semaphore(2 * SYNCS)
        self.failure: BaseException | None = None
        # One for all pieces: memory that is asked for anew each time costs more than what is done with it.
        self.piece = memoryview(bytearray(PIECE))

    def take_tar(self, body: Body) -> None:
        try:
            with self.settled(), self.tree.folder(self.base, make=True):
                members = Members(body)
                while (member := members.next()) is not None:
                    self.raise_failure()
                    self.take(members, member)
        except tarfile.TarError as error:
            raise Refused(400, f"the upload is no tar: {error}") from None

    def take_file(self, name: str, body: Body, mode: int, at: int) -> None:
        with self.settled(), self.tree.folder(self.base, make=True) as folder:
            self.clean(folder, tuple(self.base))
            self.file(folder, name, body, mode, at)

    @contextmanager
    def settled(self):
        """What is complete stays, whatever happens: the next upload goes on after it."""
        try:
            yield
        finally:
            self.pool.shutdown(wait=True)
        self.raise_failure()
        for parts in self.cleaned:
            with self.tree.folder(list(parts)) as folder:
                os.fsync(folder)

    def raise_failure(self) -> None:
        if self.failure:
            raise self.failure

    def take(self, members: Members, member: tarfile.TarInfo) -> None:
        try:
            parts = parts_of(member.name)
        except Refused as refused:
            self.problems.extend(refused.problems)
            return
        if not parts:
            return
        regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        allowed = regular or member.isdir() or member.issym()
        if not allowed:
            self.problems.append(f"{member.name!r}: expected a file, a folder or a link")
        elif member.issym() and leads_out(member.name, member.linkname):
            self.problems.append(f"{member.name!r}: a link that leads out, to {member.linkname!r}")
        elif member.isdir():
            with self.tree.folder([*self.base, *parts], make=True) as folder:
                os.fchmod(folder, stat.S_IMODE(member.mode) & 0o777 | 0o700)
        else:
            with self.tree.folder([*self.base, *parts[:-1]], make=True) as folder:
                self.clean(folder, (*self.base, *parts[:-1]))
                if member.issym():
                    self.link(folder, parts[-1], member.linkname)
                else:
                    at = nanoseconds(member.pax_headers.get("mtime") or str(member.mtime))
                    self.file(folder, parts[-1], members, member.mode, at)
            self.files += 1

    def clean(self, folder: int, parts: tuple[str, ...]) -> None:
        """Removes what an upload that was killed has left."""
        if parts in self.cleaned:
            return
        self.cleaned.add(parts)
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(TEMPORARY):
                    continue
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if time.time() - status.st_ctime > OLD_SECONDS:
                        os.unlink(entry.name, dir_fd=folder)

    @staticmethod
    def link(folder: int, name: str, to: str) -> None:
        temporary = TEMPORARY + os.urandom(8).hex()
        os.symlink(to, temporary, dir_fd=folder)
        try:
            place(folder, temporary, name)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise

    def file(self, folder: int, name: str, content: Body | Members, mode: int, at: int) -> None:
        temporary = TEMPORARY + os.urandom(8).hex()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(temporary, flags, 0o600, dir_fd=folder)
        own = os.dup(folder)
        early: Future | None = None
        length = 0
        try:
            while count := content.into(self.piece):
                write_all(file, self.piece[:count])
                length += count
                if length >= EARLY and (early is None or early.done()):
                    length = 0
                    early = self.pool.submit(os.fdatasync, file)
            os.fchmod(file, mode & 0o777)
            os.utime(file, ns=(at, at))
        except BaseException:
            os.unlink(temporary, dir_fd=own)
            os.close(own)
            if early:
                wait([early])
            os.close(file)
            raise
        self.room.acquire()
        self.pool.submit(self.settle, file, own, temporary, name, early)

    def settle(
        self, file: int, folder: int, temporary: str, name: str, early: Future | None
    ) -> None:
        try:
            # Of a failure it is told once.
            if early:
                early.result()
            os.fsync(file)
            place(folder, temporary, name)
        except BaseException as error:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            self.failure = error
        finally:
            os.close(file)
            os.close(folder)
            self.room.release()


def write_all(file: int, left: memoryview) -> None:
    while left:
        left = left[os.write(file, left) :]


def place(folder: int, temporary: str, name: str) -> None:
    """Gives what is complete its name."""
    try:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except IsADirectoryError:
        raise Refused(409, f"{name!r}: found a folder, expected a file or nothing") from None
