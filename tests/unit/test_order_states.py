"""The order state machine, pair by pair, and the names of orders."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.errors import ImpossibleEvent
from magellan_core.order_states import (
    _WORDS,
    Happening,
    Status,
    advance,
    client_order_id,
    happening_of,
    is_live,
    is_terminal,
    read_order_name,
)

# Every pair of the machine, typed by hand. Columns: the status before; rows: what happens; cells:
# the status after, by its first four letters; a dot is impossible.
KEY = """
              PLAN PEND UNKN WORK FILL CANC EXPI REPL REJE ABAN
SENT          PEND .    PEND .    .    .    .    .    .    .
ACKED         WORK WORK WORK WORK FILL CANC EXPI REPL WORK WORK
FOUND         WORK WORK WORK WORK FILL CANC EXPI REPL WORK WORK
LOST          UNKN UNKN UNKN WORK .    .    .    .    .    .
REFUSED       REJE REJE REJE .    .    .    .    .    REJE .
NOT_FOUND     ABAN ABAN ABAN .    .    .    .    .    .    ABAN
PARTLY_FILLED WORK WORK WORK WORK FILL CANC EXPI REPL WORK WORK
FILLED        FILL FILL FILL FILL FILL FILL FILL FILL FILL FILL
CANCELED      CANC CANC CANC CANC FILL CANC EXPI REPL CANC CANC
EXPIRED       EXPI EXPI EXPI EXPI FILL CANC EXPI REPL EXPI EXPI
REPLACED      REPL REPL REPL REPL FILL CANC EXPI REPL REPL REPL
REJECTED      REJE REJE REJE REJE .    CANC EXPI REPL REJE REJE
"""


def pairs() -> list[tuple[Status, Happening, Status | None]]:
    """The key above as (status, happening, next status or None)."""
    named = {status.name[:4]: status for status in Status}
    header, *rows = KEY.strip().splitlines()
    found: list[tuple[Status, Happening, Status | None]] = []
    for row in rows:
        happening, *cells = row.split()
        for before, after in zip(header.split(), cells, strict=True):
            found.append((named[before], Happening[happening], named.get(after)))
    return found


PAIRS = pairs()
sequences = st.lists(st.sampled_from(list(Happening)), max_size=30)


def live_through(happenings: list[Happening], status: Status = Status.PLANNED) -> Status:
    """The status after those happenings; impossible ones change nothing."""
    for happening in happenings:
        try:
            status = advance(status, happening)
        except ImpossibleEvent:
            continue
    return status


def test_the_answer_key_holds_every_pair_once() -> None:
    assert {(status, happening) for status, happening, _ in PAIRS} == {
        (status, happening) for status in Status for happening in Happening
    }
    assert len(PAIRS) == len(Status) * len(Happening)


@pytest.mark.parametrize(("status", "happening", "expected"), PAIRS)
def test_every_pair(status: Status, happening: Happening, expected: Status | None) -> None:
    if expected is None:
        with pytest.raises(ImpossibleEvent) as caught:
            advance(status, happening)
        assert (caught.value.status, caught.value.event) == (status, happening)
    else:
        assert advance(status, happening) is expected


@pytest.mark.parametrize(
    ("story", "happenings", "expected"),
    [
        ("a quiet order", "SENT ACKED PARTLY_FILLED FILLED", Status.FILLED),
        ("the answer was lost, the order was there", "SENT LOST FOUND FILLED", Status.FILLED),
        ("never arrived, sent again", "SENT LOST SENT ACKED", Status.WORKING),
        ("abandoned, and there after all", "SENT LOST NOT_FOUND FOUND", Status.WORKING),
        ("the fill overtook the cancel", "SENT ACKED CANCELED FILLED", Status.FILLED),
        ("part was filled before the cancel", "SENT ACKED CANCELED PARTLY_FILLED", Status.CANCELED),
        ("the fill overtook the replacement", "SENT ACKED REPLACED FILLED", Status.FILLED),
        ("news in the wrong order", "SENT FILLED ACKED PARTLY_FILLED", Status.FILLED),
        ("the echo was refused", "SENT LOST SENT REFUSED FOUND", Status.WORKING),
        ("crashed before writing that it was sent", "FOUND FILLED", Status.FILLED),
        ("turned down after the answer", "SENT ACKED REJECTED", Status.REJECTED),
    ],
)
def test_stories_that_happen(story: str, happenings: str, expected: Status) -> None:
    status = Status.PLANNED
    for name in happenings.split():
        status = advance(status, Happening[name])
    assert status is expected, story


@given(sequences, sequences)
def test_nothing_leads_out_of_filled(before: list[Happening], after: list[Happening]) -> None:
    assert live_through([*before, Happening.FILLED, *after]) is Status.FILLED


@given(sequences)
def test_no_order_is_sent_twice_without_its_answer_being_lost_between(
    happenings: list[Happening],
) -> None:
    status, sent, lost = Status.PLANNED, 0, 0
    for happening in happenings:
        try:
            status = advance(status, happening)
        except ImpossibleEvent:
            continue
        sent += happening is Happening.SENT
        lost += happening is Happening.LOST
    assert sent <= lost + 1


@given(st.permutations([Happening.ACKED, Happening.PARTLY_FILLED, Happening.FILLED]))
def test_the_order_in_which_news_arrive_does_not_matter(news: list[Happening]) -> None:
    assert live_through(news, Status.PENDING) is Status.FILLED


@given(sequences)
def test_what_is_over_never_lives_again_but_by_the_brokers_word(
    happenings: list[Happening],
) -> None:
    """Refused and abandoned orders may be found after all; canceled ones only fill."""
    found_after_all = {Status.REJECTED, Status.ABANDONED}
    status = Status.PLANNED
    for happening in happenings:
        try:
            after = advance(status, happening)
        except ImpossibleEvent:
            continue
        if is_terminal(status) and is_live(after):
            assert status in found_after_all
            assert happening not in (Happening.SENT, Happening.LOST)
        status = after


@given(sequences)
def test_whatever_happened_an_order_can_still_end(happenings: list[Happening]) -> None:
    status = live_through(happenings)
    ends = [
        advance(status, happening)
        for happening in Happening
        if _possible(status, happening) and is_terminal(advance(status, happening))
    ]
    assert ends


@given(sequences, st.sampled_from(list(Happening)))
def test_the_same_news_twice_are_told_once(happenings: list[Happening], news: Happening) -> None:
    status = live_through(happenings)
    if news is Happening.SENT or not _possible(status, news):
        return
    once = advance(status, news)
    if _possible(once, news):
        assert advance(once, news) is once


def _possible(status: Status, happening: Happening) -> bool:
    try:
        advance(status, happening)
    except ImpossibleEvent:
        return False
    return True


def test_what_is_live_is_not_terminal() -> None:
    live = {status for status in Status if is_live(status)}
    assert live == {Status.PLANNED, Status.PENDING, Status.UNKNOWN, Status.WORKING}
    assert {status for status in Status if is_terminal(status)} == set(Status) - live


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("new accepted pending_new accepted_for_bidding held", Happening.ACKED),
        ("pending_cancel pending_replace stopped suspended calculated", Happening.ACKED),
        ("partially_filled", Happening.PARTLY_FILLED),
        ("filled", Happening.FILLED),
        ("canceled", Happening.CANCELED),
        ("expired done_for_day", Happening.EXPIRED),
        ("rejected", Happening.REJECTED),
        ("replaced", Happening.REPLACED),
    ],
)
def test_alpacas_words(words: str, expected: Happening) -> None:
    assert {happening_of(word) for word in words.split()} == {expected}


def test_what_rests_is_not_over_when_it_is_done_for_the_day() -> None:
    """Alpaca: "no further updates until the next trading day"."""
    assert happening_of("done_for_day", "gtc") is Happening.ACKED
    others = set(_WORDS) - {"done_for_day"}
    assert all(happening_of(word, "gtc") is happening_of(word, "day") for word in others)


@pytest.mark.parametrize("word", ["", "FILLED", "cancelled", "pending_review"])
def test_an_unknown_word_is_told_apart(word: str) -> None:
    assert happening_of(word) is None


AT = datetime(2025, 1, 8, 15, 31, tzinfo=UTC)


def test_an_order_is_named_after_its_decision() -> None:
    assert client_order_id("bear_trap", "MULN", AT, "t1", 1) == "bear_trap-MULN-20250108T1531-t1-1"


def test_the_same_instant_gives_the_same_name_in_any_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=-5)))
    assert client_order_id("a", "B", elsewhere, "x", 2) == client_order_id("a", "B", AT, "x", 2)


def test_an_instant_between_minutes_is_named_to_the_second() -> None:
    name = client_order_id("a", "B", AT + timedelta(seconds=7), "x", 1)
    assert name == "a-B-20250108T153107-x-1"


decisions = st.tuples(
    st.sampled_from(["bear_trap", "hourly_swing"]),
    st.sampled_from(["AMC", "BRK.B"]),
    st.integers(0, 100_000).map(lambda seconds: AT + timedelta(seconds=seconds)),
    st.sampled_from(["t1", "t2", "exit", "exit-late"]),
    st.integers(1, 20),
)


@given(decisions, decisions)
def test_two_decisions_never_share_a_name(
    one: tuple[str, str, datetime, str, int], other: tuple[str, str, datetime, str, int]
) -> None:
    assert (client_order_id(*one) == client_order_id(*other)) == (one == other)


@given(decisions)
def test_a_name_is_read_back(decision: tuple[str, str, datetime, str, int]) -> None:
    assert read_order_name(client_order_id(*decision)) == decision


@pytest.mark.parametrize(
    "name",
    [
        "",
        "by-hand",
        "9c1185a5-c5e9-54fc-8967-f3a8a9b1f1a6",
        "bear_trap-MULN-20250108T1531-t1",
        "bear_trap-MULN-20250108T1531-t1-0",
        "bear_trap-MULN-20250108T1531-t1-01",
        "bear_trap-MULN-20250108T153100-t1-1",
        "bear_trap-MULN-20251308T1531-t1-1",
        "-MULN-20250108T1531-t1-1",
    ],
)
def test_a_name_that_we_would_not_give_is_not_read(name: str) -> None:
    assert read_order_name(name) is None


@pytest.mark.parametrize(
    ("strategy", "symbol", "leg", "attempt", "why"),
    [
        ("bear-trap", "MULN", "t1", 1, "hyphen"),
        ("bear_trap", "MU-LN", "t1", 1, "hyphen"),
        ("bear_trap", "MULN", "t1", 0, "count from 1"),
        ("bear_trap", "", "t1", 1, "all its parts"),
        ("bear_trap", "MULN", "t\n1", 1, "printable"),
        ("bear_trap", "MÜLN", "t1", 1, "ASCII"),
        ("b" * 120, "MULN", "t1", 1, "longer than 128"),
    ],
)
def test_a_name_that_would_mislead_is_refused(
    strategy: str, symbol: str, leg: str, attempt: int, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        client_order_id(strategy, symbol, AT, leg, attempt)


def test_a_name_of_128_characters_is_the_longest() -> None:
    room = 128 - len(client_order_id("s", "AMC", AT, "t1", 1))
    assert len(client_order_id("s" * (1 + room), "AMC", AT, "t1", 1)) == 128
    with pytest.raises(ValueError, match="longer"):
        client_order_id("s" * (2 + room), "AMC", AT, "t1", 1)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        client_order_id("a", "B", AT.replace(tzinfo=None), "x", 1)
