"""Search with and without the statistics that the image's server gives SQLite, and print the work as JSON.

Runs in a container of the image without a network, as root, with this directory mounted. The work is what
SQLite's machine does, in steps of 1000: unlike time, it is the same each time.
"""

import json
import sqlite3
import sys
import urllib.request
from contextlib import closing

import serving

RUNS = 3000
# Less than a tenth, and enough for statistics.
KEPT = 150


def make_runs() -> None:
    """As rows: 3000 of MLflow's requests would take a minute."""
    with closing(sqlite3.connect(serving.DATABASE)) as database:
        (experiment,) = database.execute("SELECT min(experiment_id) FROM experiments").fetchone()
        for n in range(RUNS):
            run = f"{n:032x}"
            database.execute(
                "INSERT INTO runs (run_uuid, name, user_id, source_type, status, start_time, lifecycle_stage,"
                " artifact_uri, experiment_id) VALUES (?, 'a', 'u', 'LOCAL', 'RUNNING', ?, 'active', 'x', ?)",
                (run, n, experiment),
            )
            for key in ("loss", "accuracy"):
                database.execute(
                    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
                    " VALUES (?, ?, 1, 0, 0, ?)",
                    (key, n % 10 / 10, run),
                )
            database.execute("INSERT INTO params (key, value, run_uuid) VALUES ('lr', ?, ?)", (n % 4, run))
        database.commit()


def search() -> tuple[int, list[str]]:
    """In this process, by MLflow's own store: how much work it was, and what was found."""
    import sqlalchemy
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"sqlite:///{serving.DATABASE}", "/tmp/artifacts")
    store.engine.dispose()
    steps = 0

    def step():
        nonlocal steps
        steps += 1

    @sqlalchemy.event.listens_for(store.engine, "connect")
    def connect(connection, _record):
        connection.set_progress_handler(step, 1000)

    experiment = store.get_experiment_by_name("Default").experiment_id
    found = store.search_runs(
        [experiment], "params.lr = '1' and metrics.loss < 0.5", 1, 100, ["metrics.accuracy DESC"]
    )
    store.engine.dispose()
    return steps, [run.info.run_id for run in found]


def statistics() -> bool:
    """After a request that has used the database."""
    body = json.dumps({"max_results": 1}).encode()
    headers = {"Content-Type": "application/json"}
    path = f"{serving.URL}/api/2.0/mlflow/experiments/search"
    urllib.request.urlopen(urllib.request.Request(path, body, headers)).close()
    with closing(sqlite3.connect(serving.DATABASE, timeout=20)) as database:
        query = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"
        return database.execute(query).fetchone() == (1,)


def due_again() -> bool:
    """After most of the runs were deleted, as by `mlflow gc`, and the statistics made of the others."""
    sys.path.append("/opt/server")
    import sqlite_statistics

    with closing(sqlite3.connect(serving.DATABASE)) as database:
        for table in ("latest_metrics", "params", "runs"):
            # The newest stay, so the numbers of their rows are as high as before.
            database.execute(f"DELETE FROM {table} WHERE run_uuid < ?", (f"{RUNS - KEPT:032x}",))
        database.commit()
        sqlite_statistics.analyze(database)
        return sqlite_statistics.is_due(database)


def main() -> None:
    serving.make_volumes()
    server = serving.start()
    new = statistics()
    make_runs()
    before, found = search()
    serving.stop(server)
    server = serving.start()
    there = statistics()
    after, again = search()
    serving.stop(server)
    result = {
        "new": new,
        "there": there,
        "found": len(found),
        "same": found == again,
        "times": before / max(after, 1),
        "dueAgain": due_again(),
    }
    print(json.dumps(result))


main()
