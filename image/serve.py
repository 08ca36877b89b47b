"""Run `mlflow server`, but let gunicorn serve in place of uvicorn.

MLflow's own command reads the arguments, initialises the stores and makes the environment of the
server process. Only its last step, starting that process, is replaced: gunicorn imports the same
application once, before it forks, so that the workers share the memory of the import.
"""

import gc
import os
import sys
from pathlib import Path

# This process only lives until it has started the server: what it imports needs no collector.
gc.disable()

import click
import mlflow.server
import uvicorn
from mlflow.cli import cli
from mlflow.server.constants import HUEY_STORAGE_PATH_ENV_VAR

import basic_auth
import secret_env
import server_tls

CONFIG = Path(__file__).with_name("gunicorn.conf.py")
TRANSLATED = {"app", "factory", "host", "log_config", "port", "workers"}

start_process = mlflow.server._exec_cmd


def gunicorn_command(command: list[str]) -> list[str]:
    """Translate MLflow's uvicorn command; an option with no counterpart here is an error."""
    if command[1:3] != ["-m", "uvicorn"]:
        sys.exit(f"serve.py: MLflow starts {command[:3]}, not uvicorn: leave out --gunicorn-opts")
    context = uvicorn.main.make_context("uvicorn", command[3:])
    options = context.params
    given = {
        name
        for name in options
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if unknown := sorted(given - TRANSLATED):
        sys.exit(f"serve.py: options of uvicorn not known here: {', '.join(unknown)}")
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        str(CONFIG),
        "--bind",
        f"{options['host']}:{options['port']}",
        "--workers",
        str(options["workers"]),
        *server_tls.arguments(),
        options["app"] + ("()" if options["factory"] else ""),
    ]


def serve(command: list[str], *, extra_env: dict[str, str], **how):
    """Stand in for MLflow's `_exec_cmd`, which starts the server process."""
    command = gunicorn_command(command)
    if basic_auth.is_on():
        basic_auth.keep_admin()
    if HUEY_STORAGE_PATH_ENV_VAR in extra_env:
        # Job execution is on: MLflow's process stays, it runs the jobs beside the server.
        gc.enable()
        return start_process(command, extra_env=extra_env, **how)
    os.execve(command[0], command, {**os.environ, **extra_env})


if __name__ == "__main__":
    secret_env.load()
    if basic_auth.is_on():
        basic_auth.write_config()
        if problems := basic_auth.problems():
            sys.exit(f"entrypoint: {problems[0]}")
        basic_auth.tell_foreign_keys_apart()
    mlflow.server._exec_cmd = serve
    cli(["server", *sys.argv[1:]])
