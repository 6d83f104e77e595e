"""deploy/: CloudFormation takes the monitoring template, and it watches what the daemons emit."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file
from cfnlint.decode import cfn_yaml

from magellan_core.config import load
from magellan_core.lines import Line
from magellan_core.process.metrics import METRICS, NAMESPACE

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "monitoring.yaml"
STRATEGIES = ("bear_trap", "daily_trend", "hourly_swing")


def groups() -> dict[str, str]:
    """Log group by strategy, as the shipped configs have them."""
    paths = sorted((ROOT / "deployable_strategies").glob("*/aws_deployment/config.json"))
    configs = [load(path) for path in paths]
    return {config.name: config.monitoring.cloudwatch_log_group for config in configs}


def test_cfn_lint_has_nothing_to_say() -> None:
    assert [str(match) for match in lint_file(TEMPLATE)] == []


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of the template's resources of a kind, by name. (Moto makes no alarms of it.)"""
    found = cfn_yaml.load(str(TEMPLATE))["Resources"]
    return {name: row["Properties"] for name, row in found.items() if row["Type"] == kind}


def alarms() -> list[dict[str, Any]]:
    return list(resources("AWS::CloudWatch::Alarm").values())


def filters() -> list[dict[str, Any]]:
    return list(resources("AWS::Logs::MetricFilter").values())


def test_every_strategy_has_its_group_with_a_retention() -> None:
    found = resources("AWS::Logs::LogGroup").values()
    assert {group["LogGroupName"] for group in found} == {
        *groups().values(),
        "/magellan/operations",
    }
    assert all(group["RetentionInDays"] == {"Ref": "RetentionDays"} for group in found)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_is_watched(strategy: str) -> None:
    watched = {
        alarm["MetricName"]
        for alarm in alarms()
        if {"Name": "Strategy", "Value": strategy} in alarm.get("Dimensions", [])
    }
    wanted = {"Equity", "DrawdownUsed", "DailyLossUsed", "Halted", "Errors", "TickTime"}
    assert watched >= wanted


def test_alarms_watch_only_what_is_emitted_and_tell_the_topic() -> None:
    emitted = {name for name, _ in METRICS.values()}
    counted = {f["MetricTransformations"][0]["MetricName"] for f in filters()}
    assert len(alarms()) >= 25
    for alarm in alarms():
        known = emitted if alarm["Namespace"] == NAMESPACE else counted
        assert alarm["MetricName"] in known
        assert alarm["AlarmActions"] == [{"Ref": "AlertTopic"}]


def test_filters_count_events_that_are_logged() -> None:
    patterns = {f["FilterPattern"] for f in filters()}
    events = {match for p in patterns for match in re.findall(r'\$\.event = "(\w+)"', p)}
    assert events == {"fill", "lines_lost", "alert_unsent"}
    sources = "".join(
        (ROOT / "magellan_core" / path).read_text()
        for path in ("operations/shipping.py", "operations/alerting.py")
    )
    assert all(f'"{event}"' in sources for event in events - {str(Line.FILL)})


def test_amazons_agent_ships_the_same_units_to_the_same_groups() -> None:
    told = json.loads((ROOT / "deploy" / "cloudwatch-agent.json").read_text())
    rows = told["logs"]["logs_collected"]["journald"]["collect_list"]
    found = {row["units"][0]: row["log_group_name"] for row in rows}
    for name, group in groups().items():
        assert found[f"magellan-{name.replace('_', '-')}.service"] == group
