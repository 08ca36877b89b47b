"""MLflow's own logins, its app "basic-auth" (HOMELAB_AUTH=basic).

Users and what they may do are kept beside the runs: in a file of their own on the SQLite volume, or in
the same database, where they have a schema version of their own.

MLFLOW_AUTH_ADMIN_USERNAME, MLFLOW_AUTH_ADMIN_PASSWORD  the admin, who is kept as they say
MLFLOW_FLASK_SERVER_SECRET_KEY  signs the forms of the sign-up page
HOMELAB_AUTH_DEFAULT_PERMISSION  what a user may do with what is another's
HOMELAB_AUTH_CACHE_SECONDS  how long a login that was right is taken for right again
"""

import configparser
import importlib.util
import os
import threading
from pathlib import Path

import sqlalchemy
from alembic.script import ScriptDirectory

# In memory, and for this user alone: the URI of a database holds a password.
CONFIG = Path("/dev/shm/basic_auth.ini")
SQLITE = "/mnt/backend_store/basic_auth.db"


def is_on() -> bool:
    return os.environ.get("HOMELAB_AUTH") == "basic"


def database_uri() -> str:
    if os.environ["HOMELAB_BACKEND_STORE"] == "sqlite":
        return f"sqlite:///{os.environ.get('HOMELAB_AUTH_SQLITE', SQLITE)}"
    return os.environ["MLFLOW_BACKEND_STORE_URI"]


def write_config() -> None:
    """The file that MLflow reads when it imports the app."""
    settings = {
        "database_uri": database_uri(),
        "default_permission": os.environ["HOMELAB_AUTH_DEFAULT_PERMISSION"],
        "auth_cache_ttl_seconds": os.environ["HOMELAB_AUTH_CACHE_SECONDS"],
    }
    config = configparser.ConfigParser()
    # MLflow's parser takes a % for the start of a reference.
    config["mlflow"] = {key: value.replace("%", "%%") for key, value in settings.items()}
    CONFIG.unlink(missing_ok=True)
    with open(os.open(CONFIG, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        config.write(file)
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(CONFIG)


def problems() -> list[str]:
    """Why the users can't be read, where the database can be: MLflow would end in the middle."""
    engine = sqlalchemy.create_engine(database_uri(), poolclass=sqlalchemy.pool.NullPool)
    if not sqlalchemy.inspect(engine).has_table("alembic_version_auth"):
        return []
    with engine.connect() as connection:
        found = connection.scalar(sqlalchemy.text("SELECT version_num FROM alembic_version_auth"))
    # Without an import of MLflow, which takes longer than all of this.
    (mlflow,) = importlib.util.find_spec("mlflow").submodule_search_locations
    known = ScriptDirectory(f"{mlflow}/server/auth/db/migrations").walk_revisions()
    if found is None or found in {each.revision for each in known}:
        return []
    return [
        f"the users' schema {found} is unknown to this MLflow: a newer one made it; go back to the"
        " image with that one, or to a backup"
    ]


def tell_foreign_keys_apart() -> None:
    """To be called before the tables are made: MLflow's first migration has a name twice, which MySQL
    refuses within a database (https://github.com/mlflow/mlflow/issues/9642)."""

    @sqlalchemy.event.listens_for(sqlalchemy.Table, "before_create")
    def rename(table, connection, **_):
        if connection.dialect.name not in ("mysql", "mariadb"):
            return
        for constraint in table.foreign_key_constraints:
            if constraint.name == "fk_user_id":
                constraint.name = f"fk_{table.name}_user_id"


def keep_admin() -> None:
    """MLflow makes the admin once, and looks at the password no more: a new one would change nothing."""
    from mlflow.server.auth import auth_config, store

    name, password = auth_config.admin_username, auth_config.admin_password
    if store.authenticate_user(name, password) and store.get_user(name).is_admin:
        return
    store.update_user(name, password=password, is_admin=True)
    print(f"entrypoint: the admin {name} has the password of server.auth.admin now", flush=True)


def before_fork() -> None:
    """Open connections are no worker's, and one login at a time is verified in each worker."""
    from mlflow.server.auth import sqlalchemy_store, store

    store.engine.dispose()
    verify = sqlalchemy_store.check_password_hash
    # Each takes 32 MiB (scrypt, N=2^15 and r=8) while it runs: forty at a time would not fit.
    turn = threading.Semaphore()

    def in_turn(*args):
        with turn:
            return verify(*args)

    sqlalchemy_store.check_password_hash = in_turn
