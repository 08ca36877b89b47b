"""A shorter way to MLflow's Flask routes.

MLflow mounts its Flask application under a FastAPI one. A request for a Flask route thus passes
middlewares that do nothing for it (they concern FastAPI's own routes), a search through those
routes, and a bridge that changes threads several times. Here such a request keeps the middlewares
that guard it, MLflow's own and in the same order, and changes threads once.

Only fixed paths below /api/ that no FastAPI route can match go this way. All else, and everything
when MLflow's application is not built as expected (another version, an authenticating app,
workspaces), is served by MLflow's application as it is.
"""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.server import app as flask_app
from mlflow.server import fastapi_app
from mlflow.server.fastapi_security import init_fastapi_security
from mlflow.server.handlers import _add_static_prefix
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.wsgi import build_environ
from starlette.routing import Match, Mount

# As many as the bridge in MLflow's application has (anyio's default).
THREADS = 40

# Middlewares that do nothing for a Flask route: the first acts on /gateway/ alone, the second on
# workspaces, for which Flask has a hook of its own.
SKIPPED = ["gateway_timing_middleware", "workspace_context_middleware"]


def guards() -> list:
    """MLflow's security middlewares, from the outermost."""
    bare = FastAPI()
    init_fastapi_security(bare)
    return bare.user_middleware


def as_expected(app) -> bool:
    """Whether `app` is MLflow's own, with the middlewares known here and no others."""
    if app is not fastapi_app.app or MLFLOW_ENABLE_WORKSPACES.get():
        return False
    outer, inner = app.user_middleware[: len(SKIPPED)], app.user_middleware[len(SKIPPED) :]
    return (
        all(middleware.cls is BaseHTTPMiddleware for middleware in outer)
        and [middleware.kwargs["dispatch"].__name__ for middleware in outer] == SKIPPED
        and [(m.cls, m.args, m.kwargs) for m in inner]
        == [(m.cls, m.args, m.kwargs) for m in guards()]
        and getattr(app, "max_body_size", None) is None
        and isinstance(app.router.routes[-1], Mount)
        and getattr(app.router.routes[-1].app, "app", None) is flask_app
    )


def flask_paths(app) -> frozenset[str]:
    """Fixed paths of the API that reach Flask whatever the method."""
    rules = [r for r in flask_app.url_map.iter_rules() if not r.arguments]
    methods = {method for rule in rules for method in rule.methods}
    methods |= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

    def is_native(path: str, method: str) -> bool:
        scope = {"type": "http", "path": path, "root_path": "", "method": method, "headers": []}
        return any(route.matches(scope)[0] == Match.FULL for route in app.router.routes[:-1])

    return frozenset(
        rule.rule
        for rule in rules
        if rule.rule.startswith(_add_static_prefix("/api/"))
        and not any(is_native(rule.rule, method) for method in methods)
    )


class Bridge:
    """Run the Flask application in a thread and send its whole response at once."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="flask")

    @staticmethod
    def run(environ: dict) -> tuple[int, list, bytes]:
        response: list = []

        def start_response(status, headers, _exc_info=None):
            response[:] = (
                int(status[:3]),
                [
                    (name.lower().encode("latin-1"), value.encode("latin-1"))
                    for name, value in headers
                ],
            )

        chunks = flask_app(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            if close := getattr(chunks, "close", None):
                close()
        return *response, body

    async def __call__(self, scope, receive, send) -> None:
        chunks = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                break
        environ = build_environ(scope, b"".join(chunks))
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        status, headers, body = await loop.run_in_executor(
            self.threads, context.run, self.run, environ
        )
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def shorten(app, log):
    """`app` with the shorter way where it applies."""
    if not as_expected(app):
        log.info("All requests take MLflow's own way: its application is not as expected")
        return app
    paths = flask_paths(app)
    log.info("%d paths of the API take the shorter way to Flask", len(paths))
    short = Bridge()
    for middleware in reversed(guards()):
        short = middleware.cls(short, *middleware.args, **middleware.kwargs)

    async def choose(scope, receive, send) -> None:
        way = short if scope["type"] == "http" and scope["path"] in paths else app
        await way(scope, receive, send)

    return choose
