"""Answer with JSON that is not indented: half the bytes, and a tenth of the time to write them.

Python's json module indents by code of its own language, and writes what is not indented by C's.
"""

from functools import partial


def install() -> None:
    from mlflow.server import handlers

    handlers.message_to_json = partial(handlers.message_to_json, pretty=False)
