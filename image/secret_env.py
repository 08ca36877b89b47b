"""Take the server's secrets from a file that only its task has, into its environment.

Not from the task's own environment: that stands in the jobspec, and in what `docker inspect` tells.
"""

import json
import os
import sys
import time
from urllib.parse import quote

# A machine that boots starts the server before the database is registered.
PATIENCE_SECONDS = 60


def load() -> None:
    path = os.environ.get("HOMELAB_SECRETS")
    if not path:
        return
    try:
        with open(path, encoding="utf-8") as file:
            secrets = json.load(file)
    except OSError as error:
        sys.exit(f"entrypoint: {path}: {error.strerror}; deploy again, which writes the secrets")
    except ValueError:
        # The words of the parser would quote what it read.
        sys.exit(f"entrypoint: {path} holds no secrets; deploy again, which writes them")
    os.environ.update(secrets)
    if address := os.environ.get("HOMELAB_DATABASE"):
        os.environ["MLFLOW_BACKEND_STORE_URI"] = database_uri(address)
    # The drivers that MLflow documents; without their names SQLAlchemy takes others.
    uri = os.environ.get("MLFLOW_BACKEND_STORE_URI", "")
    for kind, driver in (("postgresql", "psycopg2"), ("mysql", "pymysql")):
        if uri.startswith(f"{kind}://"):
            uri = uri.replace("://", f"+{driver}://", 1)
    # Of PostgreSQL's driver it is a variable. With it, the driver wants TLS and the host's name.
    if authority := os.environ.get("HOMELAB_DATABASE_CA"):
        uri += f"{'&' if '?' in uri else '?'}ssl_ca={authority}"
    if uri:
        os.environ["MLFLOW_BACKEND_STORE_URI"] = uri


def database_uri(path: str) -> str:
    """Of the database that the deploy runs: Nomad writes its address into a file, when it is there."""
    password = quote(os.environ.pop("HOMELAB_DATABASE_PASSWORD"), safe="")
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with open(path, encoding="utf-8") as file:
            services = [json.loads(line) for line in file if line.strip()]
        if services or time.monotonic() > end:
            break
        time.sleep(1)
    if not services:
        sys.exit(
            "entrypoint: the database that the deploy runs is not registered in Nomad; see its job, whose"
            " name is that of this one and -postgresql"
        )
    host, port = services[0]["host"], services[0]["port"]
    host = f"[{host}]" if ":" in host else host
    return f"postgresql://mlflow:{password}@{host}:{port}/mlflow"
