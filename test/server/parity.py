"""Start the image's server and the stock `mlflow server`, one after the other, and print as JSON how
each was started and how it answers a request to each of its routes.

Runs in a container of the image without a network, as root, with this directory mounted.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from serving import COMMAND, URL, healthy, make_volumes, stop, wait_for

# One asks the internet, the other makes data for half a minute: these are compared as routes only.
NOT_ASKED = {
    "/ajax-api/3.0/mlflow/gateway/supported-models",
    "/ajax-api/3.0/mlflow/demo/generate",
}

# Run in each server's own environment: all routes of the application it serves.
TABLE = """
import importlib, json, sys
from fastapi.routing import iter_route_contexts
module, name = sys.argv[1].split(":")
app = getattr(importlib.import_module(module), name)
from mlflow.server import app as flask_app
native = [(r.path, sorted(r.methods or [])) for r in iter_route_contexts(app.router.routes) if r.path]
flask = [(r.rule, sorted(r.methods)) for r in flask_app.url_map.iter_rules()]
print(json.dumps({"native": sorted(native), "flask": sorted(flask)}))
"""


def read(pid: int, what: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{what}").read_text().split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def process_with(argument: str):
    """The oldest process started with this argument."""

    def find():
        pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        return next((pid for pid in pids if argument in read(pid, "cmdline")), None)

    return find


def environment(pid: int) -> dict[str, str]:
    variables = dict(line.split("=", 1) for line in read(pid, "environ"))
    boot_id = variables.get("_MLFLOW_SERVER_BOOT_ID", "")
    if re.fullmatch("[0-9a-f]{32}", boot_id):
        variables["_MLFLOW_SERVER_BOOT_ID"] = "random"
    return variables


def answer(method: str, path: str) -> list:
    """Status, content type and names of the headers: bodies hold ids and times."""
    path = re.sub(r"[<{][^>}]*[>}]", "0", path)
    body = b"{}" if method in ("POST", "PUT", "PATCH", "DELETE") else None
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, body, headers, method=method)
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        response.read()
        names = sorted({name.lower() for name in response.headers})
        return [response.status, response.headers.get("Content-Type"), names]


def guarded(method: str, path: str, headers: dict[str, str]) -> list:
    request = urllib.request.Request(URL + path, None, headers, method=method)
    try:
        response = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return [
            response.status,
            sorted(
                (name.lower(), value)
                for name, value in response.headers.items()
                if name.lower().startswith(("access-control", "vary", "x-"))
            ),
        ]


def observe(pid: int, command: list[str]) -> dict:
    wait_for("answer on /health", healthy)
    env = environment(pid)
    table = json.loads(
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", TABLE, command[-1]],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()[-1]
    )
    answers = {
        f"{method} {path}": answer(method, path)
        for path, methods in table["native"] + table["flask"]
        for method in methods
        if path not in NOT_ASKED
    }
    search = "/api/2.0/mlflow/experiments/search"
    hosts = {
        f"{method} {name} {value}": guarded(method, search + "?max_results=1", {name: value})
        for method in ("GET", "POST", "OPTIONS")
        for name, value in [
            ("Host", "elsewhere.example"),
            ("Origin", "http://elsewhere.example"),
            ("Origin", "http://localhost:3000"),
        ]
    }
    return {
        "app": command[-1],
        "env": env,
        "routes": table,
        "answers": answers,
        "guards": hosts,
        "command": command,
    }


def main() -> None:
    log = tempfile.TemporaryFile()
    how = {"stdout": log, "stderr": log}

    make_volumes()
    process = subprocess.Popen(COMMAND, **how)
    serve = "/opt/server/serve.py"
    handed = wait_for("serve.py", lambda: (c := read(process.pid, "cmdline")) and serve in c and c)
    options = handed[handed.index(serve) + 1 :]
    wait_for("gunicorn", lambda: "gunicorn" in read(process.pid, "cmdline"))
    ours = observe(process.pid, read(process.pid, "cmdline"))
    stop(process)

    make_volumes()
    # Through a shell, as the entrypoint is one: it adds PWD to the environment.
    stock_command = ["sh", "-c", 'exec mlflow server "$@"', "sh", *options]
    process = subprocess.Popen(stock_command, **how)
    pid = wait_for("uvicorn", process_with("uvicorn"))
    stock = observe(pid, read(pid, "cmdline"))
    stop(process)

    log.seek(0)
    print(json.dumps({"ours": ours, "stock": stock, "log": log.read().decode()}))


main()
