"""The image's server, for the scripts beside this file: its volumes, its start and its end.

They run in a container of the image without a network, as root, with this directory mounted.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

URL = "http://127.0.0.1:5000"
DATABASE = "/mnt/backend_store/mlflow.db"
VOLUMES = {"/mnt/backend_store": "mlflow-backend-store", "/mnt/artifacts": "mlflow-artifacts"}
COMMAND = ["/opt/server/entrypoint.sh"]


def wait_for(what: str, found, seconds: float = 120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.02)
    sys.exit(f"no {what} after {seconds:.0f} s")


def healthy() -> bool:
    try:
        return urlopen(f"{URL}/health", timeout=5).status == 200
    except OSError:
        return False


def make_volumes() -> None:
    """Empty ones, whatever was in them."""
    for directory, volume in VOLUMES.items():
        shutil.rmtree(directory, ignore_errors=True)
        Path(directory).mkdir(parents=True)
        Path(directory, ".homelab-volume").write_text(f"{volume}\n")


def start(env: dict[str, str] | None = None, **options) -> subprocess.Popen:
    """On the volumes as they are; the output of a script is its result alone."""
    env = {**os.environ, **(env or {})}
    server = subprocess.Popen(COMMAND, env=env, stdout=subprocess.DEVNULL, **options)
    wait_for("answer on /health", healthy)
    return server


def stop(server: subprocess.Popen) -> None:
    server.terminate()
    server.wait(60)
