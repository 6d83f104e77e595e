#!/usr/bin/env python3
"""Tell a person by SNS that a unit has failed for good: failure_alert.py UNIT "text".

Started by magellan-alert@.service. Standard library and boto3 only, nothing of Magellan's code,
since that may be what failed. The topic: MAGELLAN_ALERT_TOPIC_ARN, else alert_topic_arn in any
/etc/magellan/*.json or in a config.json beside the units. Ends with 0 if sent, 1 if not, 2 if no
topic is configured; the unit has written its own journal line before.
"""

import json
import os
import sys
from pathlib import Path

INSTALLED = Path(os.environ.get("MAGELLAN_CONFIG_DIR", "/etc/magellan"))
SHIPPED = Path(__file__).resolve().parents[1] / "deployable_strategies"


def topic() -> str | None:
    """The first topic that is configured."""
    if named := os.environ.get("MAGELLAN_ALERT_TOPIC_ARN"):
        return named
    paths = [
        *sorted(INSTALLED.glob("*.json")),
        *sorted(SHIPPED.glob("*/aws_deployment/config.json")),
    ]
    for path in paths:
        try:
            found = json.loads(path.read_text()).get("monitoring", {}).get("alert_topic_arn")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(found, str) and found:
            return found
    return None


def publish(arn: str, unit: str, text: str) -> str | None:
    """None if SNS took it, else why not."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patient = Config(
        connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 5}
    )
    try:
        client = boto3.client("sns", region_name=arn.split(":")[3], config=patient)
        client.publish(
            TopicArn=arn, Subject=f"Magellan CRITICAL {unit} has failed"[:99], Message=text
        )
    except (BotoCoreError, ClientError, IndexError) as fault:
        return f"{type(fault).__name__}: {fault}"
    return None


def main() -> int:
    unit, text = sys.argv[1], sys.argv[2]
    arn = topic()
    if arn is None:
        print(f"<4>{unit}: no alert topic is configured: this line is all that is told")
        return 2
    why = publish(arn, unit, text)
    if why is not None:
        print(f"<2>{unit}: the alert could NOT be sent to {arn}: {why}")
        return 1
    print(f"<6>{unit}: the alert is sent to {arn}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
