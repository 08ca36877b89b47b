"""Look at a PostgreSQL database: what will not do, a line each.

What the driver says of a failed connection names host and user, never the password.
"""

import sqlalchemy
from sqlalchemy.pool import NullPool

from remote_databases import Database, empty, see_job, too_few
from revision import revision_problems

# What may pass by itself.
PASSING = ("Connection refused", "starting up", "shutting down", "in recovery", "timeout expired")
ADVICE = {
    "does not match host name": "write the certificate's name into {key}.uri, or give the server one for"
    " this name",
    "certificate verify failed": "correct {key}.caBundle, or renew the certificate",
    "server does not support SSL": "turn TLS on there (ssl = on), or leave out {key}.caBundle",
    "password authentication failed": "correct user and password in {key}.uri",
    "no password supplied": "put the password into {key}.uri",
    "role": "make the user, or correct {key}.uri",
    "database": "make the database, or correct {key}.uri",
    "no pg_hba.conf entry": "let this Nomad client in, in the server's pg_hba.conf",
    "Connection refused": "start it, or correct {key}.uri",
    "could not translate host name": "correct the host in {key}.uri",
    "too many clients": "raise max_connections there, or end some of its clients",
    "remaining connection slots": "raise max_connections there, or end some of its clients",
}


def said(error: sqlalchemy.exc.DBAPIError) -> str:
    """The driver's own words, without where it was: that is told already."""
    line = str(error.orig).strip().splitlines()[0]
    return line.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()


def advice(words: str, database: Database) -> str:
    if database.managed:
        return see_job(database)
    known = (todo for start, todo in ADVICE.items() if start in words)
    return next(known, "correct {key}.uri, or the server").format(key=database.key)


def problems(database: Database, probe: bool) -> list[str]:
    url = sqlalchemy.make_url(database.uri)
    where = f"PostgreSQL at {url.host}:{url.port or 5432}, database {url.database}"
    if database.managed:
        where = f"the deploy's {where}"
    engine = sqlalchemy.create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": 10, "application_name": "mlflow"}
    )
    try:
        with engine.connect() as connection:
            found = schema(connection, database, probe)
            if probe:
                found += limits(connection, database)
    except sqlalchemy.exc.DBAPIError as error:
        words = said(error)
        found = [f"{words}; {advice(words, database)}"]
    return [f"{where}: {each}" for each in found]


def schema(connection, database: Database, probe: bool) -> list[str]:
    scalar = lambda query: connection.execute(sqlalchemy.text(query)).scalar()  # noqa: E731
    if (encoding := scalar("SHOW server_encoding")) != "UTF8":
        return [f"found the encoding {encoding}, expected UTF8; make the database anew with it"]
    if scalar("SELECT to_regclass('alembic_version')") is None:
        if probe and database.expected:
            return [empty(database)]
        if not scalar("SELECT has_schema_privilege(current_schema(), 'CREATE')"):
            user = scalar("SELECT current_user")
            return [f'{user} may not make tables; make it the owner: ALTER DATABASE "{scalar("SELECT current_database()")}" OWNER TO "{user}"']
        return []
    return revision_problems(scalar("SELECT version_num FROM alembic_version"))


def limits(connection, database: Database) -> list[str]:
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
    return too_few(database, allowed, "max_connections, or that of the user or the database")
