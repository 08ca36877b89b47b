"""Look at the PostgreSQL database before the server opens it: what will not do, a line each.

What the driver says of a failed connection names host and user, never the password.
"""

import os
import time

import sqlalchemy
from sqlalchemy.pool import NullPool

from revision import revision_problems

URI = "storage.backendStore.uri"
# One that the deploy runs has no URI, and may be on its way: after a boot, or a kill.
MANAGED = bool(os.environ.get("HOMELAB_DATABASE"))
PLACE = "volumes.backendStore" if MANAGED else URI
PATIENCE_SECONDS = 60
PASSING = ("Connection refused", "starting up", "shutting down", "in recovery", "timeout expired")
ADVICE = {
    "does not match host name": f"write the certificate's name into {URI}, or give the server one for"
    " this name",
    "certificate verify failed": f"correct storage.backendStore.caBundle, or renew the certificate",
    "server does not support SSL": "turn TLS on there (ssl = on), or leave out"
    " storage.backendStore.caBundle",
    "password authentication failed": f"correct user and password in {URI}",
    "no password supplied": f"put the password into {URI}",
    "role": f"make the user, or correct {URI}",
    "database": f"make the database, or correct {URI}",
    "no pg_hba.conf entry": "let this Nomad client in, in the server's pg_hba.conf",
    "Connection refused": f"start it, or correct {URI}",
    "could not translate host name": f"correct the host in {URI}",
    "too many clients": "raise max_connections there, or end some of its clients",
    "remaining connection slots": "raise max_connections there, or end some of its clients",
}


def said(error: sqlalchemy.exc.DBAPIError) -> str:
    """The driver's own words, without where it was: that is told already."""
    line = str(error.orig).strip().splitlines()[0]
    return line.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()


def advice(words: str) -> str:
    if MANAGED:
        return "see the log of its Nomad job, whose name is the server's and -postgresql, and deploy again"
    for start, todo in ADVICE.items():
        if start in words:
            return todo
    return f"correct {URI}, or the server"


def patient_problems(probe: bool) -> list[str]:
    """The same, but a database that the deploy runs is given the time to come up."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = problems(probe)
        if not MANAGED or time.monotonic() > end or not passing(found):
            return found
        time.sleep(2)


def passing(found: list[str]) -> bool:
    return any(words in each for each in found for words in PASSING)


def problems(probe: bool) -> list[str]:
    """What stands in the way of serving from this database.

    With `probe` also what is no reason to end a server that was fine: too few connections for all
    workers, and a database that is empty though the job has its runs in one.
    """
    url = sqlalchemy.make_url(os.environ["MLFLOW_BACKEND_STORE_URI"])
    where = f"PostgreSQL at {url.host}:{url.port or 5432}, database {url.database}"
    if MANAGED:
        where = f"the deploy's {where}"
    engine = sqlalchemy.create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": 10, "application_name": "mlflow"}
    )
    try:
        with engine.connect() as connection:
            found = [*schema(connection, probe), *(limits(connection) if probe else [])]
    except sqlalchemy.exc.DBAPIError as error:
        words = said(error)
        found = [f"{words}; {advice(words)}"]
    return [f"{where}: {each}" for each in found]


def schema(connection, probe: bool) -> list[str]:
    scalar = lambda query: connection.execute(sqlalchemy.text(query)).scalar()  # noqa: E731
    if (encoding := scalar("SHOW server_encoding")) != "UTF8":
        return [f"found the encoding {encoding}, expected UTF8; make the database anew with it"]
    if scalar("SELECT to_regclass('alembic_version')") is None:
        if probe and os.environ.get("HOMELAB_DATA_EXPECTED"):
            return [
                f"found no runs, while the job has its runs in another database; correct {PLACE}, or"
                " destroy the job first to begin anew"
            ]
        if not scalar("SELECT has_schema_privilege(current_schema(), 'CREATE')"):
            user = scalar("SELECT current_user")
            return [f'{user} may not make tables; make it the owner: ALTER DATABASE "{scalar("SELECT current_database()")}" OWNER TO "{user}"']
        return []
    return revision_problems(scalar("SELECT version_num FROM alembic_version"))


def limits(connection) -> list[str]:
    # -1 of a user or a database is no limit.
    allowed = connection.execute(
        sqlalchemy.text(
            """
            SELECT least(
              current_setting('max_connections')::int
                - current_setting('superuser_reserved_connections')::int,
              (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
              (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
            )
            """
        )
    ).scalar()
    wanted = int(os.environ.get("HOMELAB_CONNECTIONS", "0"))
    if wanted <= allowed:
        return []
    return [
        f"it lets {allowed} connections in, and storage.backendStore.connections is {wanted}; lower"
        " that, or raise its limit (max_connections, or that of the user or the database)"
    ]
