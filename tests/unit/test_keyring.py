"""Keys are proven before they are used, hidden before they are proven."""

import pytest

from magellan_core.aws.credentials import Keys
from magellan_core.errors import CredentialsError, MagellanError, Unavailable
from magellan_core.keyring import KeyRing

OLD, NEW = Keys("PKOLD", "old", "test"), Keys("PKNEW", "new", "test")


class Bench:
    """A store with a pair of keys or a fault, a proof that may fail, and an account of events."""

    def __init__(self) -> None:
        self.stored: Keys | MagellanError = OLD
        self.flaw: MagellanError | None = None
        self.told: list[str] = []
        self.ring = KeyRing(OLD, self.fetch, self.prove)
        self.ring.hide_by(lambda _, secret: self.told.append(f"hide {secret}"))
        self.ring.give(lambda _, secret: self.told.append(f"use {secret}"))

    def fetch(self) -> Keys:
        if isinstance(self.stored, MagellanError):
            raise self.stored
        return self.stored

    def prove(self, keys: Keys) -> None:
        self.told.append(f"prove {keys.secret}")
        if self.flaw:
            raise self.flaw


def test_the_keys_in_use_are_hidden_from_the_start() -> None:
    assert Bench().told == ["hide old"]


def test_the_same_keys_again_are_no_renewal() -> None:
    bench = Bench()
    assert bench.ring.renew() is False
    assert bench.told == ["hide old"]


def test_new_keys_are_hidden_then_proven_then_used() -> None:
    bench = Bench()
    bench.stored = NEW
    assert bench.ring.renew() is True
    assert bench.told == ["hide old", "hide new", "prove new", "use new"]
    assert bench.ring.keys is NEW


@pytest.mark.parametrize("fault", [CredentialsError("another account"), Unavailable("no answer")])
def test_keys_that_cannot_be_proven_or_read_leave_the_old_ones(fault: MagellanError) -> None:
    bench = Bench()
    bench.stored, bench.flaw = NEW, fault
    with pytest.raises(type(fault)):
        bench.ring.renew()
    bench.stored = fault
    with pytest.raises(type(fault)):
        bench.ring.renew()
    assert bench.ring.keys is OLD
    assert "use new" not in bench.told
