"""The keys in use: re-read when the broker refuses them or a reload is asked for.

New keys are proven before anybody uses them, so that a mistake in the parameter store cannot take
the working ones away.
"""

from collections.abc import Callable
from pathlib import Path

from magellan_core.addresses import is_loopback
from magellan_core.aws.credentials import Keys
from magellan_core.config import PENDING, Config
from magellan_core.errors import ConfigError, CredentialsError
from magellan_core.model import Account

# Uses a key and its secret from now on.
Taker = Callable[[str, str], None]


class KeyRing:
    """Holds an account's keys, and hands new ones to whoever uses them.

    `fetch` reads them where they are kept; `prove` raises unless they open the right account.
    """

    def __init__(
        self, keys: Keys, fetch: Callable[[], Keys], prove: Callable[[Keys], None]
    ) -> None:
        self.keys = keys
        self._fetch, self._prove = fetch, prove
        self._hiders: list[Taker] = []
        self._takers: list[Taker] = []

    def hide_by(self, hider: Taker) -> None:
        """Told of keys before anything is tried with them: a log formatter, say."""
        hider(self.keys.key, self.keys.secret)
        self._hiders.append(hider)

    def give(self, taker: Taker) -> None:
        """Told of keys once they are proven."""
        self._takers.append(taker)

    def renew(self) -> bool:
        """Read the keys again; True: they are others, they open the account, and are in use.

        Raise CredentialsError or Unavailable, with the old keys still in use.
        """
        found = self._fetch()
        if (found.key, found.secret) == (self.keys.key, self.keys.secret):
            return False
        for hider in self._hiders:
            hider(found.key, found.secret)
        self._prove(found)
        self.keys = found
        for taker in self._takers:
            taker(found.key, found.secret)
        return True


def check_account(account: Account, config: Config, path: Path, base_url: str) -> None:
    """The keys must open the account that the config names.

    Raise CredentialsError if they open another, ConfigError if the config names none yet.
    """
    named = config.account_info.account_id
    if named == PENDING and is_loopback(base_url):
        return
    if named == PENDING:
        fault = "account_info.account_id: is PENDING_CREATION: put the account's number here"
        raise ConfigError(str(path), [fault])
    if account.number != named:
        raise CredentialsError(
            f"the keys open account {account.number}, the config names {named}: "
            "correct account_info.account_id or store that account's keys"
        )
