"""Search over runs from several clients at once and print one JSON line.

    python3 search.py --url http://127.0.0.1:5000 --clients 8 --seconds 10 --runs 10000

First there are made as many runs as are missing to --runs, each with two metrics and two parameters.
A search is for the 100 best runs of one learning rate, as the UI's table asks for them.
"""

import argparse
import random
import threading
import time

from client import Client, repeat, together

RATES = ["0.1", "0.03", "0.01", "0.003"]
MAKERS = 8
EXPERIMENT = "search"


def experiment(client: Client) -> str:
    body = {"filter": f"name = '{EXPERIMENT}'", "max_results": 1}
    found = client.call("POST", "/experiments/search", body).get("experiments")
    if found:
        return found[0]["experiment_id"]
    return client.call("POST", "/experiments/create", {"name": EXPERIMENT})["experiment_id"]


def count(client: Client, experiment_id: str) -> int:
    body = {"experiment_ids": [experiment_id], "max_results": 50_000}
    return len(client.call("POST", "/runs/search", body).get("runs", []))


def make_runs(url: str, experiment_id: str, missing: int) -> None:
    left = iter(range(missing))
    lock = threading.Lock()

    def work(_: int) -> None:
        client = Client(url)
        while True:
            with lock:
                step = next(left, None)
            if step is None:
                return
            now = time.time_ns() // 1_000_000
            run_id = client.create_run(experiment_id)
            metrics = [
                {"key": key, "value": random.random(), "timestamp": now, "step": 0}
                for key in ("loss", "accuracy")
            ]
            params = [
                {"key": "lr", "value": RATES[step % len(RATES)]},
                {"key": "seed", "value": str(step)},
            ]
            body = {"run_id": run_id, "metrics": metrics, "params": params}
            client.call("POST", "/runs/log-batch", body)

    _, failures = together(MAKERS, work)
    if failures:
        raise RuntimeError(failures[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=10_000)
    args = parser.parse_args()

    # Its connection is closed by the server while runs are made.
    first = Client(args.url)
    experiment_id = experiment(first)
    make_runs(args.url, experiment_id, args.runs - count(first, experiment_id))
    clients = [Client(args.url) for _ in range(args.clients)]

    def search(index: int, step: int) -> None:
        rate = RATES[(index + step) % len(RATES)]
        body = {
            "experiment_ids": [experiment_id],
            "filter": f"params.lr = '{rate}' and metrics.loss < 0.5",
            "order_by": ["metrics.accuracy DESC"],
            "max_results": 100,
        }
        found = clients[index].call("POST", "/runs/search", body).get("runs", [])
        if not found:
            raise RuntimeError("a search found no runs")

    repeat(args.clients, args.seconds, search)


if __name__ == "__main__":
    main()
