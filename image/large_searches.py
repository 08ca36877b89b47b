"""Answer a search for many runs without holding all of them at once.

mlflow.search_runs asks for 10,000 runs in one request. MLflow makes objects of every metric, parameter
and tag of them, then two dicts, then the text: a GB for runs with 20 of each, in a server that has 512
MB. Here such a request finds the runs in one query, as MLflow does, but without their data; that is
read, and made text of, a page of runs at a time.
"""

import contextvars
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from mlflow.entities import RunData, RunInfo, ViewType
from mlflow.entities import Run as RunEntity
from mlflow.protos.service_pb2 import Run, SearchRuns
from sqlalchemy.orm import lazyload

# MLflow's own default for max_results: what is more goes by pages.
MOST_AT_ONCE = 1000
# With 1000 a search takes half as long again, and twice the memory.
PAGE = 250

only_ids = contextvars.ContextVar("only_ids", default=False)


@dataclass
class LargeResponse:
    """In place of SearchRuns.Response."""

    # Its runs have their ids alone.
    found: SearchRuns.Response
    store: object

    @property
    def next_page_token(self) -> str:
        return self.found.next_page_token

    @property
    def runs(self) -> Iterator[Run]:
        every = iter(self.found.runs)
        while page := list(islice(every, PAGE)):
            ids = [run.info.run_id for run in page]
            quoted = ", ".join(f"'{each}'" for each in ids)
            entities = self.store.search_runs(
                experiment_ids=sorted({run.info.experiment_id for run in page}),
                filter_string=f"attributes.run_id IN ({quoted})",
                run_view_type=ViewType.ALL,
                max_results=PAGE,
            )
            full = {run.info.run_id: run for run in entities}
            # Without one that was deleted for good since.
            yield from (full[each].to_proto() for each in ids if each in full)


def install() -> None:
    from mlflow.server import handlers
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    search = handlers.search_runs_impl
    to_json = handlers.message_to_json
    eagerly = SqlAlchemyStore._get_eager_run_query_options
    whole = SqlRun.to_mlflow_entity

    def query_options() -> list:
        return [lazyload("*")] if only_ids.get() else eagerly()

    def to_entity(run) -> RunEntity:
        if not only_ids.get():
            return whole(run)
        ids = {"run_id": run.run_uuid, "experiment_id": str(run.experiment_id), "user_id": ""}
        times = {"start_time": run.start_time, "end_time": run.end_time}
        info = RunInfo(**ids, **times, status=run.status, lifecycle_stage=run.lifecycle_stage)
        return RunEntity(info, RunData())

    def search_in_pages(request):
        if request.max_results <= MOST_AT_ONCE:
            return search(request)
        earlier = only_ids.set(True)
        try:
            found = search(request)
        finally:
            only_ids.reset(earlier)
        return LargeResponse(found, handlers._get_tracking_store())

    def to_json_in_pages(message, **how) -> str | bytes:
        if not isinstance(message, LargeResponse):
            return to_json(message, **how)
        parts = []
        every = (to_json(run, pretty=False) for run in message.runs)
        while page := ",".join(islice(every, PAGE)):
            parts += [b"," if parts else b'{"runs": [', page.encode()]
        if not parts:
            return "{}"
        token = message.next_page_token
        parts.append(f'], "next_page_token": {json.dumps(token)}}}'.encode() if token else b"]}")
        # Bytes, as the answer has them: of a string it would make a copy.
        return b"".join(parts)

    SqlAlchemyStore._get_eager_run_query_options = staticmethod(query_options)
    SqlRun.to_mlflow_entity = to_entity
    handlers.search_runs_impl = search_in_pages
    handlers.message_to_json = to_json_in_pages
