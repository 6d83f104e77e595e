"""Where the API keys come from, through real boto3 over HTTP; and that they go nowhere else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from magellan_core.aws.credentials import Keys, Parameters, fetch
from magellan_core.errors import CredentialsError, MagellanError, Unavailable
from tests.contract import scripted_server as wire
from tests.contract.scripted_server import Reply, scripted

KEY, SECRET = "PKTESTKEY", "a-secret-nobody-may-see"
BOTH = {"APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": SECRET}
NAMES = Parameters("/magellan/alpaca/PA1/API_KEY", "/magellan/alpaca/PA1/API_SECRET")
REGION = "us-east-2"
LAPTOP = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """Moto's server, holding one account's parameters."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    ssm = boto3.client(
        "ssm",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    for name, value in ((NAMES.key, KEY), (NAMES.secret, SECRET + "\n"), ("/half/KEY", KEY)):
        ssm.put_parameter(Name=name, Value=value, Type="SecureString")
    yield url
    server.stop()


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in LAPTOP.items() if key != name}


def keys_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys.json"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_comes_first(tmp_path: Path) -> None:
    env = {**BOTH, "MAGELLAN_KEYS_FILE": str(tmp_path / "absent")}
    found = fetch(NAMES, env)
    assert (found.key, found.secret, found.source) == (KEY, SECRET, "environment")


@pytest.mark.parametrize("name", [*BOTH])
def test_one_key_without_the_other_is_refused(name: str) -> None:
    with pytest.raises(CredentialsError, match=f"{name} is missing"):
        fetch(NAMES, {key: value for key, value in BOTH.items() if key != name})


def test_a_file_comes_before_ssm(tmp_path: Path) -> None:
    path = keys_file(tmp_path, json.dumps(BOTH))
    found = fetch(NAMES, {"MAGELLAN_KEYS_FILE": str(path)})
    assert (found.key, found.secret) == (KEY, SECRET)
    assert str(path) in found.source


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = keys_file(tmp_path, json.dumps(BOTH), mode)
    with pytest.raises(CredentialsError, match=f"chmod 600 {path}"):
        fetch(None, {"MAGELLAN_KEYS_FILE": str(path)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        (f'{{"APCA_API_SECRET_KEY": "{SECRET}"', "not JSON"),
        (f'["{SECRET}"]', "not a JSON object"),
        (json.dumps({"APCA_API_KEY_ID": KEY}), "APCA_API_SECRET_KEY is missing"),
        (json.dumps({**BOTH, "APCA_API_KEY_ID": 7}), "APCA_API_KEY_ID is missing"),
        (json.dumps({**BOTH, "APCA_API_SECRET_KEY": f"{SECRET}\r\nX: y"}), "characters"),
    ],
)
def test_a_file_of_another_form_is_refused_without_quoting_it(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(CredentialsError, match=words) as caught:
        fetch(None, {"MAGELLAN_KEYS_FILE": str(keys_file(tmp_path, text))})
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="absent: No such file"):
        fetch(None, {"MAGELLAN_KEYS_FILE": str(tmp_path / "absent")})


def test_nothing_configured_says_what_could_be() -> None:
    with pytest.raises(CredentialsError, match="no API keys: set APCA_API_KEY_ID"):
        fetch(None, {})


def test_ssm_gives_both_in_one_call(aws: str) -> None:
    found = fetch(NAMES, {**LAPTOP, "AWS_ENDPOINT_URL": aws})
    # A pasted secret often ends in a line break, which no header may hold.
    assert (found.key, found.secret) == (KEY, SECRET)
    assert NAMES.key in found.source


def test_the_regions_name_may_come_from_the_configuration(aws: str) -> None:
    env = {**without("AWS_REGION"), "AWS_ENDPOINT_URL": aws}
    assert fetch(Parameters(NAMES.key, NAMES.secret, REGION), env).key == KEY
    with pytest.raises(CredentialsError, match="no such parameter"):
        fetch(Parameters(NAMES.key, NAMES.secret, "eu-west-1"), env)


@pytest.mark.parametrize(
    ("parameters", "env", "words"),
    [
        (Parameters("/half/KEY", "/half/NO"), LAPTOP, "no such parameter /half/NO: create it"),
        (NAMES, without("AWS_REGION"), "no AWS region: set ssm_parameters.region or AWS_REGION"),
        (NAMES, without("AWS_ACCESS_KEY_ID"), "PartialCredentials|no AWS credentials"),
        (
            NAMES,
            {k: v for k, v in LAPTOP.items() if "ACCESS_KEY" not in k},
            "no AWS credentials: attach the instance role",
        ),
        (
            Parameters("/magellan/alpaca/PENDING_CREATION/API_KEY", "/x"),
            LAPTOP,
            "account_id is still PENDING_CREATION: create the paper account",
        ),
        (NAMES, {**LAPTOP, "AWS_PROFILE": "nobody"}, "ProfileNotFound"),
    ],
)
def test_what_a_person_must_mend_says_how(
    aws: str, parameters: Parameters, env: dict[str, str], words: str
) -> None:
    with pytest.raises(CredentialsError, match=words) as caught:
        fetch(parameters, {**env, "AWS_ENDPOINT_URL": aws})
    assert "\n" not in str(caught.value)


