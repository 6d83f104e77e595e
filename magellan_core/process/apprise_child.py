"""Sends one message by Apprise: Slack, Telegram, e-mail and a hundred other services.

An option: pip install apprise. Run by path, isolated: it imports nothing of ours. Standard input
has {"config": path, "subject": ..., "message": ...}; standard output gets {"sent": number} or
{"fault": ...}. The file, in Apprise's own text or YAML form, holds tokens, so only its owner may
read it.
"""

import json
import stat
import sys
from pathlib import Path

import apprise

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def send(config: Path, subject: str, message: str) -> dict[str, object]:
    """How many services took it; a fault names the file, never the addresses in it."""
    try:
        mode = config.stat().st_mode
    except OSError as fault:
        return {"fault": f"{config}: {fault.strerror}"}
    if mode & _OTHERS:
        return {"fault": f"{config}: others may read it: run chmod 600 {config}"}
    told = apprise.AppriseConfig()
    if not told.add(str(config)) or not told.services():
        return {"fault": f"{config}: holds no address that Apprise knows"}
    sender = apprise.Apprise()
    sender.add(told)
    if not sender.notify(title=subject, body=message):
        return {"fault": f"{config}: not every service in it took the message"}
    return {"sent": len(sender)}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    answer = send(Path(request["config"]), request["subject"], request["message"])
    json.dump(answer, sys.stdout)
