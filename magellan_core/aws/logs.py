"""CloudWatch Logs: put events into a stream, and see which are there already.

A put is never repeated here: after a lost answer only the stream itself knows whether it arrived.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from magellan_core.errors import CredentialsError, MagellanError, Unavailable

_ONCE = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1})
_EMF_HEADER = "x-amzn-logs-format"
_PAGES = 50
_NEEDS_A_PERSON = ("AccessDenied", "UnrecognizedClient", "InvalidClientTokenId")


class LogsUnknown(Unavailable):
    """There was no answer: the events may be in the stream, or not."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """One event to put: milliseconds since 1970, and its JSON."""

    at_ms: int
    text: str


class CloudWatchLogs:
    """One region's CloudWatch Logs. Groups and streams are made when they are missing."""

    def __init__(self, region: str | None, *, retention_days: int) -> None:
        self._retention = retention_days
        try:
            self._client: Any = boto3.client("logs", region_name=region, config=_ONCE)
        except BotoCoreError as fault:
            raise CredentialsError(f"CloudWatch Logs: {fault}: set --region") from fault
        self._client.meta.events.register(
            "before-sign.cloudwatch-logs.PutLogEvents", _mark_as_metrics
        )

    def put(self, group: str, stream: str, events: Sequence[Stamped]) -> list[int]:
        """Send events in time order; the indices of those refused as too old or too new.

        Raise LogsUnknown if no answer came, Unavailable or CredentialsError if it was refused.
        """
        rows = [{"timestamp": event.at_ms, "message": event.text} for event in events]
        names = {"logGroupName": group, "logStreamName": stream}
        try:
            answer = self._client.put_log_events(**names, logEvents=rows)
        except self._client.exceptions.ResourceNotFoundException:
            self._make(group, stream)
            answer = self._put_again(group, logEvents=rows, **names)
        except (ClientError, BotoCoreError) as fault:
            raise _named(group, fault) from fault
        return _refused(answer.get("rejectedLogEventsInfo") or {}, len(events))

    def known(self, group: str, stream: str, first_ms: int, last_ms: int) -> set[str]:
        """Ids of the events that the stream holds between two instants, both inclusive."""
        names = {"logGroupName": group, "logStreamName": stream}
        found: set[str] = set()
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            try:
                page = self._client.get_log_events(
                    **names, startTime=first_ms, endTime=last_ms + 1, startFromHead=True, **token
                )
            except self._client.exceptions.ResourceNotFoundException:
                return found
            except (ClientError, BotoCoreError) as fault:
                raise _named(group, fault) from fault
            found |= {_id(row["message"]) for row in page["events"]}
            after = page["nextForwardToken"]
            if not page["events"] or token.get("nextToken") == after:
                return found
            token = {"nextToken": after}
        return found

    def _make(self, group: str, stream: str) -> None:
        """The group with its retention, and the stream, as far as they are missing."""
        there = self._client.exceptions.ResourceAlreadyExistsException
        try:
            with suppress(there):
                self._client.create_log_group(logGroupName=group)
                self._client.put_retention_policy(
                    logGroupName=group, retentionInDays=self._retention
                )
            with suppress(there):
                self._client.create_log_stream(logGroupName=group, logStreamName=stream)
        except (ClientError, BotoCoreError) as fault:
            raise _named(group, fault) from fault

    def _put_again(self, group: str, **arguments: Any) -> Any:
        try:
            return self._client.put_log_events(**arguments)
        except (ClientError, BotoCoreError) as fault:
            raise _named(group, fault) from fault


def _mark_as_metrics(request: Any, **_: object) -> None:
    """Metrics in a batch are extracted by older endpoints only if told so."""
    request.headers[_EMF_HEADER] = "json/emf"


def _refused(told: Any, count: int) -> list[int]:
    """Too new ones are at the end, too old or expired ones at the beginning."""
    old = max(told.get("tooOldLogEventEndIndex", 0), told.get("expiredLogEventEndIndex", 0))
    new = told.get("tooNewLogEventStartIndex", count)
    return [*range(min(old, count)), *range(max(new, old), count)]


def _id(message: str) -> str:
    try:
        return str(json.loads(message)["id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _named(group: str, fault: Exception) -> MagellanError:
    """AWS's fault as ours. Only an answer tells that nothing arrived."""
    if not isinstance(fault, ClientError):
        kind = type(fault).__name__
        if kind in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"):
            return CredentialsError(f"{group}: no AWS credentials ({kind}): attach the role")
        return LogsUnknown(f"{group}: CloudWatch does not answer ({fault}): it is tried again")
    error, status = fault.response["Error"], fault.response["ResponseMetadata"]
    code, detail = error.get("Code", ""), " ".join(error.get("Message", "").split())
    if status.get("HTTPStatusCode", 0) >= 500:
        return LogsUnknown(f"{group}: CloudWatch is busy ({code}): it is tried again")
    if code.startswith(_NEEDS_A_PERSON):
        return CredentialsError(f"{group}: {code} ({detail}): see the role's policy in docs/aws.md")
    return Unavailable(f"{group}: CloudWatch refuses ({code}: {detail}): it is tried again")
