#!/usr/bin/env python3
"""Write the JSON Schema of config.json for editors and docs/configuration.md for people."""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.config import load
from magellan_core.config_schema import json_schema
from magellan_core.operations.config_reference import reference

SCHEMA = ROOT / "deployable_strategies" / "config.schema.json"
PAGE = ROOT / "docs" / "configuration.md"
SHIPPED = sorted(ROOT.glob("deployable_strategies/*/aws_deployment/config.json"))


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    asked = parser.parse_args(arguments)
    texts = {
        SCHEMA: json.dumps(json_schema(), indent=2, sort_keys=True) + "\n",
        PAGE: reference([load(path) for path in SHIPPED]),
    }
    for path, text in texts.items():
        if not asked.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.stderr.write(f"{path.name} is not what the model says: run make schema\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
