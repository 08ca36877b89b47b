"""Print the revisions of MLflow's database schema that this MLflow knows, the newest first."""

from alembic.script import ScriptDirectory
from mlflow.store.db.utils import _get_alembic_config

for revision in ScriptDirectory.from_config(_get_alembic_config("")).walk_revisions():
    print(revision.revision)
