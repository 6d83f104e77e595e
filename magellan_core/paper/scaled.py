"""Scaled time: the same waits as in stepped time, answered when virtual time gets there."""

from collections.abc import Mapping
from datetime import datetime

from magellan_core.paper.sim import Member, Release, State, Superseded, Venue, Wait


class ScaledTime:
    """Waits in scaled time: answered when the virtual time or an update is there, no turns."""

    def __init__(self, venue: Venue, members: Mapping[str, str | None]) -> None:
        self._venue = venue
        self._members = {name: Member(name, account) for name, account in members.items()}

    def wait(self, name: str, wait: Wait) -> None:
        member = self._members.setdefault(name, Member(name, None))
        self._supersede(member)
        member.wait, member.state = wait, State.WAITING
        self.pump()

    def disconnected(self, name: str, wait: Wait) -> None:
        member = self._members[name]
        if member.wait is wait:
            member.wait, member.state = None, State.MISSING

    def absent(self, name: str, until: datetime | None) -> None:
        """Accepted for the sake of one protocol; scaled time waits for nobody."""
        if name in self._members:
            self._members[name].back = until
            self._supersede(self._members[name])

    def leave(self, name: str) -> None:
        if name in self._members:
            self._supersede(self._members[name])
            self._members[name].state = State.LEFT

    def park(self) -> None:
        """Nobody has to be released: in scaled time nobody is held."""

    def updated(self, accounts: frozenset[str]) -> None:
        """These accounts had an update: wake whoever asked for it."""
        for member in self._members.values():
            member.updated = member.updated or member.account in accounts

    def pump(self) -> None:
        """Answer every wait that is due."""
        now = self._venue.now()
        for member in self._members.values():
            if member.wait is None or not member.due(now):
                continue
            reason = "time" if member.until(now) <= now else "update"
            wait, member.wait = member.wait, None
            member.state, member.updated = State.RUNNING, False
            frames = self._venue.take_frames(member.account) if member.account else (0, 0)
            wait.answer(Release(now, reason, frames))

    def next_wish(self) -> datetime | None:
        """The earliest instant that anybody waits for."""
        now = self._venue.now()
        return min(
            (member.until(now) for member in self._members.values() if member.wait), default=None
        )

    def describe(self) -> list[dict[str, object]]:
        return [
            {"name": member.name, "account": member.account, "state": str(member.state)}
            for member in self._members.values()
        ]

    def _supersede(self, member: Member) -> None:
        if member.wait is not None:
            member.wait.answer(Superseded())
            member.wait = None
