"""The kill switch in bad weather: 200 seeded cases."""

import pytest

from tests.unit.operations.chaos import case


@pytest.mark.parametrize("seed", range(200))
def test_flat_within_a_minute_whenever_the_broker_answers_for_twenty_seconds_of_it(
    seed: int,
) -> None:
    played = case(seed)
    story = "\n".join(played.events)
    # Whatever happened, it never says more than what is so.
    assert played.verdict.flat is (not played.held and not played.orders), story
    if played.halted is None and played.fair_in_a_minute >= 20:
        assert played.verdict.flat, story
        assert played.verdict.seconds <= 60, story
    if not played.verdict.flat:
        named = " ".join(played.verdict.open)
        assert all(held.split()[0] in named for held in played.held), story


def test_the_cases_hold_something_and_some_cannot_be_closed() -> None:
    played = [case(seed) for seed in range(60)]
    assert sum(any(" close " in e for e in p.events) for p in played) > 30
    assert sum(any(" cancel" in e for e in p.events) for p in played) > 30
    assert sum(any(" trouble " in e for e in p.events) for p in played) > 40
    assert any(p.halted is not None for p in played)
