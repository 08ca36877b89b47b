"""Carry artifacts to and from S3 without a file in between.

MLflow writes an artifact to a temporary file as a whole before it sends it on, both ways. Here an upload
goes on in parts while it comes in, and a download while it is read.
"""

import asyncio
import io
import os
import posixpath
import tempfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from fastapi.responses import Response, StreamingResponse
from fastapi.routing import APIRoute
from mlflow.exceptions import MlflowException
from mlflow.server import artifact_router
from mlflow.store.artifact.artifact_repo import StreamUploadMixin
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from starlette.concurrency import run_in_threadpool

# Of an upload, the least that S3 takes: three of each upload are in memory, two of them on their way.
PART = 5 * 1024 * 1024
PARTS = TransferConfig(
    multipart_threshold=PART,
    multipart_chunksize=PART,
    max_concurrency=2,
    preferred_transfer_client="classic",
)
assert PARTS.max_in_memory_upload_chunks == 10
PARTS.max_in_memory_upload_chunks = 2
# Uploads that a worker streams at a time: each has a thread for as long as its client takes. Further
# ones go through a file.
AT_ONCE = 3
threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload")
turns = asyncio.Semaphore(AT_ONCE)
# Of a download.
CHUNK = 1024 * 1024


class Body:
    """The body of a request, as a file that boto3 reads in a thread."""

    def __init__(self, chunks) -> None:
        self.chunks = chunks
        self.loop = asyncio.get_running_loop()
        self.left = b""
        self.failure: BaseException | None = None
        self.asked = None

    def read(self, size: int = -1) -> bytes:
        self.asked = asyncio.run_coroutine_threadsafe(self.take(size), self.loop)
        return self.asked.result()

    async def take(self, size: int) -> bytes:
        """As many bytes, or all up to the end."""
        # A generator that has failed is at its end the next time: half an artifact would be a whole one.
        if self.failure:
            raise self.failure
        taken, last = io.BytesIO(), self.left
        self.left = b""
        try:
            while size < 0 or taken.tell() + len(last) < size:
                taken.write(last)
                last = await anext(self.chunks)
        except StopAsyncIteration:
            return taken.getvalue()
        except BaseException as error:
            self.failure = error
            raise
        wanted = size - taken.tell()
        taken.write(last[:wanted])
        self.left = last[wanted:]
        return taken.getvalue()

    def stop(self) -> None:
        self.failure = self.failure or ConnectionAbortedError("the upload was ended")
        if self.asked:
            self.asked.cancel()


def send(self, stream, artifact_file_name: str, artifact_path: str | None = None) -> None:
    bucket, root = self.parse_s3_compliant_uri(self.artifact_uri)
    key = posixpath.join(root, artifact_path or "", artifact_file_name)
    client = self._get_s3_client()

    def upload_file(Filename: str, **how) -> None:
        client.upload_fileobj(stream, **how, Config=PARTS)

    # MLflow tells it the type and what else the config says.
    self._upload_file(SimpleNamespace(upload_file=upload_file), artifact_file_name, bucket, key)


async def send_on(self, chunks, artifact_file_name: str, artifact_path: str | None = None) -> None:
    if turns.locked():
        await send_file(self, chunks, artifact_file_name, artifact_path)
        return
    async with turns:
        body = Body(chunks)
        sending = asyncio.get_running_loop().run_in_executor(
            threads, self.log_artifact_from_stream, body, artifact_file_name, artifact_path
        )
        try:
            await sending
        finally:
            body.stop()


async def send_file(repository, chunks, name: str, artifact_path: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            async for chunk in chunks:
                await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(repository.log_artifact, path, artifact_path)


class ObjectResponse(StreamingResponse):
    """An object as MLflow answers with a file."""

    def __init__(self, found: dict, path: str) -> None:
        self.found = found["Body"]
        headers = {
            "Content-Type": artifact_router._guess_mime_type(path),
            "Content-Disposition": artifact_router._content_disposition(posixpath.basename(path)),
            "X-Content-Type-Options": "nosniff",
            # Without it an answer that is cut off looks whole: MLflow's middlewares end it properly.
            "Content-Length": str(found["ContentLength"]),
        }
        super().__init__(self.chunks(), headers=headers)

    async def chunks(self):
        # The last one is sent when boto3 has found its checksum right.
        before = b""
        while chunk := await run_in_threadpool(self.found.read, CHUNK):
            if before:
                yield before
            before = chunk
        yield before

    async def __call__(self, *connection) -> None:
        try:
            await super().__call__(*connection)
        finally:
            self.found.close()


def get_object(repository: S3ArtifactRepository, path: str) -> dict:
    bucket, root = repository.parse_s3_compliant_uri(repository.artifact_uri)
    owner = repository._bucket_owner_params
    return repository._get_s3_client().get_object(
        Bucket=bucket, Key=posixpath.join(root, path), **owner
    )


async def download_artifact(artifact_path: str) -> Response:
    try:
        path = artifact_router.validate_path_is_safe(artifact_path)
        path = artifact_router._get_workspace_scoped_path(path)
        found = await run_in_threadpool(get_object, artifact_router._get_artifact_repo(), path)
    except (ClientError, MlflowException):
        # MLflow answers for what is no object.
        return await artifact_router.download_artifact(artifact_path)
    return ObjectResponse(found, path)


def install(app) -> None:
    """Stream the artifacts of `app`, MLflow's own or an authenticating one."""
    if not artifact_router._is_serving_proxied_artifacts():
        return
    assert not issubclass(S3ArtifactRepository, StreamUploadMixin)
    S3ArtifactRepository.log_artifact_from_stream = send
    S3ArtifactRepository.log_artifact_from_async_stream = send_on
    StreamUploadMixin.register(S3ArtifactRepository)

    paths = [
        route.path
        for route in artifact_router.artifact_router.routes
        if route.endpoint is artifact_router.download_artifact
    ]
    assert len(paths) == 2, paths
    # Before MLflow's, which are part of a router.
    app.router.routes[:0] = [
        APIRoute(path, download_artifact, methods=["GET"], include_in_schema=False)
        for path in paths
    ]
