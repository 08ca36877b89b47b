"""What the loads have in common: a connection, threads, and what they print."""

import http.client
import json
import statistics
import threading
import time
import urllib.parse
from collections.abc import Callable

API = "/api/2.0/mlflow"
# Bytes of a megabyte, and of what is sent or read at a time.
CHUNK = 1_000_000


class Client:
    """One connection, one request in flight."""

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

    def create_run(self, experiment_id: str = "0") -> str:
        created = self.call("POST", "/runs/create", {"experiment_id": experiment_id})
        return created["run"]["info"]["run_id"]


def together(clients: int, work: Callable[[int], None]) -> tuple[float, list[str]]:
    """Do the work in a thread for each client; seconds and failures."""
    failures: list[str] = []

    def guarded(index: int) -> None:
        try:
            work(index)
        except Exception as error:  # noqa: BLE001 - reported in the result
            failures.append(str(error))

    start = time.perf_counter()
    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start, failures


def there_and_back(
    clients: int,
    megabytes: int,
    upload: Callable[[int], None],
    download: Callable[[int], None],
) -> None:
    """Upload from all clients, then download in all of them, and print one JSON line.

    Each sends, and gets, so many megabytes of 1,000,000 bytes.
    """
    up, failures = together(clients, upload)
    down, lost = together(clients, download)
    total = clients * megabytes
    result = {
        "clients": clients,
        "megabytes": megabytes,
        "uploadMBPerSecond": round(total / up, 1),
        "downloadMBPerSecond": round(total / down, 1),
        "failures": failures + lost,
    }
    print(json.dumps(result))


def repeat(clients: int, seconds: float, request: Callable[[int, int], None]) -> None:
    """Send requests for so long, and print one JSON line.

    `request` is given the client's number and the request's; the next one is sent when the last one
    was answered.
    """
    times: list[float] = []

    def work(index: int) -> None:
        step = 0
        while (start := time.perf_counter()) < end:
            request(index, step)
            times.append(time.perf_counter() - start)
            step += 1

    end = time.perf_counter() + seconds
    elapsed, failures = together(clients, work)
    times.sort()
    result = {
        "clients": clients,
        "seconds": round(elapsed, 2),
        "acknowledged": len(times),
        "perSecond": round(len(times) / elapsed, 2),
        "medianMs": round(statistics.median(times) * 1000, 1) if times else None,
        "p99Ms": round(times[int(len(times) * 0.99)] * 1000, 1) if times else None,
        "failures": failures,
    }
    print(json.dumps(result))
