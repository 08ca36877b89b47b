"""Log metrics from several clients at once and print one JSON line with what was acknowledged.

    python3 log_metric.py --url http://127.0.0.1:5000 --clients 8 --seconds 10

Each client is a thread with a connection and a run of its own, and has one request in flight: the
next metric is sent when the last one was answered. Standard library only, so that the clients take
as little as possible of a machine they share with the server.
"""

import argparse
import http.client
import json
import statistics
import threading
import time
import urllib.parse

API = "/api/2.0/mlflow"


class Client:
    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self.connection = kind(parts.netloc, timeout=60)

    def call(self, method: str, path: str, body: dict) -> dict:
        headers = {"Content-Type": "application/json"}
        self.connection.request(method, API + path, json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:200]!r}")
        return json.loads(text)


def log_until(end: float, client: Client, run_id: str, latencies: list[float]) -> None:
    step = 0
    while (start := time.perf_counter()) < end:
        now = time.time_ns() // 1_000_000
        metric = {"run_id": run_id, "key": "loss", "value": 1 / (step + 1), "timestamp": now}
        client.call("POST", "/runs/log-metric", {**metric, "step": step})
        latencies.append(time.perf_counter() - start)
        step += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()

    clients = [Client(args.url) for _ in range(args.clients)]
    run_ids = [
        client.call("POST", "/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        for client in clients
    ]
    latencies: list[list[float]] = [[] for _ in clients]
    failures: list[str] = []

    def work(index: int) -> None:
        try:
            log_until(end, clients[index], run_ids[index], latencies[index])
        except Exception as error:  # noqa: BLE001 - reported in the result
            failures.append(str(error))

    start = time.perf_counter()
    end = start + args.seconds
    threads = [threading.Thread(target=work, args=(index,)) for index in range(args.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start

    times = sorted(time for per_client in latencies for time in per_client)
    result = {
        "clients": args.clients,
        "seconds": round(elapsed, 2),
        "acknowledged": len(times),
        "perSecond": round(len(times) / elapsed, 1),
        "medianMs": round(statistics.median(times) * 1000, 1) if times else None,
        "p99Ms": round(times[int(len(times) * 0.99)] * 1000, 1) if times else None,
        "failures": failures,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
