"""A daemon's connections to its broker: keys, and adapters that take new keys as they come."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.alpaca.data import AlpacaData
from magellan_core.alpaca.deadline import Limits
from magellan_core.alpaca.quotes_beside import QuotesBeside
from magellan_core.alpaca.transport import Rest, data_rest, trading_rest
from magellan_core.aws.credentials import Keys, Parameters, fetch
from magellan_core.config import Config
from magellan_core.environment import Environment, bar_stream_url_of, hosts_of
from magellan_core.keyring import KeyRing, check_account
from magellan_core.model import Account

# A running daemon that reads its keys again has positions to look after.
RENEWAL_SECONDS = 15.0
# Nobody waits longer for a quote that was asked for beside bars.
_BESIDE = Limits(connect=1.0, read=1.0, call=1.0, attempts=1)

Connect = Callable[[str, str, str, Limits], Rest]


class Connections:
    """Where a strategy trades.

    Opening raises ConfigError for an address that must not get the keys, and CredentialsError or
    Unavailable without keys.
    """

    def __init__(
        self, config: Config, path: Path, environment: Environment, environ: Mapping[str, str]
    ) -> None:
        self._config, self._path = config, path
        ssm = config.ssm_parameters
        self.base_url, self._data_url, self.stream_url = hosts_of(environment, config)
        names = Parameters(ssm.api_key_path, ssm.api_secret_path, ssm.region)
        again = partial(fetch, names, environ, RENEWAL_SECONDS)
        self.ring = KeyRing(fetch(names, environ), again, self._prove)

    def broker(self) -> AlpacaBroker:
        return AlpacaBroker(self._connected(trading_rest, self.base_url))

    def data(self) -> AlpacaData:
        rest = self._connected(data_rest, self._data_url)
        return AlpacaData(rest, self._config.data_requirements.feed)

    def data_with_quotes_beside(
        self, in_play: Callable[[], Sequence[str]], stack: ExitStack
    ) -> QuotesBeside:
        """Market data that asks for the quotes of symbols in play while it asks for bars."""
        rest = data_rest(self.ring.keys.key, self.ring.keys.secret, self._data_url, _BESIDE)
        self.ring.give(rest.take)
        beside = AlpacaData(rest, self._config.data_requirements.feed)
        made = QuotesBeside(self.data(), beside.quote_rows, in_play)
        stack.callback(made.close)
        return made

    @property
    def bar_stream_url(self) -> str | None:
        """Where market data is streamed from; None: the configuration does without."""
        config = self._config
        if not config.streams_data:
            return None
        return bar_stream_url_of(self._data_url, config.data_requirements.feed)

    def check(self, account: Account) -> None:
        """Raise unless it is the account that the config names."""
        check_account(account, self._config, self._path, self.base_url)

    def _prove(self, keys: Keys) -> None:
        rest = trading_rest(keys.key, keys.secret, self.base_url, self._limits())
        try:
            self.check(AlpacaBroker(rest).account())
        finally:
            rest.close()

    def _connected(self, connect: Connect, url: str) -> Rest:
        rest = connect(self.ring.keys.key, self.ring.keys.secret, url, self._limits())
        rest.on_refused = self.ring.renew
        self.ring.give(rest.take)
        return rest

    def _limits(self) -> Limits:
        execution = self._config.execution
        read, call = execution.request_timeout_seconds, execution.request_deadline_seconds
        return Limits(read=float(read), call=float(call))
