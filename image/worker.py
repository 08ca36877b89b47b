"""The gunicorn worker: uvicorn's, on the event loop and HTTP parser that took least time."""

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS = {"loop": "uvloop", "http": "httptools", "access_log": False}
