"""The end of a server: nobody asks it any more, as whoever started it was killed, or it is to end."""

import os
import threading
import time


class Busy:
    """Whether something is done, and since when nothing is."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.last = time.monotonic()

    def __enter__(self) -> None:
        with self.lock:
            self.count += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.count -= 1
            self.last = time.monotonic()

    def idle(self) -> float:
        with self.lock:
            return 0 if self.count else time.monotonic() - self.last


busy = Busy()


def end_when_idle(seconds: float) -> None:
    while busy.idle() < seconds:
        time.sleep(min(1, seconds))
    os._exit(0)


def end_when_done(seconds: float) -> None:
    """Lets what was cut off be removed, which a disk that is at work takes its time for."""
    end = time.monotonic() + seconds
    while busy.idle() == 0 and time.monotonic() < end:
        time.sleep(0.02)
    os._exit(0)
