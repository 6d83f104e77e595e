"""Blocks of a page are renewed in place; tables say what the measured values say."""

from pathlib import Path

import pytest

from magellan_core.backtest.document import command, filled, limits, names, parameters, table
from magellan_core.config import load
from magellan_core.errors import UsageError

ROOT = Path(__file__).parents[3]
CONFIG = "deployable_strategies/{}/aws_deployment/config.json"
PAGE = "before\n<!-- begin one -->\nstale\n<!-- end one -->\nafter\n"


def test_a_block_is_renewed_and_the_rest_is_kept() -> None:
    renewed = filled(PAGE, {"one": "| fresh |\n", "other": "unused"})
    assert renewed == "before\n<!-- begin one -->\n| fresh |\n<!-- end one -->\nafter\n"
    assert filled(renewed, {"one": "| fresh |"}) == renewed
    assert names(PAGE) == ["one"]


def test_an_empty_block_is_filled_and_back_slashes_stay() -> None:
    page = "<!-- begin a -->\n<!-- end a -->"
    assert filled(page, {"a": r"\1 \n"}) == "<!-- begin a -->\n\\1 \\n\n<!-- end a -->"


def test_a_block_that_nobody_makes_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing makes the block one; there is two"):
        filled(PAGE, {"two": ""})


def test_a_command_can_be_pasted() -> None:
    assert command(["scripts/sweep.py", "--grid", "symbol_parameters.*.upper=55"]) == (
        "```bash\nscripts/sweep.py --grid 'symbol_parameters.*.upper=55'\n```"
    )


def test_a_table_is_markdown() -> None:
    assert table(("", "a"), [("x", "1")]) == "|  | a |\n| --- | ---: |\n| x | 1 |"


def test_limits_and_parameters_are_the_configuration_s() -> None:
    configs = [
        load(ROOT / CONFIG.format(name))
        for name in ("bear_trap", "daily_trend_hysteresis", "hourly_swing")
    ]
    told = limits(configs)
    assert "| position, at most | $50,000 | $10,000 | $50,000 |" in told
    assert "or a drawdown of 20 % of $300,000" in told
    assert "| TSLA | 14 | 60 | 40 |" in parameters(configs[2])
    assert "| `require_support_break` | true |" in parameters(configs[0])


@pytest.mark.parametrize(
    "page",
    [
        "AWS_DEPLOYMENT_STRATEGY.md",
        *(
            f"deployable_strategies/{name}/README.md"
            for name in ("bear_trap", "daily_trend_hysteresis", "hourly_swing")
        ),
    ],
)
def test_no_page_has_an_empty_or_torn_block(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = names(text)
    assert text.count("<!-- begin ") == text.count("<!-- end ") == len(found) > 0
    for name in found:
        body = text.split(f"<!-- begin {name} -->")[1].split(f"<!-- end {name} -->")[0]
        assert "|" in body, name
