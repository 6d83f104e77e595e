"""Lines written, shipped, duplicated and lost through an outage and kill -9 of the shipper.

A writer logs as a daemon does; scripts/ship_logs.py ships to moto's server, which is gone for a
while; the shipper is killed and started again throughout. Usage: log_shipping.py [OUTAGE_SECONDS]
"""

import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[1]
GROUP, REGION = "/magellan/bear-trap", "us-east-2"
AROUND, A_SECOND = 60.0, 5
ACCESS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Shipper:
    """The script as a process that is killed now and then."""

    def __init__(self, folder: Path, url: str) -> None:
        self.command = [sys.executable, "scripts/ship_logs.py", "--state", str(folder), "--every=1"]
        self.command += ["--file", str(folder / "lines.jsonl"), "--stream", "here"]
        self.environ = {"PATH": os.environ["PATH"], **ACCESS, "AWS_ENDPOINT_URL": url}
        self.kills, self.peak_kb = 0, 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=self.environ, stdout=subprocess.DEVNULL
        )

    def look(self) -> None:
        """Note its resident memory."""
        rows = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        held = [int(row.split()[1]) for row in rows if row.startswith("VmHWM:")]
        self.peak_kb = max([self.peak_kb, *held])

    def kill(self) -> None:
        self.look()
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.start()


def write(path: Path, n: int) -> None:
    told = {
        "__REALTIME_TIMESTAMP": str(int(datetime.now(UTC).timestamp() * 1_000_000)),
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "magellan-bear-trap",
        "MESSAGE": f"fill: buy 40 at 3.41 symbol=MULN order=o-{n}",
    }
    with path.open("a") as file:
        file.write(json.dumps(told) + "\n")


def arrived(url: str) -> Counter[str]:
    logs: Any = boto3.client(
        "logs",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto takes anything
    )
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    return Counter(json.loads(row["message"])["order"] for page in pages for row in page["events"])


def serve(port: int = 0) -> tuple[ThreadedMotoServer, str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    host, at = server.get_host_and_port()
    return server, f"http://{host}:{at}"


def main(outage: float) -> int:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    rng = random.Random(7)
    server, url = serve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shipper = Shipper(folder, url)
        began, written, up = time.monotonic(), 0, True
        next_kill = began + 10
        while (gone := time.monotonic() - began) < outage + 2 * AROUND:
            if up is (AROUND <= gone < AROUND + outage):
                up = not up
                if up:
                    server, url = serve(int(url.rpartition(":")[2]))
                else:
                    server.stop()
            write(folder / "lines.jsonl", written)
            written += 1
            if time.monotonic() >= next_kill:
                shipper.kill()
                next_kill = time.monotonic() + rng.uniform(3, 30)
            time.sleep(1 / A_SECOND)
        deadline = time.monotonic() + 120
        while len(arrived(url)) < written and time.monotonic() < deadline:
            time.sleep(1)
        shipper.look()
        shipper.process.terminate()
        shipper.process.wait()
        found = arrived(url)
    server.stop()
    told = {
        "outage_seconds": outage,
        "kills": shipper.kills,
        "written": written,
        "shipped": len(found),
        "duplicated": sum(found.values()) - len(found),
        "lost": written - len(found),
        "peak_rss_mb": round(shipper.peak_kb / 1024, 1),
    }
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return int(told["lost"] != 0)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
