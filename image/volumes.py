"""End the server when a volume it runs on is gone from under it.

An export that was made anew, or a volume that was unmounted, leaves the server with files that are
nowhere: it would answer, and lose what it is given. A NAS that does not answer is another matter:
requests wait, and go on when it is back.
"""

import errno
import os
import signal
import sys
import threading
import time
from pathlib import Path

SECONDS = 10
GONE = (errno.ESTALE, errno.ENOENT, errno.ENOTDIR)


def sentinels() -> list[Path]:
    pairs = os.environ.get("HOMELAB_VOLUMES", "").split()
    return [Path(pair.partition("=")[0]) / ".homelab-volume" for pair in pairs]


def watch(server: int) -> None:
    """Send SIGTERM to the server's process once a sentinel can't be found any more."""
    if not sentinels():
        return

    def look() -> None:
        while True:
            time.sleep(SECONDS)
            for sentinel in sentinels():
                try:
                    sentinel.stat()
                except OSError as error:
                    if error.errno in GONE:
                        reason = f"{sentinel}: {error.strerror}: the volume is gone; the server ends"
                        print(reason, file=sys.stderr, flush=True)
                        os.kill(server, signal.SIGTERM)
                        return

    # A thread of its own, and a daemon: on a NAS that hangs it hangs as well, and nobody waits for it.
    threading.Thread(target=look, name="volumes", daemon=True).start()
