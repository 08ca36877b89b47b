"""MLflow's routes, by the server of a tandem that answers them: what their handlers are wrapped in."""

import json

from fastapi.routing import APIRoute
from mlflow.server import app, handlers
from mlflow.server.artifact_router import artifact_router

WRAPPERS = {
    "_disable_unless_serve_artifacts": "artifacts",
    "_disable_if_artifacts_only": "runs",
}


def served_by(handler) -> str | None:
    while handler:
        outer = handler.__code__.co_qualname.partition(".")[0]
        if outer in WRAPPERS:
            return WRAPPERS[outer]
        handler = getattr(handler, "__wrapped__", None)
    return None


assert all(hasattr(handlers, name) for name in WRAPPERS)
found = {"artifacts": [], "runs": []}
for rule in app.url_map.iter_rules():
    if server := served_by(app.view_functions[rule.endpoint]):
        found[server].append(rule.rule)
found["artifacts"] += [each.path for each in artifact_router.routes if isinstance(each, APIRoute)]
print(json.dumps(found))
