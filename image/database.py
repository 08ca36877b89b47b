"""Look at the SQLite database before the server opens it.

Refuses a damaged one: what is written to it would be lost with it. Takes it out of WAL mode, whose
shared memory does not work over a network file system (https://www.sqlite.org/wal.html).
"""

import sqlite3
import sys
from pathlib import Path


def refuse(reason: str) -> None:
    sys.exit(f"entrypoint: {path}: {reason}")


path = Path(sys.argv[1])
# A database that is not there is made by the server.
if path.exists() and path.stat().st_size > 0:
    try:
        with sqlite3.connect(path, timeout=20) as database:
            (mode,) = database.execute("PRAGMA journal_mode").fetchone()
            if mode == "wal":
                (mode,) = database.execute("PRAGMA journal_mode = delete").fetchone()
            if mode == "wal":
                refuse("is in WAL mode, which another program holds it in; end that program")
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        database.close()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        refuse(
            f"the database is damaged ({' '.join(found.split())}); nothing was changed: put a backup in its place,"
            " or mend it with sqlite3's .recover"
        )
