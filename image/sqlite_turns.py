"""Let SQLite's writers take turns, in place of sleeping and trying again.

SQLite has one writer at a time. A writer that finds another one sleeps, for up to 100 ms, and tries
again; with some clients logging at once most of the time goes to sleeping. Here a transaction
waits for its turn before its first write, and is woken when the one before it has ended.

The rollback journal is kept and overwritten (journal mode persist), not created and deleted for
each transaction, which saves the file system work. It is as safe as SQLite's default: both sync
the journal before the database, and persist also syncs the end of a transaction, which delete
leaves to the file system (https://www.sqlite.org/pragma.html#pragma_synchronous, EXTRA).

This is a queue, not what keeps the data right: SQLite's own locks stay as they are, and whoever
does not get a turn in time goes on without, as it would have done anyway.
"""

import fcntl
import os
import sqlite3
import threading

import sqlalchemy

# MLflow's own busy timeout: after that long SQLite gives up on a lock.
SECONDS = 20
# What a large transaction leaves behind of its journal.
JOURNAL_BYTES = 1 << 20
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "ANALYZE")


class Turns:
    """One turn at a time over all threads and all workers that name the same file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.here = threading.Lock()
        self.file: int | None = None
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """A worker needs an open file of its own: one from before the fork is the parent's lock."""
        self.here = threading.Lock()
        self.file = None

    def take(self) -> bool:
        if not self.here.acquire(timeout=SECONDS):
            return False
        try:
            if self.file is None:
                self.file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            # Freed by the kernel when a worker dies. At most one thread of a worker waits here.
            fcntl.flock(self.file, fcntl.LOCK_EX)
        except BaseException:
            self.here.release()
            raise
        return True

    def give(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)
        self.here.release()


turns = Turns("/dev/shm/sqlite-turns")


class Cursor(sqlite3.Cursor):
    def execute(self, sql, *args):
        self.connection.before(sql)
        return super().execute(sql, *args)

    def executemany(self, sql, *args):
        self.connection.before(sql)
        return super().executemany(sql, *args)


class Connection(sqlite3.Connection):
    mine = False

    def cursor(self, factory=Cursor):
        return super().cursor(factory)

    def before(self, sql: str) -> None:
        # The sqlite3 module begins a transaction at the first of these statements, all but the last.
        if (
            not self.mine
            and not self.in_transaction
            and sql.lstrip()[:7].upper().startswith(WRITES)
        ):
            self.mine = turns.take()

    def done(self) -> None:
        if self.mine:
            self.mine = False
            turns.give()

    def commit(self):
        try:
            super().commit()
        finally:
            if not self.in_transaction:
                self.done()

    def rollback(self):
        try:
            super().rollback()
        finally:
            self.done()

    def close(self):
        try:
            super().close()
        finally:
            self.done()


def install() -> None:
    """Use these connections for every SQLite engine of this process."""

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "do_connect")
    def connect(dialect, _record, _args, parameters):
        if dialect.name == "sqlite":
            parameters["factory"] = Connection

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
    def connected(connection, _record):
        if not isinstance(connection, Connection):
            return
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "delete":
            connection.execute("PRAGMA journal_mode = persist").close()
            connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}").close()
