"""Keep MLflow's requests from waiting for each other's database connections.

Some of MLflow's requests open a session while they hold another one: log_batch does, which
mlflow.log_metrics and log_params send. When a worker's whole pool is held by such requests, each waits
for a second connection that none gives back, until SQLAlchemy gives up after 30 s and all of them
fail, with status 400. It takes as many of them at a time as the pool has connections.

So a session waits here before it takes a connection, unless what is left is enough for at least one of
the others to end, and then for the next one: the banker's algorithm, with the same claim for all.
"""

import contextlib
import threading
import weakref

import sqlalchemy

# As deep as MLflow's sessions are nested: log_batch, _set_tags, set_tag, update_run_info.
DEPTH = 4
# As long as SQLAlchemy waits for a connection; then the pool itself is asked.
SECONDS = 30


class Connections:
    """Of one pool in one worker."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.held: dict[int, int] = {}
        self.changed = threading.Condition()

    @contextlib.contextmanager
    def one(self):
        me = threading.get_ident()
        with self.changed:
            self.changed.wait_for(lambda: self.is_safe(me), SECONDS)
            self.held[me] = self.held.get(me, 0) + 1
        try:
            yield
        finally:
            with self.changed:
                self.held[me] -= 1
                if not self.held[me]:
                    del self.held[me]
                self.changed.notify_all()

    def is_safe(self, me: int) -> bool:
        """Whether all can end, one after the other, when this thread has one more."""
        mine = self.held.get(me, 0) + 1
        others = [count for thread, count in self.held.items() if thread != me]
        free = self.size - mine - sum(others)
        # A single request has to go on with a pool that is smaller than all it may want.
        if free < 0:
            return not others
        for held in sorted([mine, *others], reverse=True):
            if held + free < DEPTH and others:
                return False
            free += held
        return True


pools: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def install() -> None:
    """To be called before the first store is made."""
    from mlflow.environment_variables import MLFLOW_SQLALCHEMYSTORE_POOLCLASS
    from mlflow.store.db import utils
    from mlflow.store.model_registry import sqlalchemy_store

    if MLFLOW_SQLALCHEMYSTORE_POOLCLASS.get():
        return
    make = utils._get_managed_session_maker

    def in_turn(sessions, db_type):
        make_session = make(sessions, db_type)
        pool = sessions.kw["bind"].pool
        if not isinstance(pool, sqlalchemy.pool.QueuePool):
            return make_session
        connections = pools.setdefault(pool, Connections(pool.size() + pool._max_overflow))

        @contextlib.contextmanager
        def make_managed_session(*args, **kwargs):
            with connections.one(), make_session(*args, **kwargs) as session:
                yield session

        return make_managed_session

    # Each has the name of its own.
    utils._get_managed_session_maker = in_turn
    sqlalchemy_store._get_managed_session_maker = in_turn