def refusal(status: int, code: str, message: str = "no") -> Reply:
    """An error as SSM's JSON protocol writes it."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return wire.body(body, status, "application/x-amz-json-1.1")


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (refusal(400, "AccessDeniedException"), CredentialsError, "ssm:GetParameters"),
        (
            refusal(400, "AccessDeniedException", "not authorized to perform: kms:Decrypt on x"),
            CredentialsError,
            "KMS does not decrypt them .* let the role call kms:Decrypt",
        ),
        (refusal(400, "InvalidKeyId", "key is disabled"), CredentialsError, "key is enabled"),
        (refusal(400, "UnrecognizedClientException"), CredentialsError, "renew them"),
        (refusal(400, "ExpiredTokenException"), CredentialsError, "renew them"),
        (refusal(400, "ValidationException"), CredentialsError, "check the AWS configuration"),
        (refusal(400, "ThrottlingException", "slow"), Unavailable, "AWS is busy"),
        (refusal(500, "InternalServerError"), Unavailable, "AWS is busy"),
        (wire.html(503), Unavailable, "AWS is busy"),
        (wire.reset, Unavailable, "out of reach"),
    ],
    ids=[
        "denied",
        "kms",
        "kms key",
        "unknown",
        "expired",
        "invalid",
        "throttled",
        "500",
        "503",
        "reset",
    ],
)
def test_each_refusal_has_its_error(reply: Reply, error: type[MagellanError], words: str) -> None:
    with (
        scripted(reply) as script,
        pytest.raises(error, match=words) as caught,
    ):
        fetch(NAMES, {**LAPTOP, "AWS_ENDPOINT_URL": script.url})
    assert caught.type is error
    assert "\n" not in str(caught.value)
    assert len(script.requests) == (4 if error is Unavailable else 1)


EXPIRED = "Signature expired: 20260101T000000Z is now earlier than 20260101T060000Z"


def test_a_clock_that_is_wrong_is_named_and_tried_again_by_a_restart() -> None:
    with (
        scripted(refusal(400, "InvalidSignatureException", EXPIRED)) as script,
        pytest.raises(Unavailable, match=r"clock is wrong .* chronyc tracking"),
    ):
        fetch(NAMES, {**LAPTOP, "AWS_ENDPOINT_URL": script.url})


ON_INSTANCE = {
    k: v for k, v in LAPTOP.items() if "KEY" not in k and k not in ("AWS_EC2_METADATA_DISABLED",)
}


def instance(url: str) -> dict[str, str]:
    """An EC2 instance whose metadata service is at that address."""
    return {**ON_INSTANCE, "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}


def test_an_instance_without_a_role_says_so() -> None:
    token, no_role = wire.body(b"a-token", 200, "text/plain"), wire.html(404)
    with (
        scripted(token, no_role, no_role, token) as metadata,
        pytest.raises(CredentialsError, match="this instance has no role: attach"),
    ):
        fetch(NAMES, instance(metadata.url))


def test_a_metadata_service_that_is_not_up_yet_is_left_to_a_restart() -> None:
    with (
        scripted(wire.hang) as metadata,
        pytest.raises(Unavailable, match="metadata service does not answer yet"),
    ):
        fetch(NAMES, instance(metadata.url))
    assert len(metadata.requests) >= 3


def test_the_instance_tells_its_region(aws: str) -> None:
    token = wire.body(b"a-token", 200, "text/plain")
    zone = wire.body(f"{REGION}b".encode(), 200, "text/plain")
    env = {**without("AWS_REGION"), "AWS_ENDPOINT_URL": aws}
    del env["AWS_EC2_METADATA_DISABLED"]
    with scripted(token, zone) as metadata:
        env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata.url
        assert fetch(NAMES, env).key == KEY


def test_a_throttled_call_is_repeated_until_it_is_let_through() -> None:
    rows: list[dict[str, Any]] = [
        {"Name": NAMES.key, "Value": KEY},
        {"Name": NAMES.secret, "Value": SECRET},
    ]
    slow = refusal(400, "ThrottlingException")
    with scripted(slow, slow, wire.answer({"Parameters": rows})) as script:
        assert fetch(NAMES, {**LAPTOP, "AWS_ENDPOINT_URL": script.url}).secret == SECRET
    assert len(script.requests) == 3
    assert script.requests[0].body == {"Names": [NAMES.key, NAMES.secret], "WithDecryption": True}


def test_a_child_that_hangs_is_ended() -> None:
    with (
        scripted(wire.hang) as script,
        pytest.raises(Unavailable, match="did not answer within 1 s"),
    ):
        fetch(NAMES, {**LAPTOP, "AWS_ENDPOINT_URL": script.url}, patience=1.0)


def test_boto3_is_loaded_by_the_child_only(aws: str) -> None:
    code = (
        "import os, sys\n"
        "from magellan_core.aws.credentials import Parameters, fetch\n"
        f"keys = fetch(Parameters({NAMES.key!r}, {NAMES.secret!r}), os.environ)\n"
        f"assert keys.key == {KEY!r}\n"
        "assert not {'boto3', 'botocore'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    env = {**LAPTOP, "AWS_ENDPOINT_URL": aws, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)


def test_keys_do_not_show_themselves() -> None:
    keys = Keys(KEY, SECRET, "environment")
    assert repr(keys) == str(keys) == "Keys(source='environment')"
