"""A user's training script: logs a run whose metrics make a chart, and an image beside them."""

import math
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import mlflow

SIDE = 240
STEPS = 60


def png(path):
    """A picture without a library for pictures: rings in a square."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)  # the row's filter: none
        for x in range(SIDE):
            ring = math.sin(math.hypot(x - SIDE / 2, y - SIDE / 2) / 6)
            rows += bytes((int(127 + 127 * ring), 255 * x // SIDE, 255 * y // SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)  # 8 bits each of red, green, blue
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


mlflow.set_experiment(sys.argv[1])
with mlflow.start_run(run_name=sys.argv[2]), tempfile.TemporaryDirectory() as folder:
    mlflow.log_params({"rate": 0.1, "layers": 3})
    for step in range(STEPS):
        wave = math.sin(step / 3) / (step + 4)
        loss = math.exp(-step / 15) + wave / 2
        metrics = {
            "accuracy": 1 - 0.9 * math.exp(-step / 12) - wave / 4,
            "loss": loss,
            "validation_loss": loss + 0.1 + step / 600 + wave / 3,
        }
        mlflow.log_metrics(metrics, step=step)
    image = Path(folder) / "rings.png"
    png(image)
    mlflow.log_artifact(image)
