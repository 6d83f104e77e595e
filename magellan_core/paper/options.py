"""The exchange's rules as an operator's words: NAME=VALUE, listed with meaning and default."""

import re
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from inspect import getdoc
from typing import Any, Literal, get_args, get_origin, get_type_hints

from magellan_core.errors import UsageError
from magellan_core.paper.rules import Rules

_HINTS = get_type_hints(Rules)
# Least and most of what is not simply some number from 0 on.
_RANGES: dict[str, tuple[float, float]] = {
    "seed": (-(2**63), 2**63),
    "partial_fill_probability": (0, 1),
    **dict.fromkeys(("spread_bps", "slippage_bps", "fee_bps"), (0, 10_000)),
    **dict.fromkeys(("opg_cutoff_minutes", "cls_cutoff_minutes"), (0, 1440)),
    "gtc_days": (0, 3660),
    "recent_sip_status": (403, 422),
}
_NUMBERS = (0, 10**9)
_SWITCH = {"true": True, "false": False}
_ENTRY = re.compile(r"^(\w+(?:, \w+)*): ", re.MULTILINE)


def read(texts: Iterable[str]) -> dict[str, Any]:
    """The rules that NAME=VALUE texts change. Raises UsageError naming what is wrong."""
    told: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if name not in _HINTS or not equals:
            raise UsageError(f"--rule {text}: write NAME=VALUE with one of {', '.join(_HINTS)}")
        told[name] = _value(name, value)
    return told


def _value(name: str, text: str) -> object:
    hint = _HINTS[name]
    if get_origin(hint) is Literal:
        if text in get_args(hint):
            return text
        raise UsageError(f"--rule {name}: {text!r} is none of {', '.join(get_args(hint))}")
    try:
        if hint is bool:
            return _SWITCH[text.lower()]
        found: Decimal | float = Decimal(text) if hint is Decimal else hint(text)
        least, most = _RANGES.get(name, _NUMBERS)
        if least <= found <= most:
            return found
        raise UsageError(f"--rule {name}: {text!r} is not from {least} to {most}")
    except (KeyError, ValueError, InvalidOperation):
        kind = "true or false" if hint is bool else f"a number ({hint.__name__})"
        raise UsageError(f"--rule {name}: {text!r} is not {kind}") from None


def describe() -> str:
    """Every rule on lines of its own: name, default, meaning."""
    meanings = _meanings()
    return "\n".join(
        f"  {field.name}={_spelled(field.default)}\n      {meanings[field.name]}"
        for field in fields(Rules)
    )


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meanings() -> dict[str, str]:
    """Out of the docstring of Rules, which names each of them."""
    text = getdoc(Rules) or ""
    _, *parts = _ENTRY.split(text)
    told: dict[str, str] = {}
    for names, meaning in zip(parts[::2], parts[1::2], strict=True):
        for name in names.split(", "):
            told[name] = " ".join(meaning.split())
    return told
