"""Look at a MySQL database: what will not do, a line each.

What the driver says of a failed connection names host and user, never the password.
"""

import sqlalchemy
from sqlalchemy.pool import NullPool

from remote_databases import Database, empty, see_job, too_few
from revision import revision_problems

# What may pass by itself.
PASSING = ("Connection refused", "timed out", "Lost connection", "shutdown in progress")
# https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
ADVICE = {
    1040: "raise max_connections there, or end some of its clients",
    1044: "let the user in {key}.uri use it: GRANT ALL ON that database",
    1045: "correct user and password in {key}.uri",
    1049: "make the database, or correct {key}.uri",
    1130: "let this Nomad client in, by the host in the user's name",
    1203: "raise max_user_connections there, or end some of its clients",
    2026: "turn TLS on there (ssl_cert, ssl_key), or leave out {key}.caBundle",
    2003: "start it, or correct {key}.uri",
}
CERTIFICATE = {
    "certificate is not valid for": "write the certificate's name into {key}.uri, or give the server one"
    " for this name",
    "certificate verify failed": "correct {key}.caBundle, or renew the certificate",
}


def advice(code: int, words: str, database: Database) -> str:
    if database.managed:
        return see_job(database)
    of_certificate = (todo for start, todo in CERTIFICATE.items() if start in words)
    otherwise = ADVICE.get(code, "correct {key}.uri, or the server")
    return next(of_certificate, otherwise).format(key=database.key)


def problems(database: Database, probe: bool) -> list[str]:
    url = sqlalchemy.make_url(database.uri)
    where = f"MySQL at {url.host}:{url.port or 3306}, database {url.database}"
    if database.managed:
        where = f"the deploy's {where}"
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
    try:
        with engine.connect() as connection:
            found = schema(connection, database, probe)
            if probe:
                found += limits(connection, database)
    except sqlalchemy.exc.DBAPIError as error:
        code, words = (*error.orig.args, "", "")[:2]
        said = " ".join(str(words).split())
        found = [f"{said}; {advice(code, said, database)}"]
    return [f"{where}: {each}" for each in found]


def schema(connection, database: Database, probe: bool) -> list[str]:
    scalar = lambda query: connection.execute(sqlalchemy.text(query)).scalar()  # noqa: E731
    if (charset := scalar("SELECT @@character_set_database")) != "utf8mb4":
        return [
            f"found the character set {charset}, expected utf8mb4; make the database anew:"
            " CREATE DATABASE ... CHARACTER SET utf8mb4"
        ]
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"
    if scalar(f"{tables} AND table_name = 'alembic_version'"):
        return revision_problems(scalar("SELECT version_num FROM alembic_version"))
    return [empty(database)] if probe and database.expected else []


def limits(connection, database: Database) -> list[str]:
    # 0 of a user is no limit.
    query = "SELECT least(@@max_connections, ifnull(nullif(@@max_user_connections, 0), 100000))"
    allowed = connection.execute(sqlalchemy.text(query)).scalar()
    return too_few(database, allowed, "max_connections, or max_user_connections")
