"""deploy/instance.yaml: clean for cfn-lint, and as closed as the guide says."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "instance.yaml"


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        json.dumps(import_module("cfnlint.decode.cfn_yaml").load(str(TEMPLATE)))
    )
    found: dict[str, Any] = told["Resources"]
    return found


def statements(resources: dict[str, Any]) -> list[dict[str, Any]]:
    policies = resources["InstanceRole"]["Properties"]["Policies"]
    return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]


def test_cfn_lint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), str(TEMPLATE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_comes_in_and_only_https_goes_out(resources: dict[str, Any]) -> None:
    group = resources["SecurityGroup"]["Properties"]
    assert group["SecurityGroupIngress"] == []
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [
        (443, 443)
    ]
    assert "KeyName" not in resources["Instance"]["Properties"]


def test_the_role_reads_six_parameters_and_takes_one_policy(resources: dict[str, Any]) -> None:
    # AmazonSSMManagedInstanceCore, the usual one, may read every parameter.
    assert resources["InstanceRole"]["Properties"]["ManagedPolicyArns"] == [
        {"Fn::ImportValue": "magellan-telemetry-policy"}
    ]
    keys = next(s for s in statements(resources) if s.get("Sid") == "ApiKeys")
    names = [row["Fn::Sub"].rpartition("parameter")[2] for row in keys["Resource"]]
    assert sorted(names) == sorted(
        f"/magellan/alpaca/${{{account}}}/{part}"
        for account in ("BearTrapAccount", "DailyTrendAccount", "HourlySwingAccount")
        for part in ("API_KEY", "API_SECRET")
    )
    readers = [s for s in statements(resources) if any("Parameter" in a for a in actions(s))]
    assert readers == [keys]


def actions(statement: dict[str, Any]) -> list[str]:
    told = statement["Action"]
    return [told] if isinstance(told, str) else told


def test_only_the_agent_may_act_on_everything(resources: dict[str, Any]) -> None:
    wide = [s for s in statements(resources) if s["Resource"] == "*"]
    assert {a.split(":")[0] for s in wide for a in actions(s)} == {
        *("ssm", "ssmmessages", "ec2messages"),
    }
    assert not any("*" in action for s in statements(resources) for action in actions(s))


def test_the_volume_is_encrypted_and_outlives_the_instance(resources: dict[str, Any]) -> None:
    (device,) = resources["Instance"]["Properties"]["BlockDeviceMappings"]
    assert device["Ebs"]["Encrypted"] is True
    assert device["Ebs"]["DeleteOnTermination"] is False
    assert resources["Instance"]["Properties"]["MetadataOptions"]["HttpTokens"] == "required"


def test_silence_is_an_alarm(resources: dict[str, Any]) -> None:
    alarm = resources["InstanceAlarm"]["Properties"]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["AlarmActions"] == [{"Fn::ImportValue": "magellan-alert-topic"}]


def test_the_monitoring_stack_exports_what_is_imported() -> None:
    exported = (TEMPLATE.with_name("monitoring.yaml")).read_text()
    for name in ("magellan-telemetry-policy", "magellan-alert-topic"):
        assert f"Export: {{Name: {name}}}" in exported
