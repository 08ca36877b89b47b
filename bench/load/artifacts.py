"""Upload artifacts from several clients at once, download them, and print one JSON line.

    python3 artifacts.py --url http://127.0.0.1:5000 --clients 2 --megabytes 100

A megabyte is 1,000,000 bytes. What comes back is compared with what was sent.
"""

import argparse
import hashlib
import http.client
import os
import urllib.parse
import uuid

from client import CHUNK, there_and_back

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


def connect(url: str) -> http.client.HTTPConnection:
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, timeout=600)


def upload(url: str, path: str, block: bytes, megabytes: int) -> None:
    connection = connect(url)
    headers = {"Content-Length": str(megabytes * CHUNK)}
    connection.request("PUT", path, (block for _ in range(megabytes)), headers)
    response = connection.getresponse()
    text = response.read()
    if response.status != 200:
        raise RuntimeError(f"PUT {path}: {response.status} {text[:200]!r}")


def download(url: str, path: str, expected: str) -> None:
    connection = connect(url)
    connection.request("GET", path)
    response = connection.getresponse()
    digest = hashlib.sha256()
    while block := response.read(CHUNK):
        digest.update(block)
    if response.status != 200 or digest.hexdigest() != expected:
        raise RuntimeError(f"GET {path}: {response.status}, or not what was sent")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--megabytes", type=int, default=100)
    args = parser.parse_args()

    block = os.urandom(CHUNK)
    digest = hashlib.sha256()
    for _ in range(args.megabytes):
        digest.update(block)
    folder = f"{ARTIFACTS}/bench-{uuid.uuid4().hex}"
    paths = [f"{folder}/{index}.bin" for index in range(args.clients)]

    there_and_back(
        args.clients,
        args.megabytes,
        lambda index: upload(args.url, paths[index], block, args.megabytes),
        lambda index: download(args.url, paths[index], digest.hexdigest()),
    )


if __name__ == "__main__":
    main()
