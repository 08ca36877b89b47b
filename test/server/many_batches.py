"""Log batches from many clients at once to a server with a small pool; print how they were answered.

Runs in a container of the image without a network, as root, with this directory mounted.
"""

import collections
import http.client
import json
import threading

import serving

# What storage.backendStore.connections comes to by default.
POOL = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "4", "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "1"}
CLIENTS = 30
BATCHES = 5


def call(connection: http.client.HTTPConnection, path: str, body: dict) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, response.read()


def client(statuses: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", 5000)
    status, text = call(connection, "runs/create", {"experiment_id": "0"})
    statuses.append(status)
    run_id = json.loads(text)["run"]["info"]["run_id"]
    for step in range(BATCHES):
        metrics = [{"key": "m", "value": step, "timestamp": 0, "step": step}]
        # A changed name is where MLflow's sessions are nested deepest.
        tags = [{"key": "mlflow.runName", "value": f"step {step}"}]
        body = {"run_id": run_id, "metrics": metrics, "tags": tags}
        statuses.append(call(connection, "runs/log-batch", body)[0])


def main() -> None:
    serving.make_volumes()
    server = serving.start(POOL)
    statuses: list[int] = []
    threads = [threading.Thread(target=client, args=(statuses,)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    serving.stop(server)
    print(json.dumps(collections.Counter(statuses)))


main()
