"""What the environment tells a daemon: where its config, state, broker and clock are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from magellan_core.addresses import DATA_URL, PAPER_URL, Hosts, Named, settle
from magellan_core.config import Config
from magellan_core.errors import ConfigError

INSTALLED_CONFIGS = Path("/etc/magellan")
INSTALLED_STATE = Path("/var/lib/magellan")
BESIDE_THE_CODE = Path("var/state")
START_PATIENCE = 300.0
LONGEST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Environment:
    """Read once at start. `exchange` is the paper exchange whose clock is followed, if any.

    `start_patience_seconds` is how long a start waits for the broker before it ends with 69,
    which the service manager restarts.
    """

    config: Path
    state: Path
    hosts: Named
    exchange: str | None
    patrol_seconds: float | None
    start_patience_seconds: float


def read(environ: Mapping[str, str], strategy: str, beside: Path) -> Environment:
    """Settle every path. `beside` is the config.json next to run_strategy.py.

    Raise ConfigError for a variable that should be a number of seconds and is none.
    """
    named = named_hosts(environ)
    patience = _seconds(environ, "MAGELLAN_START_PATIENCE", least=0.0)
    return Environment(
        config=_config(environ, strategy, beside),
        state=_named_state(environ) or BESIDE_THE_CODE,
        hosts=named,
        exchange=named.base if environ.get("MAGELLAN_CLOCK") == "exchange" else None,
        patrol_seconds=_seconds(environ, "MAGELLAN_PATROL_SECONDS", least=1.0),
        start_patience_seconds=START_PATIENCE if patience is None else patience,
    )


def _seconds(environ: Mapping[str, str], name: str, least: float) -> float | None:
    """A number of seconds, at most a day; None: the variable is absent or empty."""
    text = environ.get(name, "").strip()
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not least <= found <= LONGEST_SECONDS:
        fault = f"{name}: is {text!r}, must be seconds from {least:g} to {LONGEST_SECONDS:g}"
        raise ConfigError("environment", [fault])
    return found


def _config(environ: Mapping[str, str], strategy: str, beside: Path) -> Path:
    """The operator's file where one is installed, else the one shipped with the code."""
    named = environ.get("MAGELLAN_CONFIG")
    if named:
        return Path(named)
    installed = INSTALLED_CONFIGS / f"{strategy}.json"
    return installed if installed.exists() else beside


def state_dir(environ: Mapping[str, str]) -> Path:
    """Where a script run by hand finds the daemons' state: named, installed, or beside the code."""
    named = _named_state(environ)
    if named is not None:
        return named
    return INSTALLED_STATE if INSTALLED_STATE.is_dir() else BESIDE_THE_CODE


def _named_state(environ: Mapping[str, str]) -> Path | None:
    """The unit's StateDirectory= first, which may be a list; then what a person named."""
    named = environ.get("STATE_DIRECTORY") or environ.get("MAGELLAN_STATE_DIR")
    return Path(named.split(":")[0]) if named else None


def named_hosts(environ: Mapping[str, str]) -> Named:
    """The addresses that the environment names; an empty variable names none."""
    names = ("APCA_API_BASE_URL", "APCA_API_DATA_URL", "APCA_API_STREAM_URL")
    base, data, stream = (environ.get(name, "").strip() or None for name in names)
    return Named(base, data, stream)


def hosts_of(environment: Environment, config: Config) -> Hosts:
    """Where a strategy's broker is. Raise ConfigError for what must not be given its keys."""
    ssm, live = config.ssm_parameters, config.account_info.live_trading_allowed
    return settle(environment.hosts, ssm.base_url, ssm.data_url, live=live)


def hosts_without_config(environ: Mapping[str, str]) -> Hosts:
    """Alpaca's, or what the environment names, for a script that reads and never trades.

    Raise ConfigError for an address that is none, or that would send the keys in clear.
    """
    return settle(named_hosts(environ), PAPER_URL, DATA_URL, live=True)


def bar_stream_url_of(data_url: str, feed: str) -> str:
    """The data stream's address: of Alpaca's data host its stream host, else the same host."""
    parts = urlsplit(data_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    alpaca = parts.netloc.startswith("data.") and parts.netloc.endswith(".alpaca.markets")
    host = f"stream.{parts.netloc}" if alpaca else parts.netloc
    return f"{scheme}://{host}/v2/{feed}"
