"""A daemon's imports: the SDK is whole, and nothing heavy comes with it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("pandas", "numpy", "pyarrow", "numba", "boto3", "botocore", "starlette", "rich", "uvicorn")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_daemon_loads_nothing_heavy() -> None:
    code = "import sys, magellan_core.daemon; print(*sorted(sys.modules))"
    loaded = set(python(code).split())
    assert "alpaca.trading.client" in loaded
    assert sorted(loaded & set(HEAVY)) == []


@pytest.mark.parametrize("name", ["numpy", "pandas"])
def test_what_was_stood_in_for_can_be_imported_afterwards(name: str) -> None:
    assert python(f"import magellan_core.alpaca, {name}; print({name}.__version__)")[0].isdigit()


def test_the_sdk_gets_the_real_package_where_it_is_loaded_already() -> None:
    code = (
        "import pandas, magellan_core.alpaca; from alpaca.data.models import base; "
        "print(base.DataFrame is pandas.DataFrame)"
    )
    assert python(code) == "True"
