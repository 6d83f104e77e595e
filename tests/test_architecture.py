"""The house rules hold for every file of the product, and each rule is shown to bite."""

import pytest

from tests.house_rules import (
    RULES,
    Rule,
    Source,
    broad_except,
    clock_and_environment,
    cycle,
    docstring,
    layering,
    length,
    product,
    purity,
    sole_importers,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    faults = [fault for source in product() for fault in rule(source)]
    assert not faults, f"{rule.__doc__}\n" + "\n".join(faults)


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert cycle(product()) == []


def test_the_files_are_found() -> None:
    paths = {source.path for source in product()}
    assert {"magellan_core/errors.py", "scripts/make_session_table.py"} <= paths


BAD: list[tuple[Rule, str, str]] = [
    (layering, "magellan_core/model.py", "from magellan_core.ports import Broker"),
    (layering, "magellan_core/model.py", "from magellan_core import engine"),
    (layering, "magellan_core/engine/tick.py", "from ..alpaca import broker"),
    (layering, "magellan_core/paper/server.py", "import magellan_core.store.journal"),
    (layering, "magellan_core/risk/account.py", "from magellan_core.reconcile import mismatches"),
    (layering, "magellan_core/novelty.py", "x = 1"),
    (layering, "magellan_core/daemon.py", "from magellan_core.novelty import x"),
    (layering, "magellan_core/daemon.py", "import_module('scripts.demo')"),
    (layering, "magellan_core/daemon.py", "from tests.fakes import Fake"),
    (layering, "magellan_core/engine/tick.py", "import deployable_strategies.bear_trap.strategy"),
    (layering, "deployable_strategies/a/strategy.py", "from magellan_core.ports import Broker"),
    (layering, "deployable_strategies/a/strategy.py", "import deployable_strategies.b.strategy"),
    (sole_importers, "magellan_core/model.py", "import pytz"),
    (sole_importers, "magellan_core/daemon.py", "def f():\n    from alpaca.trading import x"),
    (sole_importers, "scripts/status.py", "import boto3"),
    (sole_importers, "magellan_core/indicators.py", "import pandas as pd"),
    (sole_importers, "magellan_core/backtest/run.py", "import pandas_ta"),
    (sole_importers, "magellan_core/paper/wire.py", "import pyarrow.parquet"),
    (sole_importers, "magellan_core/market_hours.py", "import pandas_market_calendars"),
    (purity, "magellan_core/engine/tick.py", "import logging"),
    (purity, "deployable_strategies/a/strategy.py", "from os import path"),
    (clock_and_environment, "magellan_core/paper/market.py", "now = datetime.now(UTC)"),
    (clock_and_environment, "magellan_core/fold.py", "f(clock=dt.datetime.utcnow)"),
    (clock_and_environment, "magellan_core/fold.py", "date.today()"),
    (clock_and_environment, "magellan_core/backtest/run.py", "from time import monotonic"),
    (clock_and_environment, "magellan_core/config.py", "os.environ['HOME']"),
    (clock_and_environment, "magellan_core/config.py", "from os import getenv"),
    (length, "magellan_core/model.py", "x = 1\n" * 301),
    (docstring, "magellan_core/model.py", "x = 1"),
    (broad_except, "magellan_core/daemon.py", "try:\n    f()\nexcept Exception:\n    pass"),
    (broad_except, "scripts/x.py", "try:\n    f()\nexcept (ValueError, BaseException):\n    pass"),
    (broad_except, "magellan_core/daemon.py", "try:\n    f()\nexcept:\n    pass"),
    (broad_except, "magellan_core/daemon.py", "with suppress(Exception):\n    f()"),
]
GOOD: list[tuple[Rule, str, str]] = [
    (layering, "magellan_core/fold.py", "from magellan_core.risk.account import DayResult"),
    (layering, "magellan_core/paper/server.py", "from . import wire"),
    (layering, "magellan_core/daemon.py", "import magellan_core.operations.snapshot"),
    (layering, "deployable_strategies/a/strategy.py", "from magellan_core import sizing"),
    (sole_importers, "magellan_core/alpaca/data.py", "from alpaca.data import x"),
    (sole_importers, "magellan_core/engine/tick.py", "from magellan_core.alpaca import x"),
    (sole_importers, "magellan_core/paper/market_files.py", "import pyarrow.parquet"),
    (purity, "magellan_core/alpaca/http.py", "import socket"),
    (clock_and_environment, "magellan_core/engine/tick.py", "now = self.clock.now()"),
    (clock_and_environment, "magellan_core/daemon.py", "now = datetime.now(UTC)"),
    (clock_and_environment, "magellan_core/store/lock.py", "import os\nos.getpid()"),
    (length, "magellan_core/model.py", "x = 1\n" * 300),
    (docstring, "magellan_core/risk/__init__.py", ""),
    (broad_except, "magellan_core/daemon.py", "try:\n    f()\nexcept OSError:\n    pass"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_the_rule_catches(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_the_rule_allows(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


def test_a_circle_is_found() -> None:
    one = Source("magellan_core/book.py", "from magellan_core.fold import apply")
    other = Source("magellan_core/fold.py", "import magellan_core.book")
    assert {"magellan_core.book", "magellan_core.fold"} == set(cycle([one, other]))
    assert cycle([one]) == []
