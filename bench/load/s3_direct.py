"""Upload objects to a bucket from several clients at once, download them, and print one JSON line.

    python3 s3_direct.py --url http://127.0.0.1:7070 --bucket bench --clients 1 --megabytes 1000

By boto3's upload_file and download_file, as MLflow's own client does. Credentials from the environment.
"""

import argparse
import hashlib
import os
import tempfile
import uuid
from pathlib import Path

import boto3
from client import CHUNK, there_and_back


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--megabytes", type=int, default=100)
    args = parser.parse_args()

    folder = Path(tempfile.mkdtemp())
    block = os.urandom(CHUNK)
    digest = hashlib.sha256()
    with open(folder / "sent", "wb") as file:
        for _ in range(args.megabytes):
            file.write(block)
            digest.update(block)
    clients = [boto3.client("s3", endpoint_url=args.url) for _ in range(args.clients)]
    keys = [f"direct/{uuid.uuid4().hex}" for _ in clients]

    def upload(index: int) -> None:
        clients[index].upload_file(str(folder / "sent"), args.bucket, keys[index])

    def download(index: int) -> None:
        path = folder / keys[index].split("/")[1]
        clients[index].download_file(args.bucket, keys[index], str(path))
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest.hexdigest():
                raise RuntimeError(f"{keys[index]}: not what was sent")

    there_and_back(args.clients, args.megabytes, upload, download)


if __name__ == "__main__":
    main()
