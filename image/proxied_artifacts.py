"""Carry artifacts through the server, as the config says.

MLflow tells its client that a bucket is to be had by signed URLs, and the client goes there for all
downloads and large uploads: one that has no way to the endpoint, or does not know its authority, gets
nothing. A client that wants them says so itself (MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD).
"""

from mlflow.utils.server_info import (
    SERVER_INFO_MULTIPART_DOWNLOADS_ENABLED,
    SERVER_INFO_MULTIPART_UPLOADS_ENABLED,
)


def install() -> None:
    from mlflow.server import handlers, server_info_api

    payload = handlers.build_server_info_payload
    # A name that MLflow no longer uses would be set in vain.
    assert server_info_api.build_server_info_payload is payload

    def through_the_server() -> dict:
        return {
            **payload(),
            SERVER_INFO_MULTIPART_DOWNLOADS_ENABLED: False,
            SERVER_INFO_MULTIPART_UPLOADS_ENABLED: False,
        }

    # Each has the name of its own.
    handlers.build_server_info_payload = through_the_server
    server_info_api.build_server_info_payload = through_the_server
