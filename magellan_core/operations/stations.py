"""A strategy's station, for onlookers: its config, its account and its journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from magellan_core.config import Config
from magellan_core.errors import JournalError, JournalUnwritable
from magellan_core.ports import Broker, MarketData
from magellan_core.store.journal import JournalReader, read_only


@dataclass(frozen=True, slots=True)
class Station:
    """Where one strategy can be looked at.

    `broker` None: its keys could not be had, and `why`; `refused`: a person must mend that.
    """

    strategy: str
    config: Config
    broker: Broker | None
    data: MarketData | None
    journal: Path
    portfolio: Path
    why: str = ""
    refused: bool = False

    @contextmanager
    def reader(self) -> Iterator[JournalReader | None]:
        """The journal to read; None where there is none yet, or it cannot be read now."""
        try:
            journal = read_only(self.journal)
        except (JournalError, JournalUnwritable):
            yield None
            return
        try:
            yield journal
        finally:
            journal.close()
