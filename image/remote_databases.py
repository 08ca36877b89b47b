"""Look at the databases before the server opens them: that of the runs, and that of the models where it is
another one."""

import importlib
import os
import time
from dataclasses import dataclass, field

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Database:
    # In the config, such as storage.backendStore.
    key: str
    # postgresql or mysql: the module that looks at it.
    kind: str
    uri: str = field(repr=False)
    # What people call what is in it.
    holds: str
    # That the config wants.
    connections: int
    # The job has its data in such a database: an empty one is another one.
    expected: bool
    # Run by the deploy: it has no URI in the config, and may be on its way, after a boot or a kill.
    managed: bool = False

    @property
    def place(self) -> str:
        """Where the config says which database it is."""
        return "volumes.backendStore" if self.managed else f"{self.key}.uri"


def databases() -> list[Database]:
    found = []
    for store, key, holds in (
        ("BACKEND_STORE", "storage.backendStore", "runs"),
        ("REGISTRY_STORE", "storage.registryStore", "models"),
    ):
        kind = os.environ.get(f"HOMELAB_{store}")
        if kind in ("postgresql", "mysql"):
            found.append(
                Database(
                    key=key,
                    kind=kind,
                    uri=os.environ[f"MLFLOW_{store}_URI"],
                    holds=holds,
                    connections=int(os.environ.get(f"HOMELAB_{store}_CONNECTIONS", "0")),
                    expected=bool(os.environ.get(f"HOMELAB_{store}_EXPECTED")),
                    managed=store == "BACKEND_STORE" and bool(os.environ.get("HOMELAB_DATABASE")),
                )
            )
    return found


def problems(probe: bool) -> list[str]:
    """What stands in the way of serving from them.

    With `probe` also what is no reason to end a server that was fine: too few connections for all
    workers, and a database that is empty though the job has its data in one.
    """
    return [problem for each in databases() for problem in patiently(each, probe)]


def patiently(database: Database, probe: bool) -> list[str]:
    module = importlib.import_module(database.kind)
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = module.problems(database, probe)
        passing = any(words in each for each in found for words in module.PASSING)
        if not database.managed or not passing or time.monotonic() > end:
            return found
        time.sleep(2)


def see_job(database: Database) -> str:
    """What to do about one that the deploy runs."""
    return (
        f"see the log of its Nomad job, whose name is the server's and -{database.kind}, and deploy"
        " again"
    )


def empty(database: Database) -> str:
    return (
        f"found no {database.holds}, while the job has its {database.holds} in another database; correct"
        f" {database.place}, or destroy the job first to begin anew"
    )


def too_few(database: Database, allowed: int, where: str) -> list[str]:
    """A server that lets fewer connections in than the config wants."""
    if database.connections <= allowed:
        return []
    return [
        f"it lets {allowed} connections in, and {database.key}.connections is {database.connections};"
        f" lower that, or raise its limit ({where})"
    ]
