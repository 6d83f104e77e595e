"""Publishes one message to an SNS topic, for `alerts.SnsTopic`.

A process of its own, so that boto3's memory is given back, a hang can be ended, and each attempt
begins with fresh credentials. Run by path, isolated: it imports nothing of ours. Standard input has
{"topic": ..., "subject": ..., "message": ...}; standard output gets {"id": ...} or {"fault": ...}.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_POLITE = Config(
    connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)


def publish(topic: str, subject: str, message: str) -> dict[str, str]:
    """The message's id at SNS, or the fault in AWS's words."""
    try:
        # arn:aws:sns:REGION:ACCOUNT:NAME
        client = boto3.client("sns", region_name=topic.split(":")[3], config=_POLITE)
        told = client.publish(TopicArn=topic, Subject=subject, Message=message)
    except (ClientError, BotoCoreError) as fault:
        return {"fault": " ".join(str(fault).split())}
    return {"id": told["MessageId"]}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump(publish(request["topic"], request["subject"], request["message"]), sys.stdout)
