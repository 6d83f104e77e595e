"""An equity curve as two columns: 16 bytes a point, read as (instant, dollars)."""

from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import overload

from magellan_core.paper.market_series import instant

Point = tuple[datetime, float]


class Curve(Sequence[Point]):
    """Points, oldest first. `ends` are microseconds since 1970, `values` dollars."""

    __slots__ = ("ends", "values")

    def __init__(self, ends: "array[int]", values: "array[float]") -> None:
        self.ends, self.values = ends, values

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, i: int) -> Point: ...
    @overload
    def __getitem__(self, i: slice) -> "Curve": ...
    def __getitem__(self, i: int | slice) -> "Point | Curve":
        if isinstance(i, slice):
            return Curve(self.ends[i], self.values[i])
        return instant(self.ends[i]), self.values[i]
