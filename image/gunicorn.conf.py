"""How gunicorn serves; bind, workers and the app come from the command line (serve.py)."""

import gc
import os
import sys
import threading
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# MLflow knows; it is no news for whoever reads the server's log.
warnings.filterwarnings("ignore", message="starlette.middleware.wsgi is deprecated")

preload_app = True
worker_class = "worker.Worker"

# Longer than the 90 s after which Traefik drops an idle connection, so that the proxy closes first
# and never sends a request into a connection that is being closed.
keepalive = 120

# A worker whose event loop stands still this long is replaced. An upload does not count: it is
# streamed, the loop goes on.
timeout = 300

# On SIGTERM requests in flight have this long to finish.
graceful_timeout = 6

# Heartbeats go to memory: a slow disk must not make a worker look dead.
worker_tmp_dir = "/dev/shm"

# Needs a writable home, and nothing here uses it.
control_socket_disable = True

# What is imported stays: there is no garbage to look for meanwhile.
gc.disable()


def when_ready(server):
    """Do once, before the first fork, what each worker would otherwise do for itself."""
    import sqlalchemy.orm
    from mlflow.store.model_registry import sqlalchemy_store  # noqa: F401

    import artifacts_server
    import basic_auth
    import large_searches
    import larger_pieces
    import pool_turns
    import shorter_way
    import static_prefix

    artifacts_server.install()
    pool_turns.install()
    large_searches.install()
    larger_pieces.install()
    if basic_auth.is_on():
        basic_auth.before_fork()
    stores = {os.environ["HOMELAB_BACKEND_STORE"], os.environ.get("HOMELAB_REGISTRY_STORE")}
    if "sqlite" in stores:
        import sqlalchemy.dialects.sqlite

        import sqlite_statistics
        import sqlite_turns

        sqlite_turns.install()
        sqlite_statistics.install()
    if "postgresql" in stores:
        import psycopg2
        import sqlalchemy.dialects.postgresql.psycopg2  # noqa: F401
    if "mysql" in stores:
        import pymysql
        import sqlalchemy.dialects.mysql.pymysql  # noqa: F401
    if os.environ["HOMELAB_ARTIFACTS"].startswith("s3://"):
        import proxied_artifacts
        import streamed_artifacts

        proxied_artifacts.install()
        streamed_artifacts.install(server.app.wsgi())
    sqlalchemy.orm.configure_mappers()
    app = shorter_way.shorten(server.app.wsgi(), server.log)
    server.app.callable = static_prefix.stream_artifacts(app)

    # A thread would be missing in the workers.
    assert threading.active_count() == 1, threading.enumerate()

    # The collector would write to, and so copy, what the workers share.
    gc.collect()
    gc.freeze()
    gc.enable()
