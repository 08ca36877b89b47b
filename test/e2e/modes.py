"""What a user's scripts ask of a server: a run, a large artifact and a model version, and all of it back."""

import hashlib
import json
import os
import sys
import tempfile
import time

import mlflow

MIB = 1024 * 1024


def log(name):
    mlflow.set_experiment(name)
    data = os.urandom(int(os.environ.get("ARTIFACT_MIB", "50")) * MIB)
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({"rate": 0.1, "text": "é 漢"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        path = os.path.join(folder, "weights.bin")
        with open(path, "wb") as file:
            file.write(data)
        began = time.monotonic()
        mlflow.log_artifact(path, "model")
        seconds = time.monotonic() - began
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
        "seconds": seconds,
    }


def read(run_id, model, version):
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        path = client.download_artifacts(run_id, "model/weights.bin", folder)
        seconds = time.monotonic() - began
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
    history = [metric.value for metric in client.get_metric_history(run_id, "loss")]
    found = client.get_model_version(model, version)
    return {
        "params": run.data.params,
        "history": history,
        "run": found.run_id,
        "sha256": digest,
        "seconds": seconds,
    }


def search(run_id, model):
    client = mlflow.MlflowClient()
    experiment = client.get_experiment(client.get_run(run_id).info.experiment_id)
    wanted = "metrics.loss < 0.3 and params.rate = '0.1'"
    runs = client.search_runs([experiment.experiment_id], wanted)
    versions = client.search_model_versions(f"name = '{model}'")
    return {
        "runs": [run.info.run_id for run in runs],
        "versions": [version.version for version in versions],
        "experiment": experiment.lifecycle_stage,
    }


def delete(run_id):
    client = mlflow.MlflowClient()
    client.delete_run(run_id)
    client.delete_experiment(client.get_run(run_id).info.experiment_id)


def restore(run_id):
    client = mlflow.MlflowClient()
    client.restore_experiment(client.get_run(run_id).info.experiment_id)
    if client.get_run(run_id).info.lifecycle_stage == "deleted":
        client.restore_run(run_id)


def go_on(run_id, seconds):
    """Log for a while, a metric every 50 ms."""
    client = mlflow.MlflowClient()
    end = time.monotonic() + float(seconds)
    step = 0
    while time.monotonic() < end:
        client.log_metric(run_id, "steps", step, step=step)
        step += 1
        time.sleep(0.05)
    return {"logged": step, "kept": len(client.get_metric_history(run_id, "steps"))}


COMMANDS = {"go-on": go_on, "log": log, "read": read, "search": search, "delete": delete, "restore": restore}
print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
