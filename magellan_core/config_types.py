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


Number = Annotated[Decimal, BeforeValidator(_number, json_schema_input_type=float)]
Money = Annotated[Number, Field(gt=0)]
Percent = Annotated[Number, Field(gt=0, le=100)]
Share = Annotated[Number, Field(ge=0)]
Seconds = Annotated[Number, Field(ge=0)]
Count = Annotated[int, BeforeValidator(_number, json_schema_input_type=int), Field(ge=1)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}(\.[A-Z])?$")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Policy = Literal["flatten", "hold"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
