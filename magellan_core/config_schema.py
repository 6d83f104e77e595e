"""The configuration's form as a JSON Schema for editors, and as a list of its keys."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from magellan_core.config_model import MODELS, Model


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model an annotation holds: itself, or the values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in get_args(annotation) if (m := model_in(a)) is not None), None)


def leaf_paths() -> set[str]:
    """Every key that a config file may hold, dotted; SYM stands for a symbol."""
    return {path for kind in MODELS.values() for path in _leaves(kind, "")}


def _leaves(kind: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = model_in(field.annotation)
        if inner is None:
            yield path
        else:
            in_dict = "dict" in str(field.annotation)
            yield from _leaves(inner, f"{path}.SYM." if in_dict else f"{path}.")


_NUMBER = re.compile(r"-?\d+(\.\d+)?")
# pydantic writes the bounds of a Decimal under names of its own.
_BOUNDS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
}


def json_schema() -> dict[str, Any]:
    """The schema of all three files, for editors."""
    schema = TypeAdapter[Model](Model).json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_standard(schema)}


def _standard(schema: Any) -> Any:
    """Bounds by JSON Schema's names, and numbers as numbers."""
    if isinstance(schema, list):
        return [_standard(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {_BOUNDS.get(key, key): _standard(value) for key, value in schema.items()}
    if "default" in told and told.get("type") in ("number", "array"):
        told["default"] = _plain(told["default"])
    return told


def _plain(value: Any) -> Any:
    """A Decimal's text as a number; other text as it is."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number
