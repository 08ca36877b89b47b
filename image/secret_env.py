"""Take the server's secrets from a file that only its task has, into its environment.

Not from the task's own environment: that stands in the jobspec, and in what `docker inspect` tells.
"""

import json
import os
import sys
import time
from urllib.parse import quote, urlencode

# A machine that boots starts the server before the database is registered.
PATIENCE_SECONDS = 60
# From 11.6.2 on, MariaDB fails who writes to a row that another one has changed meanwhile, where MySQL goes
# on with the row as it is now, as MLflow expects. For all others it is a comment.
AS_MYSQL = "SET @mlflow = 1 /*M!110602 , SESSION innodb_snapshot_isolation = OFF */"


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
    for store in ("BACKEND_STORE", "REGISTRY_STORE"):
        if uri := os.environ.get(f"MLFLOW_{store}_URI"):
            authority = os.environ.get(f"HOMELAB_{store}_CA")
            os.environ[f"MLFLOW_{store}_URI"] = with_options(uri, authority)


def with_options(uri: str, authority: str | None) -> str:
    """With the driver's name, and TLS that wants this authority's certificate for the host."""
    # The drivers that MLflow documents; without their names SQLAlchemy takes others.
    for kind, driver in (("postgresql", "psycopg2"), ("mysql", "pymysql")):
        if uri.startswith(f"{kind}://"):
            uri = uri.replace("://", f"+{driver}://", 1)
    options = {}
    if uri.startswith("mysql"):
        options["init_command"] = AS_MYSQL
        if authority:
            options["ssl_ca"] = authority
    elif authority:
        options |= {"sslmode": "verify-full", "sslrootcert": authority}
    if not options:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(options)}"


def database_uri(path: str) -> str:
    """Of the database that the deploy runs: Nomad writes its address into a file, when it is there."""
    kind = os.environ["HOMELAB_BACKEND_STORE"]
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
            f" name is that of this one and -{kind}"
        )
    host, port = services[0]["host"], services[0]["port"]
    host = f"[{host}]" if ":" in host else host
    return f"{kind}://mlflow:{password}@{host}:{port}/mlflow"
