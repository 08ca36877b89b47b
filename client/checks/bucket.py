"""Send an artifact where a run's are, as MLflow's client does, take it back and away.

Prints a JSON object: empty when all went well, else the kind of what went wrong and its words.
"""

import json
import os
import sys
import tempfile

NAME = "doctor.bin"
BYTES = 1 << 20


def try_out(uri: str) -> dict[str, str]:
    try:
        import boto3  # noqa: F401
    except ModuleNotFoundError:
        return {"kind": "boto3"}
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(uri)
    sent = os.urandom(BYTES)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, NAME)
        with open(path, "wb") as file:
            file.write(sent)
        repository.log_artifact(path)
        try:
            back = repository.download_artifacts(NAME, tempfile.mkdtemp(dir=folder))
            with open(back, "rb") as file:
                same = file.read() == sent
        finally:
            repository.delete_artifacts()
    return {} if same else {"kind": "another", "said": "it came back other than it was sent"}


def cause(error: BaseException) -> dict[str, str]:
    """The first of what led to it, which boto3 and MLflow wrap."""
    while inner := error.__cause__ or error.__context__:
        if getattr(error, "response", None):
            break
        if type(error).__module__.startswith("botocore"):
            break
        error = inner
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    said = str(error).strip().splitlines() or [""]
    return {"kind": code or type(error).__name__, "said": said[0]}


try:
    found = try_out(sys.argv[1])
except Exception as error:
    found = cause(error)
print(json.dumps(found))
