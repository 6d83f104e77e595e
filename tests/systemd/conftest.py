"""One prepared instance a worker; each test boots a host of its own from it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.systemd.host import Host, obstacle
from tests.systemd.installation import Exchange, binds, install, make_layer, open_exchange

Boot = Callable[..., Host]


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    why = obstacle()
    if why is not None:
        pytest.skip(f"no systemd host: {why}")
    return make_layer(tmp_path_factory.mktemp("layer") / "root")


@pytest.fixture
def boot(layer: Path, tmp_path: Path) -> Iterator[Boot]:
    """Boot a host that ends with the test; its units are installed unless told otherwise."""
    numbers = itertools.count()
    with ExitStack() as stack:

        def start(*, units: bool = True) -> Host:
            folder = tmp_path / f"host{next(numbers)}"
            host = stack.enter_context(Host(folder, layer, binds()))
            if units:
                install(host)
            return host

        yield start


@pytest.fixture(scope="module")
def exchange(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A session under way, sixty times as fast as the clock; `layer` skips where none can boot."""
    assert layer.exists()
    folder = tmp_path_factory.mktemp("exchange")
    with open_exchange(folder, "--speed", "60", "--start", "2025-11-25T09:40-05:00") as opened:
        yield opened
