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
        return Decimal(text) if hint is Decimal else hint(text)
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
