"""What the shipper says: a fault once, its end with what it cost, and waits that grow."""

from magellan_core.operations.shipping import Trip, Watchman

DOWN = Trip(fault="CloudWatch does not answer")


def said(watchman: Watchman) -> list[str]:
    return [f"{event}: {text}" for _, event, text in watchman.sayings()]


def test_a_fault_is_said_once_and_its_end_with_its_length() -> None:
    watchman = Watchman(5.0)
    for at in (0.0, 10.0, 20.0):
        watchman.heard({"a": DOWN, "b": Trip(shipped=1)}, at)
    assert said(watchman) == ["outage: a: CloudWatch does not answer"]
    assert watchman.exit_code == 69
    assert "a waits" in watchman.status
    watchman.heard({"a": Trip(shipped=7)}, 95.0)
    assert said(watchman) == ["back: a: ships again after 95 s; 7 lines caught up"]
    assert watchman.exit_code == 0


def test_waits_grow_while_a_fault_lasts_and_shrink_with_it() -> None:
    watchman = Watchman(5.0, longest=60.0)
    waits = [watchman.heard({"a": DOWN}, 0.0) for _ in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert watchman.heard({"a": Trip()}, 0.0) == 5.0
    assert watchman.heard({"a": Trip(more=True)}, 0.0) == 0.0
    assert watchman.busy
