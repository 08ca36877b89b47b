"""Import all that a start of the server imports, so that Python leaves its bytecode in the image."""

import importlib.util
import os
import sys
import tempfile

import mlflow.server
from mlflow.cli import cli

import serve


def done(command, *, extra_env, **_):
    serve.gunicorn_command(command)
    os.environ.update(extra_env)
    import gunicorn.app.wsgiapp
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_workspace_store
    import sqlalchemy.dialects.postgresql.psycopg2
    import sqlalchemy.dialects.sqlite
    import worker

    import artifacts_server
    import basic_auth
    import large_searches
    import larger_pieces
    import pool_turns
    import postgresql
    import proxied_artifacts
    import shorter_way
    import sqlite_statistics
    import sqlite_turns
    import static_prefix

    if importlib.util.find_spec("psycopg2"):
        import psycopg2
    if importlib.util.find_spec("pymysql"):
        import sqlalchemy.dialects.mysql.pymysql

        import mysql
        import pymysql
    if importlib.util.find_spec("boto3"):
        import boto3
        import s3
        import streamed_artifacts

        boto3.client("s3", region_name="us-east-1")

    if importlib.util.find_spec("flask_wtf"):
        import mlflow.server.auth

    sys.exit(0)


mlflow.server._exec_cmd = done
with tempfile.TemporaryDirectory() as tmp:
    cli(["server", "--backend-store-uri", f"sqlite:///{tmp}/db", "--artifacts-destination", tmp])
