"""Stop the image's server while an upload is under way, and print as JSON what became of both.

Runs in a container of the image without a network, as root, with this directory mounted.
"""

import http.client
import json
import threading
import time
from pathlib import Path

import serving

SECONDS = 3
BLOCK = b"x" * 100_000


def slow_blocks():
    for _ in range(10):
        yield BLOCK
        time.sleep(SECONDS / 10)


def main() -> None:
    serving.make_volumes()
    server = serving.start()

    answer = []

    def upload() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", 5000)
        headers = {"Content-Length": str(10 * len(BLOCK))}
        path = "/api/2.0/mlflow-artifacts/artifacts/slow.bin"
        connection.request("PUT", path, slow_blocks(), headers)
        answer.append(connection.getresponse().status)

    thread = threading.Thread(target=upload)
    thread.start()
    time.sleep(SECONDS / 3)
    start = time.monotonic()
    serving.stop(server)
    seconds = time.monotonic() - start
    thread.join(60)
    size = Path("/mnt/artifacts/slow.bin").stat().st_size
    print(
        json.dumps(
            {
                "exitCode": server.returncode,
                "seconds": seconds,
                "upload": answer,
                "bytes": size,
            }
        )
    )


main()
