"""Look at the MySQL database before the server opens it: what will not do, a line each.

What the driver says of a failed connection names host and user, never the password.
"""

import os

import sqlalchemy
from sqlalchemy.pool import NullPool

from revision import revision_problems

URI = "storage.backendStore.uri"
# https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
ADVICE = {
    1040: "raise max_connections there, or end some of its clients",
    1044: f"let the user in {URI} use it: GRANT ALL ON that database",
    1045: f"correct user and password in {URI}",
    1049: f"make the database, or correct {URI}",
    1130: "let this Nomad client in, by the host in the user's name",
    1203: "raise max_user_connections there, or end some of its clients",
    2026: "turn TLS on there (ssl_cert, ssl_key), or leave out storage.backendStore.caBundle",
    2003: f"start it, or correct {URI}",
}


CERTIFICATE = {
    "certificate is not valid for": f"write the certificate's name into {URI}, or give the server one"
    " for this name",
    "certificate verify failed": "correct storage.backendStore.caBundle, or renew the certificate",
}


def advice(code: int, words: str) -> str:
    for start, todo in CERTIFICATE.items():
        if start in words:
            return todo
    return ADVICE.get(code, f"correct {URI}, or the server")


def problems(probe: bool) -> list[str]:
    """What stands in the way of serving from this database.

    With `probe` also what is no reason to end a server that was fine: too few connections for all
    workers, and a database that is empty though the job has its runs in one.
    """
    url = sqlalchemy.make_url(os.environ["MLFLOW_BACKEND_STORE_URI"])
    where = f"MySQL at {url.host}:{url.port or 3306}, database {url.database}"
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
    try:
        with engine.connect() as connection:
            found = [*schema(connection, probe), *(limits(connection) if probe else [])]
    except sqlalchemy.exc.DBAPIError as error:
        code, words = (*error.orig.args, "", "")[:2]
        said = " ".join(str(words).split())
        found = [f"{said}; {advice(code, said)}"]
    return [f"{where}: {each}" for each in found]


def schema(connection, probe: bool) -> list[str]:
    scalar = lambda query: connection.execute(sqlalchemy.text(query)).scalar()  # noqa: E731
    if (charset := scalar("SELECT @@character_set_database")) != "utf8mb4":
        return [
            f"found the character set {charset}, expected utf8mb4; make the database anew:"
            " CREATE DATABASE ... CHARACTER SET utf8mb4"
        ]
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"
    if scalar(f"{tables} AND table_name = 'alembic_version'"):
        return revision_problems(scalar("SELECT version_num FROM alembic_version"))
    if probe and os.environ.get("HOMELAB_DATA_EXPECTED"):
        return [
            f"found no runs, while the job has its runs in another database; correct {URI}, or"
            " destroy the job first to begin anew"
        ]
    return []


def limits(connection) -> list[str]:
    # 0 of a user is no limit.
    query = "SELECT least(@@max_connections, ifnull(nullif(@@max_user_connections, 0), 100000))"
    allowed = connection.execute(sqlalchemy.text(query)).scalar()
    wanted = int(os.environ.get("HOMELAB_CONNECTIONS", "0"))
    if wanted <= allowed:
        return []
    return [
        f"it lets {allowed} connections in, and storage.backendStore.connections is {wanted}; lower"
        " that, or raise its limit (max_connections, or max_user_connections)"
    ]
