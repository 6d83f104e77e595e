"""alpaca-py's REST clients behind two verbs, `call` and `get`, that answer or raise named errors.

LAW: a POST, PATCH or DELETE is sent once; whoever called it learns what is known of its outcome.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from requests import Response
from requests.exceptions import JSONDecodeError

from magellan_core.addresses import DATA_URL, PAPER_URL
from magellan_core.alpaca.deadline import DeadlineSession, Limits, place
from magellan_core.errors import CredentialsError, RateLimited, Unavailable


@dataclass(frozen=True, slots=True)
class Rejection:
    """A client error (4xx) with Alpaca's JSON body: the request took no effect."""

    status: int
    code: int | None
    message: str


class Rest:
    """One alpaca-py client. Answers are decoded JSON: nothing is assumed of their form.

    Both verbs raise CredentialsError when the keys are refused, RateLimited on HTTP 429, and
    Unavailable when there is no usable answer, in time or at all. `on_refused` may get other keys
    then and says whether `take` was given them: the request, which had no effect, is sent again.
    """

    def __init__(self, client: RESTClient, limits: Limits) -> None:
        client._session = DeadlineSession(limits)
        # alpaca-py would send a POST answered 429 or 504 again: double orders.
        client._retry = 0
        self._client = client
        self.on_refused: Callable[[], bool] | None = None

    def take(self, key: str, secret: str) -> None:
        """Use these keys from the next request on."""
        self._client._api_key, self._client._secret_key = key, secret

    def call(
        self, verb: str, path: str, data: Mapping[str, object] | None = None
    ) -> object | Rejection:
        """Send one request; None for an empty answer, which is how a DELETE says yes."""
        try:
            return self._call(verb, path, data)
        except CredentialsError:
            if self.on_refused is None or not self.on_refused():
                raise
            return self._call(verb, path, data)

    def _call(self, verb: str, path: str, data: Mapping[str, object] | None) -> object | Rejection:
        where = place(verb, f"{_address(self._client)}{path}")
        try:
            return self._client._request(verb, path, dict(data) if data is not None else None)
        except APIError as error:
            if error.response is None:
                raise Unavailable(f"{where}: no answer: try again") from error
            trading = isinstance(self._client, TradingClient)
            return _rejection(where, error.response, trading=trading)
        except JSONDecodeError as error:
            raise Unavailable(f"{where}: the answer is not JSON: check the base URL") from error

    def get(self, path: str, query: Mapping[str, object] | None = None) -> object:
        """Read something that must be there: a Rejection or an empty answer is Unavailable."""
        where = place("GET", f"{_address(self._client)}{path}")
        answer = self.call("GET", path, query)
        if isinstance(answer, Rejection):
            raise Unavailable(
                f"{where}: refused with {answer.status} ({answer.message}): it is asked again later"
            )
        if answer is None:
            raise Unavailable(f"{where}: the answer is empty: a later tick tries again")
        return answer

    def close(self) -> None:
        """Close the connections; the object is of no use afterwards."""
        self._client._session.close()


def trading_rest(key: str, secret: str, url: str = PAPER_URL, limits: Limits | None = None) -> Rest:
    """The trading API of one account; `url` is the host root, without /v2."""
    client = TradingClient(key, secret, raw_data=True, url_override=url)
    return Rest(client, limits or Limits())


def data_rest(key: str, secret: str, url: str = DATA_URL, limits: Limits | None = None) -> Rest:
    """The market data API; `url` is the host root, without /v2."""
    client = StockHistoricalDataClient(key, secret, raw_data=True, url_override=url)
    return Rest(client, limits or Limits())


def actions_rest(key: str, secret: str, url: str = DATA_URL, limits: Limits | None = None) -> Rest:
    """The corporate actions API, which is at /v1; `url` is the host root."""
    client = CorporateActionsClient(key, secret, raw_data=True, url_override=url)
    return Rest(client, limits or Limits())


def _rejection(where: str, response: Response, *, trading: bool) -> Rejection:
    """What an HTTP error says. Raises unless it is a client error in Alpaca's form.

    A 403 without a code means bad keys, but of market data it may mean the plan: then its words
    tell.
    """
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(f"{where}: too many requests (429): ask less often")
    code, message = _told(response)
    nameless = code is None and status == HTTPStatus.FORBIDDEN and message is not None
    of_keys = nameless and (trading or str(message).lower().startswith("forbidden"))
    if status == HTTPStatus.UNAUTHORIZED or of_keys:
        _refused_keys(where, status)
    if message is None:
        raise Unavailable(
            f"{where}: HTTP {status} without Alpaca's error body: check the base URL and the "
            "broker's status"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        raise Unavailable(f"{where}: HTTP {status} ({message}): a later tick tries again")
    return Rejection(status, code, message)


def _refused_keys(where: str, status: int) -> NoReturn:
    raise CredentialsError(
        f"{where}: the API keys are refused ({status}): create keys for this paper account in the "
        "Alpaca dashboard and store them again"
    )


def _told(response: Response) -> tuple[int | None, str | None]:
    """Code and message of Alpaca's error body; message None: it is no such body."""
    try:
        body = response.json()
    except JSONDecodeError:
        return None, None
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        return None, None
    code = body.get("code")
    return (code if isinstance(code, int) else None), " ".join(body["message"].split())


def _address(client: RESTClient) -> str:
    return f"{client._base_url}/{client._api_version}"
