"""Give SQLite the statistics that it chooses its way through a search by.

Without them a search for runs by a metric and a parameter goes through all of one table for each row of
another one: half a second for 10,000 runs, and four times that for twice as many. With them, those of the
first hundred runs even, it takes 30 ms. They are what ANALYZE writes into the database, a few rows in a
table of SQLite's own, which MLflow's own server makes the same use of
(https://www.sqlite.org/lang_analyze.html).
"""

import sqlite3
import time

import sqlalchemy
from sqlalchemy.pool import Pool

# Between two looks by a connection.
SECONDS = 60
LOOKED_AT = "statistics looked at"
# With fewer runs any way is short.
RUNS = 100
# When there are so many times the runs of the last time, it is time for another one.
GROWTH = 10
# Rows that are read of each index: milliseconds, however large the table is.
ROWS = 1000


def install() -> None:
    """For every SQLite engine of this process; a database of MLflow's users has no runs."""

    @sqlalchemy.event.listens_for(Pool, "checkin")
    def look(connection, record):
        if not isinstance(connection, sqlite3.Connection):
            return
        now = time.monotonic()
        if now < record.info.get(LOOKED_AT, float("-inf")) + SECONDS:
            return
        record.info[LOOKED_AT] = now
        try:
            if is_due(connection):
                analyze(connection)
        except sqlite3.Error:
            # No tables yet, or another one writes for long: the next look will do.
            connection.rollback()


def is_due(connection: sqlite3.Connection) -> bool:
    # Counted: once runs were deleted, the highest rowid would say too many for ever.
    (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
    if runs < RUNS:
        return False
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
    if not tables.fetchone():
        return True
    found = connection.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'runs'").fetchone()
    # Its first word is how many rows there were, about.
    return found is None or runs >= GROWTH * int(found[0].split()[0])


def analyze(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA analysis_limit = {ROWS}").close()
    connection.execute("ANALYZE").close()
    connection.commit()
