"""Whatever a client sends, the exchange answers as Alpaca does: never with a fault of its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.server_support import ANN, Floor, floor


@pytest.fixture(scope="module")
def site() -> Iterator[Floor]:
    with floor() as served:
        yield served


GOOD: dict[str, Any] = {
    "symbol": "AMC",
    "qty": "10",
    "side": "buy",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": "1.00",
}
FIELDS = [*GOOD, "notional", "stop_price", "trail_price", "trail_percent", "order_class"]
FIELDS += ["take_profit", "stop_loss", "client_order_id", "extended_hours", "position_intent"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["1e30", "1e400", "-1e-400", "NaN", "Infinity", "buy", "stop", "bracket"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["limit_price", "stop_price", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=4))
def test_an_order_of_any_values_is_taken_or_refused(site: Floor, told: dict[str, Any]) -> None:
    answer = site.ask("POST", "/v2/orders", {**GOOD, **told})
    assert answer.status_code < 500, answer.text
    body = answer.json()
    assert "id" in body or isinstance(body["message"], str)


@pytest.mark.parametrize(
    "told",
    [
        {"qty": "1e30"},
        {"qty": "1e400"},
        {"limit_price": "1e50"},
        {"limit_price": "1e-50"},
        {"side": ["buy"]},
        {"side": {}},
        {"type": []},
        {"order_class": {"a": 1}},
        {"order_class": "oto", "stop_loss": {"stop_price": "1e30"}},
    ],
)
def test_a_value_that_is_none_is_refused_by_its_name(site: Floor, told: dict[str, Any]) -> None:
    answer = site.ask("POST", "/v2/orders", {**GOOD, **told})
    assert (answer.status_code, answer.json()["code"]) == (422, 40010001)
    assert any(name.split("_")[0] in answer.json()["message"] for name in told)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "\xff\xfe", "nul"])
def test_a_body_that_is_no_object_is_a_bad_request(site: Floor, text: str) -> None:
    answer = site.ask("POST", "/v2/orders", text.encode("latin-1"))
    assert (answer.status_code, answer.json()["code"]) == (400, 40010001)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/account/portfolio/history?period=99999A",
        f"/v2/account/portfolio/history?period={'9' * 5000}D",
        "/v2/account/portfolio/history?end=0001-01-02",
        "/v2/orders?after=0001-01-01T00:00:00%2B05:00",
        f"/v2/orders?limit={'9' * 5000}",
        "/v2/stocks/bars?symbols=AMC&timeframe=1Min&end=9999-12-31T23:00:00-05:00",
        "/v2/account/activities/FILL?until=9999-12-31T23:59:59-23:00",
    ],
)
def test_a_time_or_span_that_nobody_can_reckon_with_is_refused(site: Floor, path: str) -> None:
    answer = site.ask("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (422, 40010001)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/stocks/bars?symbols=AMC&timeframe=1Min&start=0001-01-01",
        "/v2/stocks/bars?symbols=AMC&timeframe=1Day&start=0001-01-01&end=9999-12-31",
        "/v2/calendar?start=0001-01-01&end=9999-12-31",
        "/v2/account/activities/FILL?after=0001-01-01&until=9999-12-31",
        "/v2/orders?status=all&symbols=%ff%fe",
        "/v2/assets/%ff",
    ],
)
def test_far_days_and_odd_bytes_are_no_fault_of_ours(site: Floor, path: str) -> None:
    assert site.ask("GET", path).status_code < 500


@pytest.mark.parametrize("direction", ["desc", "asc"])
def test_pages_of_cash_movements_join_up(direction: str) -> None:
    with floor() as site:
        for amount in ("10", "20", "30"):
            site.post("/sim/transfer", account=ANN.number, amount=amount)
        seen: list[str] = []
        token = ""
        while len(seen) < 4:
            path = f"/v2/account/activities/CSD?page_size=2&direction={direction}{token}"
            page = site.ask("GET", path).json()
            if not page:
                break
            seen += [each["net_amount"] for each in page]
            token = f"&page_token={page[-1]['id']}"
        wanted = ["10", "20", "30"] if direction == "asc" else ["30", "20", "10"]
        assert [str(json.loads(amount)) for amount in seen] == wanted
