"""Reads parameters from SSM, or writes them, for `credentials.fetch` and `credentials.put`.

A process of its own, so that boto3's memory is given back and it never loads in a daemon. Run by
path, isolated: it imports nothing of ours. Standard input has a JSON request, {"names": [...],
"region": ...} or {"put": {name: value}, "region": ..., "kms_key": ...}; standard output gets
{"values": {name: value}} or {"fault": ..., "code": ..., "detail": ...}.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)
from botocore.utils import InstanceMetadataRegionFetcher

# Standard mode repeats throttled and lost calls with exponential back-off.
_POLITE = Config(
    connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4}
)
# The instance's metadata service may be slow to come up after boot: boto3 asks it once, for 1 s.
_METADATA_SECONDS, _METADATA_ATTEMPTS = 2, 3
_METADATA = "http://169.254.169.254"
_METADATA_NAME = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
_VENDOR = Path("/sys/devices/virtual/dmi/id/sys_vendor")


def answer(request: dict[str, Any]) -> dict[str, object]:
    """The parameters' values, or the fault by its kind; never raises what boto3 names."""
    core = botocore.session.get_session()
    core.set_config_variable("metadata_service_timeout", _METADATA_SECONDS)
    core.set_config_variable("metadata_service_num_attempts", _METADATA_ATTEMPTS)
    try:
        session = boto3.Session(botocore_session=core)
        where = request["region"] or session.region_name or _instance_region(core)
        client = session.client("ssm", region_name=where, config=_POLITE)
        return _write(client, request) if "put" in request else _read(client, request["names"])
    except NoRegionError:
        return {"fault": "no region"}
    except NoCredentialsError:
        return {"fault": _why_no_credentials()}
    except ClientError as error:
        response = error.response
        return {
            "fault": "refused",
            "code": response["Error"].get("Code", ""),
            "detail": response["Error"].get("Message", ""),
            "status": response["ResponseMetadata"].get("HTTPStatusCode", 0),
        }
    except (NoConnection, HTTPClientError) as error:
        return {"fault": "unreachable", "detail": str(error)}
    except BotoCoreError as error:
        return {"fault": "other", "code": type(error).__name__, "detail": str(error)}


def _read(client: Any, names: list[str]) -> dict[str, object]:
    told = client.get_parameters(Names=names, WithDecryption=True)
    if missing := told.get("InvalidParameters"):
        return {"fault": "missing", "detail": ", ".join(sorted(missing))}
    return {"values": {row["Name"]: row["Value"] for row in told["Parameters"]}}


def _write(client: Any, request: dict[str, Any]) -> dict[str, object]:
    key = {"KeyId": request["kms_key"]} if request["kms_key"] else {}
    for name, value in request["put"].items():
        client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True, **key)
    return {"values": {}}


def _instance_region(core: botocore.session.Session) -> str | None:
    """Where this instance runs; None: it is none, or does not say."""
    fetcher = InstanceMetadataRegionFetcher(
        timeout=_METADATA_SECONDS,
        num_attempts=_METADATA_ATTEMPTS,
        config={
            "ec2_metadata_service_endpoint": core.get_config_variable(
                "ec2_metadata_service_endpoint"
            )
        },
    )
    found: str | None = fetcher.retrieve_region()
    return found


def _why_no_credentials() -> str:
    """An instance without a role, one whose metadata service is silent, or no instance at all."""
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return "no credentials"
    root = os.environ.get(_METADATA_NAME) or _METADATA
    request = urllib.request.Request(  # noqa: S310 - the link-local address, or the operator's
        f"{root.rstrip('/')}/latest/api/token",
        method="PUT",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_METADATA_SECONDS):  # noqa: S310 - as above
            return "no role"
    except urllib.error.HTTPError as error:
        error.close()
        return "no role"
    except OSError:
        return "no metadata" if _is_instance() else "no credentials"


def _is_instance() -> bool:
    if os.environ.get(_METADATA_NAME):
        return True
    try:
        return "Amazon EC2" in _VENDOR.read_text()
    except OSError:
        return False


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
