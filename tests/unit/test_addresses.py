"""Where keys may be sent: the environment's addresses over the file's, judged before any use."""

import json
from pathlib import Path

import pytest

from magellan_core.addresses import Hosts, faults_of, is_loopback, is_paper, root, trading_faults
from magellan_core.config import parse
from magellan_core.connections import Connections
from magellan_core.environment import hosts_without_config, read
from magellan_core.errors import ConfigError

SHIPPED = (
    Path(__file__).resolve().parents[2]
    / "deployable_strategies/bear_trap/aws_deployment/config.json"
)
KEYS = {"APCA_API_KEY_ID": "PK-of-nobody", "APCA_API_SECRET_KEY": "a secret of nobody"}
PAPER = Hosts(
    "https://paper-api.alpaca.markets",
    "https://data.alpaca.markets",
    "wss://paper-api.alpaca.markets/stream",
)
LIVE = "https://api.alpaca.markets"
OURS = "http://127.0.0.1:8100"


def connections(live: bool, **environ: str) -> Connections:
    """As a daemon opens them, on the shipped file; nothing is sent yet."""
    told = json.loads(SHIPPED.read_text())
    told["account_info"]["live_trading_allowed"] = live
    env = {**KEYS, **environ}
    return Connections(
        parse(json.dumps(told), "config.json"), SHIPPED, read(env, "bear_trap", SHIPPED), env
    )


@pytest.mark.parametrize(
    ("environ", "live", "hosts"),
    [
        ({}, False, PAPER),
        ({"APCA_API_BASE_URL": " "}, False, PAPER),
        ({"APCA_API_BASE_URL": "https://paper-api.alpaca.markets/v2/"}, False, PAPER),
        ({"APCA_API_BASE_URL": f"{OURS}/"}, False, Hosts(OURS, OURS, "ws://127.0.0.1:8100/stream")),
        (
            {"APCA_API_BASE_URL": "http://[::1]:8100", "APCA_API_DATA_URL": PAPER.data},
            False,
            Hosts("http://[::1]:8100", PAPER.data, "ws://[::1]:8100/stream"),
        ),
        (
            {"APCA_API_BASE_URL": OURS, "APCA_API_STREAM_URL": "ws://localhost:9/stream"},
            False,
            Hosts(OURS, OURS, "ws://localhost:9/stream"),
        ),
        (
            {"APCA_API_BASE_URL": LIVE},
            True,
            Hosts(LIVE, PAPER.data, "wss://api.alpaca.markets/stream"),
        ),
    ],
)
def test_the_daemons_hosts_are_the_files_and_the_environments(
    environ: dict[str, str], live: bool, hosts: Hosts
) -> None:
    opened = connections(live, **environ)
    assert (opened.base_url, opened.stream_url) == (hosts.trading, hosts.stream)
    assert opened.bar_stream_url in (
        "wss://stream.data.alpaca.markets/v2/sip",
        "ws" + hosts.data.removeprefix("http") + "/v2/sip",
    )
    assert hosts_without_config(environ) == hosts


@pytest.mark.parametrize(
    ("variable", "url", "live", "words"),
    [
        ("APCA_API_BASE_URL", "http://10.1.2.3:8100", True, "would send the keys in clear"),
        ("APCA_API_BASE_URL", "http://paper-api.alpaca.markets", False, "in clear"),
        ("APCA_API_BASE_URL", LIVE, False, "live_trading_allowed"),
        ("APCA_API_BASE_URL", "paper-api.alpaca.markets", False, "no http"),
        ("APCA_API_BASE_URL", "https://paper-api.alpaca.markets/v3", False, "no http"),
        ("APCA_API_BASE_URL", "https://paper-api.alpaca.markets:99999", False, "no http"),
        ("APCA_API_BASE_URL", "http://127.0.0.1:x", False, "no http"),
        ("APCA_API_BASE_URL", "http://[::1", False, "no http"),
        ("APCA_API_BASE_URL", "http://127.0.0.1@example.com", True, "no http"),
        ("APCA_API_BASE_URL", "https://example.com?.alpaca.markets", True, "no http"),
        ("APCA_API_BASE_URL", "https://two words", True, "no http"),
        ("APCA_API_DATA_URL", "http://10.1.2.3:8100", True, "in clear"),
        ("APCA_API_DATA_URL", "ftp://data.alpaca.markets", True, "no http"),
        ("APCA_API_STREAM_URL", "ws://10.1.2.3:8100/stream", True, "in clear"),
        ("APCA_API_STREAM_URL", "wss://api.alpaca.markets/stream", False, "live_trading_allowed"),
        ("APCA_API_STREAM_URL", "https://paper-api.alpaca.markets/stream", False, "no ws"),
    ],
)
def test_an_address_that_must_not_get_the_keys_is_refused_before_they_are_sent(
    variable: str, url: str, live: bool, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        connections(live, **{variable: url})
    assert variable in str(told.value)
    assert "\n" not in str(told.value)
    if "live" not in words:
        with pytest.raises(ConfigError, match=words):
            hosts_without_config({variable: url})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(f"http://{host}:1")
    assert is_paper(f"http://{host}:1")
    assert faults_of(f"http://{host}:1") == []


@pytest.mark.parametrize("host", ["10.0.0.1", "0.0.0.0", "example.com", "localhost.example.com"])  # noqa: S104 - not bound
def test_another_machine_is_not(host: str) -> None:
    assert not is_loopback(f"http://{host}:1")
    assert faults_of(f"http://{host}:1")
    assert trading_faults(f"https://{host}:1", live=False)
    assert not trading_faults(f"https://{host}:1", live=True)


def test_the_root_is_what_the_client_puts_its_version_behind() -> None:
    assert {root(f"https://x{end}") for end in ("", "/", "/v2", "/v2/", "//v2//")} == {"https://x"}
