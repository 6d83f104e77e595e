"""The kill switch finds the broker by whatever address a daemon takes for it."""

import pytest

from magellan_core.operations.kill_wire import HttpWire
from tests.contract.server_support import ANN, floor


@pytest.mark.parametrize("end", ["", "/", "/v2", "/v2/"])
def test_an_address_may_carry_the_version_that_is_put_behind_it(end: str) -> None:
    with floor() as site:
        answer = HttpWire(f"{site.url}{end}", ANN.key, ANN.secret)("GET", "/account")
    assert answer.status == 200
