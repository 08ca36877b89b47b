"""Log metrics from several clients at once and print one JSON line with what was acknowledged.

    python3 log_metric.py --url http://127.0.0.1:5000 --clients 8 --seconds 10 [--batch 1000]

Each client is a thread with a connection and a run of its own, and has one request in flight, of one
metric or, with --batch, of so many. Standard library only, so that the clients take as little as
possible of a machine they share with the server.
"""

import argparse
import time

from client import Client, repeat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--batch", type=int, help="metrics in a request, by log-batch")
    args = parser.parse_args()

    clients = [Client(args.url) for _ in range(args.clients)]
    run_ids = [client.create_run() for client in clients]

    def metric(step: int) -> dict:
        now = time.time_ns() // 1_000_000
        return {"key": "loss", "value": 1 / (step + 1), "timestamp": now, "step": step}

    def one(index: int, step: int) -> None:
        body = {"run_id": run_ids[index], **metric(step)}
        clients[index].call("POST", "/runs/log-metric", body)

    def batch(index: int, step: int) -> None:
        metrics = [metric(step * args.batch + each) for each in range(args.batch)]
        body = {"run_id": run_ids[index], "metrics": metrics}
        clients[index].call("POST", "/runs/log-batch", body)

    repeat(args.clients, args.seconds, batch if args.batch else one)


if __name__ == "__main__":
    main()
