"""What runs beside a sweep's sidecars, by Python's standard library alone.

`ready SECONDS NAME:PORT...` ends when Nomad and all the sidecars answer, or fails after so long.
`watch COUNT` ends when so many of the sweep's tasks have ended.
"""

import http.client
import json
import os
import signal
import socket
import sys
import time
from urllib.parse import quote, urlencode

GROUP = "sweep"
# Exit code of `watch` where tasks failed: what has failed, Nomad starts again with a retry.
KEPT = 112
# How long an answer to HTTP may take; and how long a connection is open that leads to a server: Docker
# finds out in three seconds at most that nobody listens in a container.
HTTP_S = 5
OPEN_S = 6
# An answer of Nomad's waits as long for something to change.
WAIT_S = 55


class Denied(Exception):
    """Nomad does not let the sidecars' tasks look at the sweep."""


class TaskApi(http.client.HTTPConnection):
    """Nomad's API by the socket that each task has, or else by the client's address."""

    def connect(self):
        path = os.path.join(os.environ["NOMAD_SECRETS_DIR"], "api.sock")
        if not os.path.exists(path):
            # The path of a socket has 107 characters at most, and Nomad goes on without one.
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(path)


def allocations(index):
    """The job's allocations, once they are newer than an index; and theirs."""
    query = {
        "namespace": os.environ["NOMAD_NAMESPACE"],
        "region": os.environ["NOMAD_REGION"],
        "index": index,
        "wait": f"{WAIT_S}s",
    }
    job = quote(os.environ["NOMAD_JOB_ID"], safe="")
    api = TaskApi(os.environ["SWEEP_NOMAD"], timeout=WAIT_S + 30)
    try:
        headers = {"X-Nomad-Token": os.environ["NOMAD_TOKEN"]}
        api.request("GET", f"/v1/job/{job}/allocations?{urlencode(query)}", headers=headers)
        answer = api.getresponse()
        body = answer.read()
        if answer.status in (401, 403):
            raise Denied(body.decode(errors="replace").strip())
        if answer.status != 200:
            raise ConnectionError(f"Nomad answers {answer.status}")
        return json.loads(body), int(answer.headers["X-Nomad-Index"])
    finally:
        api.close()


def is_ended(allocation):
    if allocation["ClientStatus"] == "complete":
        return True
    forced = (allocation["DesiredTransition"] or {}).get("ForceReschedule")
    waits = forced and not allocation["NextAllocation"]
    return allocation["ClientStatus"] == "failed" and not waits


def watch(count):
    index = 0
    while True:
        try:
            found, index = allocations(index)
        except (OSError, http.client.HTTPException, ValueError, Denied) as error:
            print(f"asking Nomad: {error}; asking again", file=sys.stderr, flush=True)
            index = 0
            time.sleep(5)
            continue
        own = [each for each in found if each["TaskGroup"] == GROUP]
        newest = {each["Name"]: each for each in sorted(own, key=lambda each: each["CreateIndex"])}
        if len(newest) >= count and all(map(is_ended, newest.values())):
            failed = any(each["ClientStatus"] == "failed" for each in newest.values())
            return KEPT if failed else 0
        # Of many tasks that end at a time, one look is enough.
        time.sleep(1)


def speaks(address, sent, patience):
    """Whether a server says something; TimeoutError where it is silent for so many seconds."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=2) as connection:
        connection.sendall(sent)
        connection.settimeout(patience)
        # Docker takes connections before the container does, and then closes them.
        return connection.recv(1) != b""


def answers(address):
    try:
        if speaks(address, b"GET / HTTP/1.0\r\n\r\n", HTTP_S):
            return True
    except OSError:
        pass
    try:
        return speaks(address, b"", OPEN_S)
    except TimeoutError:
        # A server of another protocol, which waits to be spoken to.
        return True
    except OSError:
        return False


def ready(seconds, sidecars):
    end = time.monotonic() + seconds
    while True:
        try:
            allocations(0)
            break
        except Denied as error:
            return (
                f"Nomad does not let the tracker look at the sweep ({error}): it needs read-job, "
                "see docs/sweeps.md"
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() > end:
                return f"Nomad did not answer within {seconds} s: {error}"
            time.sleep(1)
    for sidecar in sidecars:
        name, port = sidecar.split(":")
        address = os.environ[f"NOMAD_HOST_ADDR_port_{port}"]
        while not answers(address):
            if time.monotonic() > end:
                return f"{name}: port {port} did not answer within {seconds} s"
            time.sleep(0.5)
        print(f"{name}: port {port} answers at {address}", flush=True)
    return 0


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    part, amount, *others = sys.argv[1:]
    sys.exit(watch(int(amount)) if part == "watch" else ready(int(amount), others))
