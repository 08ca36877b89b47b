"""Start the server for artifacts alone as a deploy does, and ask it for runs."""

import json
import os
import shutil
from urllib.error import HTTPError
from urllib.request import urlopen

import serving

shutil.rmtree("/mnt/backend_store", ignore_errors=True)
os.makedirs("/mnt/artifacts", exist_ok=True)
env = {"HOMELAB_BACKEND_STORE": "none", "HOMELAB_VOLUMES": ""}
server = serving.start(env, user=1000, group=1000)
health = urlopen(f"{serving.URL}/health").read().decode()
try:
    answer = urlopen(f"{serving.URL}/api/2.0/mlflow/experiments/search?max_results=1").status, ""
except HTTPError as error:
    answer = error.code, error.read().decode()
serving.stop(server)
made = [name for name in os.listdir("/tmp") if name.endswith(".db")] + os.listdir("/mnt")
print(json.dumps({"health": health, "status": answer[0], "text": answer[1], "made": made}))
