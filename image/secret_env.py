"""Take the server's secrets from a file that only its task has, into its environment.

Not from the task's own environment: that stands in the jobspec, and in what `docker inspect` tells.
"""

import json
import os
import sys


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
    # The driver that MLflow documents; without its name SQLAlchemy takes another since 2.1.
    uri = os.environ.get("MLFLOW_BACKEND_STORE_URI", "")
    if uri.startswith("postgresql://"):
        os.environ["MLFLOW_BACKEND_STORE_URI"] = uri.replace("://", "+psycopg2://", 1)
