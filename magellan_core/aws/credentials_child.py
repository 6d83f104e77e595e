"""Reads two parameters from SSM and writes them to standard output, for `credentials.fetch`.

A process of its own, so that boto3's memory is given back and it never loads in a daemon. Run by
path, isolated: it imports nothing of ours. A JSON request comes on standard input, a JSON answer
{"values": {name: value}} or {"fault": ..., "code": ..., "detail": ...} goes to standard output.
"""

import json
import sys

import boto3
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

# Standard mode repeats throttled and lost calls with exponential back-off.
_POLITE = Config(
    connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4}
)


def answer(names: list[str], region: str | None) -> dict[str, object]:
    """The parameters' values, or the fault by its kind; never raises what boto3 names."""
    try:
        client = boto3.client("ssm", region_name=region, config=_POLITE)
        told = client.get_parameters(Names=names, WithDecryption=True)
    except NoRegionError:
        return {"fault": "no region"}
    except NoCredentialsError:
        return {"fault": "no credentials"}
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
    if missing := told.get("InvalidParameters"):
        return {"fault": "missing", "detail": ", ".join(sorted(missing))}
    return {"values": {row["Name"]: row["Value"] for row in told["Parameters"]}}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump(answer(request["names"], request["region"]), sys.stdout)
