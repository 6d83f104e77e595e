"""Ways to a person: an SNS topic, or whatever Apprise knows; each message by a child that ends."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from magellan_core.config import Config
from magellan_core.errors import Unavailable

CORE = Path(__file__).resolve().parents[1]
SNS, APPRISE = CORE / "aws" / "alert_child.py", CORE / "process" / "apprise_child.py"
_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class ChildChannel:
    """Sends by a script of its own process, which gets `head` with every message."""

    name: str
    script: Path
    head: Mapping[str, str]
    seconds: float = _SECONDS

    def send(self, subject: str, text: str) -> None:
        """Raise Unavailable if it did not go out, or nobody knows."""
        request = {**self.head, "subject": subject, "message": text}
        try:
            child = subprocess.run(  # noqa: S603 - our own interpreter and file
                [sys.executable, "-I", str(self.script)],
                input=json.dumps(request).encode(),
                capture_output=True,
                timeout=self.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{self.name}: no answer within {self.seconds:.0f} s") from None
        if child.returncode != 0:
            said = child.stderr.decode(errors="replace").strip().splitlines()
            raise Unavailable(f"{self.name}: the sender failed: {said[-1] if said else 'silently'}")
        told = json.loads(child.stdout)
        if "fault" in told:
            raise Unavailable(f"{self.name}: {told['fault']}")


def channels_of(config: Config, apprise_config: Path | None) -> list[ChildChannel]:
    """The channels of one strategy; none: its alerts stay in the journal and the log."""
    found: list[ChildChannel] = []
    topic = config.monitoring.alert_topic_arn
    if topic is not None:
        found.append(ChildChannel("SNS", SNS, {"topic": topic}))
    if apprise_config is not None:
        found.append(ChildChannel("Apprise", APPRISE, {"config": str(apprise_config)}))
    return found
