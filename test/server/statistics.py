"""Search with and without the statistics that the image's server gives SQLite, and print the work as JSON.

Runs in a container of the image without a network, as root, with this file on standard input. The work is
what SQLite's machine does, in steps of 1000: unlike time, it is the same each time.
"""

import json
import sqlite3
import subprocess
import time
import urllib.request
from contextlib import closing
from pathlib import Path

DATABASE = "/mnt/backend_store/mlflow.db"
URL = "http://127.0.0.1:5000"
VOLUMES = {"/mnt/backend_store": "mlflow-backend-store", "/mnt/artifacts": "mlflow-artifacts"}
RUNS = 3000


def start() -> subprocess.Popen:
    for directory, volume in VOLUMES.items():
        Path(directory).mkdir(parents=True, exist_ok=True)
        Path(directory, ".homelab-volume").write_text(f"{volume}\n")
    server = subprocess.Popen(["/opt/server/entrypoint.sh"], stdout=subprocess.DEVNULL)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{URL}/health")
            break
        except OSError:
            time.sleep(0.2)
    return server


def make_runs() -> None:
    """As rows: 3000 of MLflow's requests would take a minute."""
    with closing(sqlite3.connect(DATABASE)) as database:
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

    store = SqlAlchemyStore(f"sqlite:///{DATABASE}", "/tmp/artifacts")
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
    path = f"{URL}/api/2.0/mlflow/experiments/search"
    urllib.request.urlopen(urllib.request.Request(path, body, headers)).close()
    with closing(sqlite3.connect(DATABASE, timeout=20)) as database:
        query = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"
        return database.execute(query).fetchone() == (1,)


server = start()
new = statistics()
make_runs()
before, found = search()
server.terminate()
server.wait()
server = start()
there = statistics()
after, again = search()
server.terminate()
server.wait()
print(json.dumps({"new": new, "there": there, "found": len(found), "same": found == again, "times": before / max(after, 1)}))
