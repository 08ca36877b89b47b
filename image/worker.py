"""The gunicorn worker: uvicorn's, on the event loop and HTTP parser that took least time."""

import os

from uvicorn_worker import UvicornWorker

import volumes


class Worker(UvicornWorker):
    CONFIG_KWARGS = {"loop": "uvloop", "http": "httptools", "access_log": False}

    def run(self) -> None:
        volumes.watch(os.getppid())
        super().run()
