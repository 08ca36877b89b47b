"""Logs a metric every 100 ms until it is told to end, and prints each step that was acknowledged."""

import signal
import sys
import time

import mlflow
from mlflow.entities import Metric

ended = False


def end(*_):
    global ended
    ended = True


signal.signal(signal.SIGTERM, end)
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("stream").experiment_id
run = client.create_run(experiment).info.run_id
print(run, flush=True)
step = 0
while not ended:
    try:
        client.log_batch(run, [Metric("m", float(step), int(time.time() * 1000), step)])
        print(step, flush=True)
    except Exception as error:
        print(f"step {step}: {type(error).__name__}", file=sys.stderr, flush=True)
    step += 1
    time.sleep(0.1)
