"""What a robust caller must work around: hangs, drips, proxies' pages, and blind retries."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from magellan_core.alpaca.deadline import Limits
from magellan_core.alpaca.transport import Rejection, Rest, data_rest, trading_rest
from magellan_core.errors import CredentialsError, RateLimited, Unavailable
from tests.contract import scripted_server as wire
from tests.contract.scripted_server import Reply, Script, scripted

KEY, SECRET = "PKTESTKEY", "a-secret-nobody-may-see"
QUICK = Limits(connect=0.3, read=0.2, call=0.35, attempts=3, pause=0.02)


@contextmanager
def client_of(*replies: Reply, limits: Limits = QUICK) -> Iterator[tuple[Script, Rest]]:
    with (
        scripted(*replies) as script,
        closing(trading_rest(KEY, SECRET, script.url, limits)) as rest,
    ):
        yield script, rest


def test_a_call_carries_the_keys_and_decodes_the_answer() -> None:
    with client_of(wire.answer({"a": 1})) as (script, rest):
        assert rest.get("/account", {"x": "1/2 +"}) == {"a": 1}
    [request] = script.requests
    assert (request.path, request.query) == ("/v2/account", {"x": "1/2 +"})
    assert request.headers["APCA-API-KEY-ID"] == KEY
    assert request.headers["APCA-API-SECRET-KEY"] == SECRET


@pytest.mark.parametrize("fault", [wire.hang, wire.drip_body, wire.drip_headers])
@pytest.mark.parametrize("verb", ["GET", "POST", "PATCH", "DELETE"])
def test_a_server_that_hangs_or_drips_costs_no_more_than_the_deadline(
    fault: Reply, verb: str
) -> None:
    with client_of(fault) as (script, rest):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="no answer"):
            rest.call(verb, "/orders", {})
        assert time.monotonic() - began < QUICK.call + 0.5
    assert verb == "GET" or len(script.requests) == 1


def test_a_drip_is_ended_by_the_deadline_not_by_the_read_time_out() -> None:
    # A byte every 50 ms never trips a read time-out of 200 ms.
    with client_of(wire.drip_body) as (script, rest):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            rest.call("POST", "/orders", {})
        assert time.monotonic() - began >= QUICK.call - 0.05
    assert len(script.requests) == 1


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with (
            closing(trading_rest(KEY, SECRET, url, QUICK)) as rest,
            pytest.raises(Unavailable, match=r"/v2/account: no answer .*check the network"),
        ):
            rest.get("/account")


@pytest.mark.parametrize(
    "fault",
    [wire.reset, wire.html(502), wire.refusal(503, 50310000, "busy"), wire.html(504)],
    ids=["reset", "502", "503", "504"],
)
def test_only_a_get_is_tried_again(fault: Reply) -> None:
    with client_of(fault, fault, wire.answer([])) as (script, rest):
        assert rest.get("/orders") == []
        assert script.methods == ["GET"] * 3
    for verb in ("POST", "PATCH", "DELETE"):
        with client_of(fault, wire.answer({})) as (script, rest):
            with pytest.raises(Unavailable):
                rest.call(verb, "/orders", {})
            assert script.methods == [verb]


def test_a_get_gives_up_after_its_attempts() -> None:
    with client_of(wire.html(502)) as (script, rest):
        with pytest.raises(Unavailable, match="502"):
            rest.get("/orders")
        assert len(script.requests) == QUICK.attempts


def test_a_connection_that_the_server_closed_while_idle_is_replaced() -> None:
    def last_words(handler: wire.Handler) -> None:
        wire.answer({})(handler)
        handler.close_connection = True

    with client_of(last_words) as (script, rest):
        assert rest.call("POST", "/orders", {}) == {}
        time.sleep(0.05)
        assert rest.call("POST", "/orders", {}) == {}
        assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (wire.html(502), Unavailable, "502 without Alpaca's error body"),
        (wire.html(404), Unavailable, "404 without Alpaca's error body: check the base URL"),
        (wire.body(b"<html>"), Unavailable, "not JSON"),
        (wire.body(b""), Unavailable, "empty"),
        (wire.no_content, Unavailable, "empty"),
        (wire.redirect, Unavailable, "redirected"),
        (wire.answer([1], status=400), Unavailable, "400 without Alpaca's error body"),
        (wire.refusal(500, 50010000, "internal"), Unavailable, "500"),
        (wire.refusal(408, 40810000, "late"), Unavailable, "408"),
        (wire.html(429), RateLimited, "429"),
        (wire.refusal(429, 42910000, "too many requests."), RateLimited, "429"),
        (wire.refusal(401, None, "unauthorized."), CredentialsError, "keys are refused"),
        (wire.refusal(401, 40110000, "not authorized"), CredentialsError, "store them again"),
        (wire.html(401), CredentialsError, "keys are refused"),
        (wire.refusal(403, None, "forbidden."), CredentialsError, "keys are refused"),
        (wire.refusal(422, 42210000, "no\nsuch"), Unavailable, "422 .no such."),
    ],
)
def test_each_bad_answer_has_its_error_on_one_line(
    reply: Reply, error: type[Exception], words: str
) -> None:
    with client_of(reply) as (_, rest), pytest.raises(error, match=words) as caught:
        rest.get("/account")
    assert caught.type is error
    message = str(caught.value)
    assert "\n" not in message
    assert "/v2/account" in message
    assert KEY not in message
    assert SECRET not in message


def test_too_many_requests_is_not_answered_with_more() -> None:
    with client_of(wire.html(429)) as (script, rest):
        with pytest.raises(RateLimited):
            rest.get("/account")
        assert len(script.requests) == 1


def test_an_empty_answer_is_how_a_delete_says_yes() -> None:
    with client_of(wire.no_content) as (_, rest):
        assert rest.call("DELETE", "/orders/1") is None


def test_a_client_error_in_alpacas_form_is_a_value() -> None:
    with client_of(wire.refusal(403, 40310000, "insufficient buying power")) as (_, rest):
        told = rest.call("POST", "/orders", {})
    assert told == Rejection(403, 40310000, "insufficient buying power")


def test_proxies_and_netrc_are_not_consulted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with client_of(wire.answer({})) as (_, rest):
        assert rest.get("/account") == {}


def test_the_data_client_goes_through_the_same_session() -> None:
    with scripted(wire.hang) as script, closing(data_rest(KEY, SECRET, script.url, QUICK)) as rest:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            rest.get("/stocks/bars")
        assert time.monotonic() - began < QUICK.call + 0.5
