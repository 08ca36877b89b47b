"""Look at the bucket before a deploy goes on: what will not do, a line each."""

import os
import uuid
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CREDENTIALS = "storage.artifacts.credentials"
ADVICE = {
    "NoSuchBucket": "make it, or correct storage.artifacts.bucket",
    "InvalidAccessKeyId": f"correct {CREDENTIALS}",
    "SignatureDoesNotMatch": f"correct {CREDENTIALS}",
    "AccessDenied": f"let the user of {CREDENTIALS} read, write and delete there",
    "AuthorizationHeaderMalformed": "correct storage.artifacts.region",
    "PermanentRedirect": "correct storage.artifacts.region",
    "RequestTimeTooSkewed": "set the clock of the Nomad client",
}


def problems() -> list[str]:
    """Write, read and delete an object as artifacts are."""
    place = urlparse(os.environ["HOMELAB_ARTIFACTS"])
    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL")
    where = f"S3 at {endpoint or 'Amazon'}, bucket {place.netloc}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            s3={"addressing_style": os.environ["MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"]},
            connect_timeout=10,
            read_timeout=30,
            retries={"total_max_attempts": 2},
        ),
    )
    name = {"Bucket": place.netloc, "Key": f"{place.path.strip('/')}/.homelab-probe-{uuid.uuid4()}"}
    sent = os.urandom(1024)
    try:
        client.put_object(**name, Body=sent)
        received = client.get_object(**name)["Body"].read()
        client.delete_object(**name)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        said = error.response["Error"].get("Message") or code
        return [f"{where}: {said} ({code}); {ADVICE.get(code, 'see the log of the S3 server')}"]
    except BotoCoreError as error:
        todo = "correct storage.artifacts.endpoint and caBundle, or the server"
        return [f"{where}: {str(error).splitlines()[0]}; {todo}"]
    return [] if received == sent else [f"{where}: an object came back other than it was sent"]
