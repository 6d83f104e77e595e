"""What happens to whom in the synthetic market: characters and scripted episodes, as data.

Scripts are counted in sessions from the first that was asked for. The traps of minute symbols come
round again every CYCLE sessions; daily and hourly scripts play once and then the walk goes on.
A symbol that is not named here walks quietly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CYCLE = 5


@dataclass(frozen=True, slots=True)
class Trap:
    """A slide of more than 15 %, a base, a break of the low that is reclaimed, and what follows.

    `minute` counts from the open, or back from the close when negative. `dip` is how far the trap
    bar breaks the low, as a fraction; it closes twice as far above it. `after` says where the
    price goes: (minutes after the trap, fraction of the way from its close to the session high).
    """

    minute: int
    dip: float
    after: tuple[tuple[int, float], ...]


BOTH_TARGETS = ((0, 0.0), (2, 0.04), (8, 0.62), (10, 0.52), (14, 1.06), (16, 0.95), (27, -0.12))
FIRST_TARGET = ((0, 0.0), (3, 0.05), (11, 0.6), (16, 0.38), (31, 0.32), (90, 0.2))
TARGET_THEN_STOP = ((0, 0.0), (3, 0.05), (10, 0.6), (12, 0.55), (24, -0.16), (60, -0.2))
STOPPED = ((0, 0.0), (3, 0.02), (12, -0.2), (60, -0.26))
NOWHERE = ((0, 0.0), (8, 0.1), (18, 0.03), (31, 0.07), (90, 0.1))


@dataclass(frozen=True, slots=True)
class MinuteCharacter:
    """Price in dollars, shares in a quiet minute, traps by session of the cycle."""

    price: float
    volume: float
    traps: Mapping[int, Trap] = field(default_factory=dict)


MINUTE: Mapping[str, MinuteCharacter] = {
    "MULN": MinuteCharacter(
        11.6, 26_000, {0: Trap(92, 0.004, BOTH_TARGETS), 4: Trap(218, 0.004, STOPPED)}
    ),
    "ONDS": MinuteCharacter(8.9, 41_000, {1: Trap(128, 0.004, NOWHERE)}),
    "AMC": MinuteCharacter(
        6.8, 64_000, {0: Trap(171, 0.004, STOPPED), 4: Trap(104, 0.004, TARGET_THEN_STOP)}
    ),
    # Below $1 a stop must lie a full cent away, so this dip is deeper.
    "NKLA": MinuteCharacter(0.86, 410_000, {3: Trap(141, 0.008, FIRST_TARGET)}),
    "WKHS": MinuteCharacter(10.3, 22_000, {2: Trap(-27, 0.004, NOWHERE)}),
}


@dataclass(frozen=True, slots=True)
class DailyCharacter:
    """Price, shares a day, daily volatility, drift of the last weeks before, scripted returns."""

    price: float
    volume: float
    volatility: float = 0.009
    drift: float = -0.0004
    returns: tuple[float, ...] = ()


DAILY: Mapping[str, DailyCharacter] = {
    # In an uptrend since before: bought at the second session's open and held.
    "GOOGL": DailyCharacter(318.0, 31e6, 0.009, 0.0034, (0.004, 0.003, 0.005, 0.002, 0.004)),
    "GLD": DailyCharacter(383.0, 9e6, 0.006),
    # Quiet until it breaks out in the second session: bought at the third session's open.
    "META": DailyCharacter(612.0, 13e6, 0.008, -0.0009, (0.001, 0.046, 0.006, 0.003, 0.004)),
    "AAPL": DailyCharacter(274.0, 46e6),
    "QQQ": DailyCharacter(606.0, 52e6, 0.007),
    "SPY": DailyCharacter(672.0, 71e6, 0.006),
    "MSFT": DailyCharacter(476.0, 21e6, 0.008),
    "TSLA": DailyCharacter(418.0, 82e6, 0.012),
    # Bought like GOOGL, then it falls: sold at the fifth session's open.
    "AMZN": DailyCharacter(229.0, 44e6, 0.007, 0.0027, (0.004, -0.003, -0.013, -0.046, -0.004)),
    "IWM": DailyCharacter(242.0, 34e6, 0.008),
}


@dataclass(frozen=True, slots=True)
class HourlyCharacter:
    """Price, shares a day, volatility of a regular hour, drift of the last bars before, script.

    The script says per session: (first New York hour, last, drift of each hour between).
    """

    price: float
    volume: float
    volatility: float = 0.0035
    drift: float = 0.0
    script: tuple[tuple[tuple[int, int, float], ...], ...] = ()


HOURLY: Mapping[str, HourlyCharacter] = {
    # Soft, then a rally at noon: bought, held for two nights, sold on the half day; later again.
    "TSLA": HourlyCharacter(
        418.0,
        82e6,
        0.0035,
        -0.0006,
        (
            ((4, 9, -0.0004), (10, 13, 0.0065), (14, 19, 0.0006)),
            ((4, 19, 0.0007),),
            ((4, 7, 0.0002), (8, 12, -0.0042), (13, 16, -0.0004)),
            ((4, 19, -0.0004),),
            ((4, 9, -0.0003), (10, 13, 0.006), (14, 19, 0.0006)),
        ),
    ),
    # In an uptrend since before: bought at the first check, held over the holiday, sold on Monday.
    "NVDA": HourlyCharacter(
        181.0,
        190e6,
        0.003,
        0.0012,
        (
            ((4, 19, 0.001),),
            ((4, 19, 0.0009),),
            ((4, 16, 0.0008),),
            ((4, 8, -0.0003), (9, 13, -0.0042), (14, 19, -0.0006)),
            ((4, 19, -0.0005),),
        ),
    ),
}
