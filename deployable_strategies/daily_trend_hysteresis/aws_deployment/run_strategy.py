"""Run this strategy's daemon, exactly as its systemd unit does."""

import sys
from pathlib import Path

if sys.version_info < (3, 12):
    sys.stderr.write(
        "Python 3.12 is needed, this is %d.%d: use .venv/bin/python\n" % sys.version_info[:2]
    )
    sys.exit(71)

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from deployable_strategies.daily_trend_hysteresis.build import build
from magellan_core.daemon import main

if __name__ == "__main__":
    sys.exit(main("daily_trend", Path(__file__).with_name("config.json"), build))
