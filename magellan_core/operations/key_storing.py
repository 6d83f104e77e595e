"""Put an account's API keys into the parameter store, proven first."""

from collections.abc import Mapping
from dataclasses import dataclass

from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.alpaca.transport import trading_rest
from magellan_core.aws.credentials import put
from magellan_core.errors import CredentialsError, UsageError

ROOT = "/magellan/alpaca"


@dataclass(frozen=True, slots=True)
class Storing:
    """Which account, where it is traded, and where its keys go. `kms_key` None: aws/ssm."""

    account: str
    base_url: str
    region: str | None
    kms_key: str | None

    @property
    def names(self) -> tuple[str, str]:
        return f"{ROOT}/{self.account}/API_KEY", f"{ROOT}/{self.account}/API_SECRET"


def store(storing: Storing, key: str, secret: str, env: Mapping[str, str]) -> tuple[str, str]:
    """Prove the keys, write both parameters, return their names.

    Raise UsageError for an account id that is none, CredentialsError if the keys are refused, open
    another account, or may not be stored; Unavailable if the broker or AWS cannot be asked.
    """
    if not (storing.account.isascii() and storing.account.isalnum()):
        raise UsageError(f"{storing.account!r} is no account id: letters and digits, e.g. PA3DD1")
    key, secret = key.strip(), secret.strip()
    if not (key and secret and (key + secret).isascii() and (key + secret).isprintable()):
        raise CredentialsError("both keys are needed, as Alpaca shows them: nothing was stored")
    rest = trading_rest(key, secret, storing.base_url)
    try:
        number = AlpacaBroker(rest).account().number
    finally:
        rest.close()
    if number != storing.account:
        raise CredentialsError(
            f"the keys open account {number}, not {storing.account}: nothing was stored"
        )
    put(dict(zip(storing.names, (key, secret), strict=True)), storing.region, storing.kms_key, env)
    return storing.names
