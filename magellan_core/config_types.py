"""The kinds of values that config.json holds.

Per cent are of 100: 10 means 10 %. Money is in dollars. An unknown key is an error.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _number(value: object) -> object:
    """A number in quotes, or true for 1, is a slip of the pen: refuse it."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number, without quotes")
    return value


# Every number has an upper bound: what is valid must also be a time span that can be reckoned with.
Number = Annotated[Decimal, BeforeValidator(_number, json_schema_input_type=float)]
Money = Annotated[Number, Field(gt=0, le=1_000_000_000)]
Percent = Annotated[Number, Field(gt=0, le=100)]
Share = Annotated[Number, Field(ge=0, le=1000)]
Seconds = Annotated[Number, Field(ge=0, le=31 * 86_400)]
Count = Annotated[
    int, BeforeValidator(_number, json_schema_input_type=int), Field(ge=1, le=1_000_000)
]
Minutes = Annotated[Count, Field(le=1440)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}(\.[A-Z])?$")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Policy = Literal["flatten", "hold"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
