"""Names on the volume, and what is refused."""

import stat

PIECE = 1 << 20
TEMPORARY = ".uploading-"


class Refused(Exception):
    """What is answered in place of what was asked for."""

    def __init__(self, status: int, *problems: str) -> None:
        super().__init__(*problems)
        self.status = status
        self.problems = problems


def parts_of(path: str) -> list[str]:
    """The names of a path. None leads up, or to where another upload writes."""
    if path == "":
        return []
    parts = path.split("/")
    for part in parts:
        if part in ("", ".", "..") or part.startswith(TEMPORARY) or "\0" in part:
            raise Refused(400, f"{path!r}: expected a path without . and .., below a store")
    return parts


def type_of(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "other"


def is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def leads_out(name: str, link: str) -> bool:
    """Whether a link may lead out of the tree. It may go up only at its start: what comes later may be links."""
    ways = link.split("/")
    up = 0
    while up < len(ways) and ways[up] in ("..", "."):
        up += 1
    ups = ways[:up].count("..")
    return link.startswith("/") or ".." in ways[up:] or ups > name.count("/")
