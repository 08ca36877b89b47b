"""Stream artifacts below a static prefix too.

MLflow streams uploads and downloads at the bare paths alone, with a prefix or without. Below the prefix,
where its clients ask, they reach Flask, which holds a whole artifact in memory. Here they go to the bare
paths, past all that guards these.
"""

import os

from mlflow.server.handlers import STATIC_PREFIX_ENV_VAR

STREAMED = ("/api/2.0/mlflow-artifacts/artifacts/", "/ajax-api/2.0/mlflow-artifacts/artifacts/")


def stream_artifacts(app):
    """`app` with the requests for artifacts at the paths where they are streamed."""
    prefix = os.environ.get(STATIC_PREFIX_ENV_VAR, "")
    if not prefix:
        return app
    prefixed = tuple(prefix + path for path in STREAMED)

    async def without_prefix(scope, receive, send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] in ("GET", "PUT")
            and scope["path"].startswith(prefixed)
        ):
            bare = {key: scope[key][len(prefix) :] for key in ("path", "raw_path")}
            scope = {**scope, **bare}
        await app(scope, receive, send)

    return without_prefix
