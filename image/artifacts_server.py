"""Let the server for runs find the server for artifacts, which its UI shows the artifacts of.

MLflow's client resolves mlflow-artifacts: by its tracking URI. In a server that is the database's, as
MLflow sets it so, and each page with artifacts would be an error.
"""

import os

# URL of the server for artifacts; not set where there is none.
VARIABLE = "HOMELAB_ARTIFACTS_SERVER"


def install() -> None:
    if VARIABLE not in os.environ:
        return
    from mlflow.store.artifact import mlflow_artifacts_repo

    # A name that MLflow no longer uses would be set in vain.
    assert callable(mlflow_artifacts_repo.get_tracking_uri)
    mlflow_artifacts_repo.get_tracking_uri = lambda: os.environ[VARIABLE]
