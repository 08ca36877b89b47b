"""Which MLflow made a database: by the revision of its schema."""

from pathlib import Path

# Of MLflow in this image, the newest first; written when the image is built.
REVISIONS = Path(__file__).with_name("revisions.txt")


def revision_problems(found: str | None) -> list[str]:
    known = REVISIONS.read_text().split()
    if found == known[0] or found is None:
        return []
    if found in known:
        return [
            f"its schema {found} is older than MLflow's {known[0]}; back it up, then run"
            " `mlflow db upgrade` of the new MLflow on it"
        ]
    return [
        f"its schema {found} is unknown to this MLflow, whose own is {known[0]}: a newer MLflow made"
        " it; go back to the image with that one, or to a backup"
    ]
