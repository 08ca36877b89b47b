"""Stop the image's server while an upload is under way, and print as JSON what became of both.

Runs in a container of the image without a network, as root, with this file on standard input.
"""

import http.client
import json
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

VOLUMES = {"/mnt/backend_store": "mlflow-backend-store", "/mnt/artifacts": "mlflow-artifacts"}
SECONDS = 3
BLOCK = b"x" * 100_000


def slow_blocks():
    for _ in range(10):
        yield BLOCK
        time.sleep(SECONDS / 10)


def main() -> None:
    for directory, volume in VOLUMES.items():
        Path(directory).mkdir(parents=True)
        Path(directory, ".homelab-volume").write_text(f"{volume}\n")
    server = subprocess.Popen(["/opt/server/entrypoint.sh"], stdout=subprocess.DEVNULL)
    for _ in range(1200):
        try:
            urllib.request.urlopen("http://127.0.0.1:5000/health", timeout=5)
            break
        except OSError:
            time.sleep(0.1)

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
    server.send_signal(signal.SIGTERM)
    server.wait(60)
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
