"""Search for more runs than MLflow gives by default, in the image's server, and print as JSON what came.

Runs in a container of the image without a network, as root, with this directory mounted.
"""

import json
import sqlite3
import urllib.request
from contextlib import closing

import serving

RUNS = 10_000
# Of each run, as many of each as runs of users have.
KEYS = 20


def ask(path: str, body: dict):
    data = json.dumps(body).encode()
    url = f"{serving.URL}/api/2.0/mlflow{path}"
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    return urllib.request.urlopen(request, timeout=300)


def search(**body) -> dict:
    with ask("/runs/search", body) as answer:
        return json.load(answer)


def make_runs(experiment: str) -> None:
    """Copies of one that MLflow made: as rows, since 10,000 of its requests would take minutes."""
    tags = [{"key": "of", "value": "a search"}]
    body = {"experiment_id": experiment, "run_name": "first", "start_time": 1, "tags": tags}
    with ask("/runs/create", body) as answer:
        first = json.load(answer)["run"]["info"]["run_id"]
    metrics = [{"key": f"m{n}", "value": n, "timestamp": 1, "step": 0} for n in range(KEYS)]
    params = [{"key": f"p{n}", "value": f"value {n}"} for n in range(KEYS)]
    ask("/runs/log-batch", {"run_id": first, "metrics": metrics, "params": params}).close()
    with closing(sqlite3.connect(serving.DATABASE)) as database:
        for table in ("runs", "latest_metrics", "params", "tags"):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            copied = ["printf('%032x', n)" if each == "run_uuid" else each for each in columns]
            database.execute(
                f"""WITH RECURSIVE numbers(n) AS
                    (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {RUNS})
                    INSERT INTO {table} ({", ".join(columns)})
                    SELECT {", ".join(copied)} FROM {table}, numbers WHERE run_uuid = '{first}'"""
            )
        # To be told apart, and put into an order, by.
        database.execute("UPDATE runs SET start_time = rowid")
        database.execute("UPDATE latest_metrics SET value = rowid % 7 WHERE key = 'm0'")
        database.commit()


def pages(**body) -> list:
    found, token = [], None
    while len(found) < 2500:
        more = search(**body, max_results=500, **({"page_token": token} if token else {}))
        found += more["runs"]
        token = more.get("next_page_token")
    return found


def main() -> None:
    serving.make_volumes()
    server = serving.start()
    with ask("/experiments/create", {"name": "large"}) as answer:
        of = {"experiment_ids": [json.load(answer)["experiment_id"]]}
    make_runs(of["experiment_ids"][0])
    by = {**of, "filter": "metrics.m0 < 5", "order_by": ["metrics.m0 ASC"]}
    large = search(**by, max_results=2500)
    then = search(**by, max_results=1, page_token=large["next_page_token"])
    none = search(**of, filter="params.p0 = 'none'", max_results=5000)
    with ask("/runs/search", {**of, "max_results": RUNS + 1}) as answer:
        count = answer.read().count(b'"lifecycle_stage"')
    result = {
        "asPages": large["runs"] == pages(**by),
        "next": then["runs"] == search(**by, max_results=2501)["runs"][2500:],
        "none": none,
        "all": count,
    }
    serving.stop(server)
    print(json.dumps(result))


main()
