"""A download is cut into files, goes on where it stopped, and waits when it is asked to."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from magellan_core.alpaca.history import Stamped
from magellan_core.backtest.fetch import ATTEMPTS, Order, fetch, stretches
from magellan_core.errors import RateLimited, Unavailable
from magellan_core.model import Timeframe
from magellan_core.paper.market_files import bar_files, read_splits

NOW = datetime(2024, 7, 10, 12, tzinfo=UTC)


class Script:
    """A source that answers each request as the script says."""

    def __init__(self, *answers: type[Exception] | None) -> None:
        self.answers, self.asked = list(answers), list[tuple[date, date]]()

    def bars(
        self,
        symbol: str,  # noqa: ARG002
        timeframe: Timeframe,  # noqa: ARG002
        start: datetime,
        end: datetime,
    ) -> Iterator[Stamped]:
        fault = self.answers.pop(0) if self.answers else None
        if fault is not None:
            raise fault("as scripted")
        self.asked.append((start.date(), end.date()))
        yield Stamped(start.replace(hour=14), 1.0, 2.0, 0.5, 1.5, 100.0)

    def splits(
        self,
        symbols: tuple[str, ...],  # noqa: ARG002
        first: date,  # noqa: ARG002
        last: date,  # noqa: ARG002
    ) -> Mapping[str, Sequence[tuple[date, Fraction]]]:
        return {"AMC": [(date(2024, 5, 1), Fraction(1, 10))]}


def order(folder: Path, last: date = date(2024, 6, 20)) -> Order:
    return Order(folder, ("AMC",), Timeframe.MINUTE, date(2024, 4, 15), last, NOW)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("minute/*"))


def quiet(_text: str) -> None:
    """Nothing."""


def stay() -> None:
    """No rest is needed."""


def test_the_days_are_cut_at_months_years_or_not_at_all() -> None:
    first, last = date(2023, 11, 20), date(2024, 1, 10)
    assert list(stretches(Timeframe.MINUTE, first, last)) == [
        (date(2023, 11, 20), date(2023, 11, 30)),
        (date(2023, 12, 1), date(2023, 12, 31)),
        (date(2024, 1, 1), date(2024, 1, 10)),
    ]
    assert list(stretches(Timeframe.HOUR, first, last)) == [
        (date(2023, 11, 20), date(2023, 12, 31)),
        (date(2024, 1, 1), date(2024, 1, 10)),
    ]
    assert list(stretches(Timeframe.DAY, first, last)) == [(first, last)]
    assert list(stretches(Timeframe.DAY, last, first)) == []


def test_a_download_cut_short_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        fetch(order(tmp_path), Script(None, Unavailable), stay, quiet)
    assert files(tmp_path) == ["AMC_1m_20240415_20240430.parquet"]
    source = Script()
    assert len(fetch(order(tmp_path), source, stay, quiet)) == 2
    assert [first.month for first, _ in source.asked] == [5, 6]
    assert read_splits(tmp_path) == {"AMC": [(date(2024, 5, 1), Fraction(1, 10))]}


def test_a_rate_limit_is_waited_out_but_not_for_ever(tmp_path: Path) -> None:
    rests: list[int] = []
    fetch(order(tmp_path), Script(RateLimited, RateLimited), lambda: rests.append(1), quiet)
    assert len(rests) == 2
    other = tmp_path / "other"
    with pytest.raises(RateLimited):
        fetch(order(other), Script(*[RateLimited] * ATTEMPTS), lambda: rests.append(1), quiet)
    assert files(other) == []


def test_a_longer_stretch_takes_the_place_of_a_shorter(tmp_path: Path) -> None:
    fetch(order(tmp_path), Script(), stay, quiet)
    fetch(order(tmp_path, date(2024, 6, 28)), Script(), stay, quiet)
    assert files(tmp_path)[-1] == "AMC_1m_20240601_20240628.parquet"
    assert len(files(tmp_path)) == 3


def test_a_day_that_is_not_over_is_left_for_later(tmp_path: Path) -> None:
    fetch(order(tmp_path, date(2024, 7, 31)), Script(), stay, quiet)
    assert files(tmp_path)[-1] == "AMC_1m_20240701_20240709.parquet"
    assert len(bar_files(tmp_path)["AMC", Timeframe.MINUTE]) == 4
