#!/usr/bin/env python3
"""Write the JSON Schema of config.json that editors use; --check says whether it is current."""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.config_schema import json_schema

SCHEMA = ROOT / "deployable_strategies" / "config.schema.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    asked = parser.parse_args(arguments)
    text = json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
    if not asked.check:
        SCHEMA.write_text(text)
    elif not SCHEMA.exists() or SCHEMA.read_text() != text:
        sys.stderr.write(f"{SCHEMA.name} is not what the model says: run make schema\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
