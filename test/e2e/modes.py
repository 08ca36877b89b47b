"""What a user's scripts ask of a server: a run, a large artifact and a model version, and all of it back."""

import hashlib
import json
import os
import sys
import tempfile

import mlflow

MIB = 1024 * 1024


def log(name):
    mlflow.set_experiment(name)
    data = os.urandom(50 * MIB)
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({"rate": 0.1, "text": "é 漢"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        path = os.path.join(folder, "weights.bin")
        with open(path, "wb") as file:
            file.write(data)
        mlflow.log_artifact(path, "model")
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    source = f"{run.info.artifact_uri}/model"
    version = client.create_model_version(name, source, run_id=run.info.run_id)
    return {
        "run": run.info.run_id,
        "model": name,
        "version": version.version,
        "artifacts": run.info.artifact_uri,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def read(run_id, model, version):
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run_id, "model/weights.bin", folder)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
    history = [metric.value for metric in client.get_metric_history(run_id, "loss")]
    found = client.get_model_version(model, version)
    return {"params": run.data.params, "history": history, "run": found.run_id, "sha256": digest}


print(json.dumps(log(sys.argv[2]) if sys.argv[1] == "log" else read(*sys.argv[2:])))
