"""Send artifacts from a volume in larger pieces.

Starlette has each piece of a file read in another thread, and changing threads takes longer than
reading 64 KiB does.
"""

from starlette.responses import FileResponse

# Bytes, of which a download has one in memory.
PIECE = 1024 * 1024


def install() -> None:
    # A name that Starlette no longer uses would be set in vain.
    assert isinstance(FileResponse.chunk_size, int)
    FileResponse.chunk_size = PIECE
