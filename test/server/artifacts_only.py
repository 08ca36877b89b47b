"""Start the server for artifacts alone as a deploy does, and ask it for runs."""

import json
import os
import shutil
import subprocess
import time
from urllib.error import HTTPError
from urllib.request import urlopen

URL = "http://localhost:5000"

shutil.rmtree("/mnt/backend_store", ignore_errors=True)
os.makedirs("/mnt/artifacts", exist_ok=True)
server = subprocess.Popen(
    ["/opt/server/entrypoint.sh"],
    env={**os.environ, "HOMELAB_BACKEND_STORE": "none", "HOMELAB_VOLUMES": ""},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    user=1000,
    group=1000,
)
for _ in range(300):
    try:
        health = urlopen(f"{URL}/health").read().decode()
        break
    except OSError:
        time.sleep(0.2)
try:
    answer = urlopen(f"{URL}/api/2.0/mlflow/experiments/search?max_results=1").status, ""
except HTTPError as error:
    answer = error.code, error.read().decode()
server.terminate()
server.wait()
made = [name for name in os.listdir("/tmp") if name.endswith(".db")] + os.listdir("/mnt")
print(json.dumps({"health": health, "status": answer[0], "text": answer[1], "made": made}))
