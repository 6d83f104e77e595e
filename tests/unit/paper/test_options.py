"""The exchange's rules as words on the command line."""

from dataclasses import fields
from decimal import Decimal

import pytest

from magellan_core.errors import UsageError
from magellan_core.paper.options import describe, read
from magellan_core.paper.rules import Rules


def test_a_rule_is_read_as_what_it_is() -> None:
    texts = [
        "day_end=canceled",
        "pdt_fields=TRUE",
        "spread_bps=2.5",
        "cls_cutoff_minutes=5",
        "partial_fill_probability=0.1",
    ]
    told = read(texts)
    assert told == {
        "day_end": "canceled",
        "pdt_fields": True,
        "spread_bps": Decimal("2.5"),
        "cls_cutoff_minutes": 5,
        "partial_fill_probability": 0.1,
    }
    assert Rules(**told).day_end == "canceled"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour=red", "NAME=VALUE with one of seed"),
        ("day_end", "NAME=VALUE"),
        ("day_end=noon", "none of expired, canceled"),
        ("pdt_fields=maybe", "true or false"),
        ("spread_bps=wide", "a number"),
        ("gtc_days=1.5", "a number"),
        ("spread_bps=nan", "a number|not from"),
        ("partial_fill_probability=7", "not from 0 to 1"),
        ("partial_fill_probability=nan", "not from 0 to 1"),
        ("quote_size=-1", "not from 0"),
        ("recent_sip_status=7", "not from 403 to 422"),
        ("gtc_days=99999999", "not from 0 to 3660"),
    ],
)
def test_what_is_no_rule_is_told_with_its_remedy(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read([text])


def test_every_rule_is_described_with_its_default() -> None:
    lines = describe().splitlines()
    assert len(lines) == 2 * len(fields(Rules))
    for field, head, meaning in zip(fields(Rules), lines[::2], lines[1::2], strict=True):
        assert head.strip().lower() == f"{field.name}={field.default}".lower()
        assert len(meaning.split()) > 3
