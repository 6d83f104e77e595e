"""Open stations for onlookers: configs, keys, and adapters that ask once and give up soon."""

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.alpaca.data import AlpacaData
from magellan_core.alpaca.deadline import Limits
from magellan_core.alpaca.transport import data_rest, trading_rest
from magellan_core.aws.credentials import FILE_NAME, KEY_NAME, SECRET_NAME, Parameters, fetch
from magellan_core.config import Config, load
from magellan_core.environment import Environment, hosts_of, read, state_dir
from magellan_core.errors import (
    ConfigError,
    ConfigMissing,
    CredentialsError,
    Unavailable,
    UsageError,
)
from magellan_core.operations.stations import Station

# One attempt, so that the request budget holds; the next look asks again.
ONLOOKER = Limits(connect=2.0, read=4.0, call=5.0, attempts=1)
_PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """What a running paper exchange wrote: its address, and keys by strategy."""

    base_url: str
    keys: Mapping[str, tuple[str, str]]


def open_stations(
    configs: Mapping[str, Path], base_url: str, keys: Mapping[str, tuple[str, str]], state: Path
) -> list[Station]:
    """Stations at an exchange that serves its own data. `configs` and `keys` are by strategy.

    A strategy without keys is a station without a broker. Raise ConfigError or ConfigMissing.
    """
    return [
        _station(
            name,
            load(path),
            base_url,
            base_url,
            keys.get(name),
            state,
            f"{base_url} has no account for {name}",
        )
        for name, path in configs.items()
    ]


def open_accounts(
    shipped: Iterable[Path], environ: Mapping[str, str], state: Path | None, only: str | None
) -> list[Station]:
    """Stations as the daemons of this machine run: installed configs, keys from SSM.

    `shipped` are the config.json files of the code; `only` names one strategy, None: all. Keys in
    the environment open one account, so they are taken for one strategy only. Raise ConfigError,
    ConfigMissing, or UsageError for an unknown strategy.
    """
    beside = {load(path).name: path for path in shipped}
    names = chosen(beside, only)
    if len(names) > 1:
        alone = {KEY_NAME, SECRET_NAME, FILE_NAME, "MAGELLAN_CONFIG"}
        environ = {name: value for name, value in environ.items() if name not in alone}
    stations: list[Station] = []
    for name in names:
        environment = read(environ, name, beside[name])
        config = load(environment.config)
        if config.name != name:
            fault = f"strategy.name: is {config.name!r}, must be {name!r}"
            raise ConfigError(str(environment.config), [fault])
        stations.append(_with_fetched_keys(name, config, environment, environ, state))
    return stations


def chosen(known: Iterable[str], only: str | None) -> list[str]:
    """All names, or the one asked for. Raise UsageError if there is no such strategy."""
    names = list(known)
    if only is None:
        return names
    if only not in names:
        raise UsageError(f"--strategy {only}: there is {', '.join(names)}")
    return [only]


def ready_file(path: Path) -> ReadyFile:
    """What scripts/paper_exchange.py wrote to --ready-file. Raise ConfigMissing or ConfigError."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        keys = {a["strategy"]: (a["key"], a["secret"]) for a in told["accounts"]}
        return ReadyFile(f"http://127.0.0.1:{int(told['port'])}", keys)
    except OSError as fault:
        raise ConfigMissing(
            f"{path}: cannot be read ({fault.strerror}): start scripts/paper_exchange.py with "
            "--ready-file, or make demo"
        ) from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise ConfigError(str(path), [f"not a paper exchange's ready file ({fault!r})"]) from fault


def exchange_now(base_url: str) -> datetime:
    """The paper exchange's time, which needs no keys and moves nothing. Raise Unavailable."""
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/sim/state")
        told = json.loads(connection.getresponse().read())
        return datetime.fromisoformat(told["now"])
    except (OSError, http.client.HTTPException) as fault:
        raise Unavailable(f"the paper exchange at {base_url} does not answer: {fault}") from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise Unavailable(f"{base_url} is no paper exchange: it does not tell its time") from fault
    finally:
        connection.close()


def _with_fetched_keys(
    name: str,
    config: Config,
    environment: Environment,
    environ: Mapping[str, str],
    state: Path | None,
) -> Station:
    """With the keys that the daemon would use; without them, the station says why.

    Raise ConfigError for an address that must not get them.
    """
    base_url, data_url, _ = hosts_of(environment, config)
    ssm = config.ssm_parameters
    keys, why, refused = None, "", False
    try:
        found = fetch(Parameters(ssm.api_key_path, ssm.api_secret_path, ssm.region), environ)
        keys = (found.key, found.secret)
    except (CredentialsError, Unavailable) as fault:
        why, refused = f"{fault} (then start this again)", isinstance(fault, CredentialsError)
    place = state or state_dir(environ)
    return _station(name, config, base_url, data_url, keys, place, why, refused=refused)


def _station(
    name: str,
    config: Config,
    base_url: str,
    data_url: str,
    keys: tuple[str, str] | None,
    state: Path,
    why: str,
    *,
    refused: bool = False,
) -> Station:
    broker = data = None
    if keys is not None:
        broker = AlpacaBroker(trading_rest(*keys, base_url, ONLOOKER))
        rest = data_rest(*keys, data_url, ONLOOKER)
        data = AlpacaData(rest, config.data_requirements.feed)
    return Station(
        strategy=name,
        config=config,
        broker=broker,
        data=data,
        journal=state / f"{name}.sqlite3",
        portfolio=state / config.portfolio.store,
        why="" if broker is not None else why,
        refused=refused,
    )
