"""scripts/store_credentials.py on a real terminal: asks, proves, stores, shows nothing."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from magellan_core.errors import ExitCode
from tests.contract.server_support import ANN, BOB, floor

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-2"
ACCESS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@pytest.fixture
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def parameters(aws: str) -> dict[str, tuple[str, str]]:
    client: Any = boto3.client(
        "ssm",
        endpoint_url=aws,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    found = client.get_parameters_by_path(
        Path="/magellan/alpaca", Recursive=True, WithDecryption=True
    )
    stored = {row["Name"]: (row["Type"], row["Value"]) for row in found["Parameters"]}
    # Moto's accounts live as long as the process: other tests' parameters may be there.
    return {name: told for name, told in stored.items() if ANN.number in name}


def run(account: str, typed: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Type the lines at the script's prompts; its exit code and everything on the screen."""
    master, slave = pty.openpty()
    script = subprocess.Popen(
        [sys.executable, "scripts/store_credentials.py", account],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "AWS_REGION": REGION, **ACCESS, **env},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=own_terminal,
    )
    os.close(slave)
    screen = ""
    for line in typed:
        screen += read_until(master, ": ")
        os.write(master, f"{line}\n".encode())
    screen += read_until(master, None)
    os.close(master)
    return script.wait(30), screen


def own_terminal() -> None:
    """Make the pseudo-terminal the controlling one, which getpass opens as /dev/tty."""
    os.close(os.open(os.ttyname(0), os.O_RDWR))


def read_until(master: int, text: str | None) -> str:
    got = ""
    while text is None or not got.endswith(text):
        try:
            chunk = os.read(master, 4096)
        except OSError:
            return got
        if not chunk:
            return got
        got += chunk.decode()
    return got


def test_keys_that_open_the_account_are_stored_and_never_shown(aws: str) -> None:
    with floor() as exchange:
        env = {"AWS_ENDPOINT_URL": aws, "APCA_API_BASE_URL": exchange.url}
        code, screen = run(ANN.number, [ANN.key, ANN.secret], env)
    assert (code, parameters(aws)) == (
        0,
        {
            f"/magellan/alpaca/{ANN.number}/API_KEY": ("SecureString", ANN.key),
            f"/magellan/alpaca/{ANN.number}/API_SECRET": ("SecureString", ANN.secret),
        },
    ), screen
    assert ANN.key not in screen
    assert ANN.secret not in screen


@pytest.mark.parametrize(
    ("account", "typed", "words", "code"),
    [
        (BOB.number, [ANN.key, ANN.secret], "open account PAANN, not PABOB", 77),
        (ANN.number, [ANN.key, "wrong"], "keys are refused", 77),
        (ANN.number, [ANN.key, ""], "both keys are needed", 77),
        ("PA/../X", [ANN.key, ANN.secret], "is no account id", 64),
    ],
)
def test_keys_that_do_not_are_not_stored(
    aws: str, account: str, typed: list[str], words: str, code: int
) -> None:
    with floor() as exchange:
        env = {"AWS_ENDPOINT_URL": aws, "APCA_API_BASE_URL": exchange.url}
        before = parameters(aws)
        found, screen = run(account, typed, env)
    assert (found, words in " ".join(screen.split())) == (code, True), screen
    assert parameters(aws) == before


def test_keys_are_not_even_asked_for_when_they_would_be_sent_in_clear(aws: str) -> None:
    env = {"AWS_ENDPOINT_URL": aws, "APCA_API_BASE_URL": "http://192.0.2.1"}
    code, screen = run(ANN.number, [], env)
    assert (code, "in clear" in " ".join(screen.split())) == (ExitCode.CONFIG, True), screen
    assert "API key id" not in screen


def test_a_parameter_store_that_cannot_be_reached_is_unavailable() -> None:
    with floor() as exchange:
        env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "APCA_API_BASE_URL": exchange.url}
        code, screen = run(ANN.number, [ANN.key, ANN.secret], env)
    assert code == ExitCode.UNAVAILABLE, screen
    assert "AWS is out of reach" in " ".join(screen.split())
