"""A user's training script: logs a run with the real MLflow client, or reads one back."""

import hashlib
import json
import os
import sys
import tempfile

import mlflow

MIB = 1024 * 1024


def log():
    mlflow.set_experiment("e2e")
    data = os.urandom(5 * MIB)
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_param("rate", 0.1)
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        path = os.path.join(folder, "weights.bin")
        with open(path, "wb") as file:
            file.write(data)
        mlflow.log_artifact(path)
    return {"run": run.info.run_id, "sha256": hashlib.sha256(data).hexdigest()}


def read(run_id):
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run_id, "weights.bin", folder)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
    history = [metric.value for metric in client.get_metric_history(run_id, "loss")]
    return {"rate": run.data.params["rate"], "history": history, "sha256": digest}


print(json.dumps(log() if sys.argv[1] == "log" else read(sys.argv[2])))
