"""Conformance 1 to 7: keys, numbers, limits and the form of answers."""

from collections.abc import Iterator

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient

from magellan_core.paper.rules import Rules
from tests.conformance.support import at, limit, order, refused, send, stage
from tests.contract.server_support import ANN, OPEN, Floor, floor


@pytest.fixture
def site() -> Iterator[Floor]:
    with stage(quiet=5) as running:
        yield running


@pytest.mark.parametrize(("key", "secret"), [(ANN.key, "wrong"), ("PK-nobody", ANN.secret)])
def test_f01_bad_keys_are_401_with_a_json_message(site: Floor, key: str, secret: str) -> None:
    with pytest.raises(APIError) as refusal:
        TradingClient(key, secret, url_override=site.url).get_account()
    assert refusal.value.status_code == 401
    assert str(refusal.value) == '{"message":"unauthorized."}'


def test_f02_every_amount_is_a_string(site: Floor) -> None:
    send(site)
    site.advance(at(2))
    account, [position], [done] = (
        site.ask("GET", f"/v2/{path}").json()
        for path in ("account", "positions", "orders?status=all")
    )
    for told in (account, position, done):
        numbers = {n for n, v in told.items() if isinstance(v, int | float)}
        assert numbers == {n for n, v in told.items() if isinstance(v, bool)}
    assert (position["qty"], done["filled_qty"], done["filled_avg_price"]) == ("100", "100", "10")
    assert site.trading().get_open_position("AMC").market_value == "1000"


@pytest.mark.parametrize("qty", [3, 3.0, "3", "3.0"])
def test_f03_numbers_are_taken_as_floats_or_strings(site: Floor, qty: object) -> None:
    assert limit(site, 9.5, qty=qty)["qty"] == "3"
    assert limit(site, "9.50", qty=qty)["limit_price"] == "9.5"


@pytest.mark.parametrize("word", ["True", "true", "1"])
def test_f04_booleans_in_queries_parse_as_clients_spell_them(site: Floor, word: str) -> None:
    legs = {"order_class": "oto", "stop_loss": {"stop_price": 9}}
    sent = send(site, time_in_force="gtc", **legs)
    [nested] = site.ask("GET", f"/v2/orders?nested={word}").json()
    assert (nested["id"], len(nested["legs"])) == (sent["id"], 1)
    [flat] = site.ask("GET", "/v2/orders?nested=False").json()
    assert flat["legs"] is None


def test_f05_beyond_the_limit_429_with_its_headers() -> None:
    with floor(rate_limit=3) as site:
        answers = [site.ask("GET", "/v2/clock") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
        assert left == ["2", "1", "0", "0"]
        assert answers[3].headers["X-RateLimit-Limit"] == "3"
        reset = int(answers[3].headers["X-RateLimit-Reset"])
        assert reset == int(OPEN.timestamp()) + 11 * 60
        assert isinstance(answers[3].json()["code"], int)
        site.advance(at(11))
        assert site.ask("GET", "/v2/clock").status_code == 200


def test_f05_the_body_of_a_429_may_be_text() -> None:
    with floor(rate_limit=1, rules=Rules(rate_limit_body="text")) as site:
        site.ask("GET", "/v2/clock")
        assert site.ask("GET", "/v2/clock").text == "rate limit exceeded"


def test_f06_writes_answer_200(site: Floor) -> None:
    body = {"symbol": "AMC", "qty": 1, "side": "buy", "type": "limit", "time_in_force": "day"}
    posted = site.ask("POST", "/v2/orders", {**body, "limit_price": 9})
    assert posted.status_code == 200
    site.advance(at(1))
    patched = site.ask("PATCH", f"/v2/orders/{posted.json()['id']}", {"limit_price": "9.10"})
    assert patched.status_code == 200
    site.advance(at(2))
    assert order(site, patched.json()["id"])["limit_price"] == "9.1"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/assets/NOPE", 404, 40410000),
        ("/positions/AMC", 404, 40410000),
        ("/orders/00000000-0000-0000-0000-000000000000", 404, 40410000),
        ("/orders:by_client_order_id?client_order_id=none", 404, 40410000),
        ("/orders?limit=501", 422, 40010001),
        ("/orders?after=noon", 422, 40010001),
        ("/nowhere", 404, 40410000),
    ],
)
def test_f07_errors_carry_an_integer_code_and_a_message(
    site: Floor, path: str, status: int, code: int
) -> None:
    with refused() as refusals:
        site.trading().get(path)
    assert refusals[0].says == (status, code)
    assert isinstance(refusals[0].body["code"], int)
    assert refusals[0].message
