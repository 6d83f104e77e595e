"""Does a command of the documents exist: the script, its options, the unit, the AWS operation?"""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise
from pathlib import Path

import botocore.session
from botocore import xform_name

from tests.docs.pages import ROOT, Command

PYTHONS = frozenset({"python", "python3", "python3.12", ".venv/bin/python"})
# Programs of the host, whose options are theirs.
HOST = frozenset(
    [
        "bash",
        "cat",
        "cd",
        "chmod",
        "chown",
        "cp",
        "curl",
        "date",
        "df",
        "dnf",
        "echo",
        "export",
        "free",
        "git",
        "grep",
        "head",
        "install",
        "less",
        "ln",
        "ls",
        "mkdir",
        "mv",
        "nano",
        "readlink",
        "rm",
        "sed",
        "sleep",
        "sqlite3",
        "ss",
        "stat",
        "tail",
        "tar",
        "test",
        "timedatectl",
        "tmux",
        "touch",
        "uname",
        "useradd",
        "visudo",
        "watch",
        "whoami",
        "wc",
    ]
)
SYSTEMCTL = frozenset(
    [
        "cat",
        "daemon-reload",
        "disable",
        "edit",
        "enable",
        "is-active",
        "is-enabled",
        "is-failed",
        "kill",
        "list-timers",
        "list-units",
        "reload",
        "reset-failed",
        "restart",
        "show",
        "start",
        "status",
        "stop",
    ]
)
OUR_FIELDS = frozenset({"MAGELLAN_SYMBOL", "MAGELLAN_ORDER_ID", "MAGELLAN_EVENT"})


class Wrong(Exception):
    """A command that a reader could not run."""


def check(command: Command) -> str:
    """What kind of command it is. Raise Wrong if something that it names is not there."""
    first, *rest = command.words
    name = first.rpartition("/")[2]
    if name in {"python", "python3", "python3.12"} or first in PYTHONS:
        return _python(rest)
    if first == "dask" and rest[:1] in (["scheduler"], ["worker"]):
        return "host"
    if first.startswith(("scripts/", "./scripts/", "deploy/")):
        return _script(first.removeprefix("./"), rest)
    known: dict[str, Callable[[Sequence[str]], str]] = {
        "make": _make,
        "aws": _aws,
        "systemctl": _systemctl,
        "journalctl": _journalctl,
        "systemd-analyze": _analyze,
    }
    if first in known:
        return known[first](rest)
    if first in HOST:
        return "host"
    raise Wrong(f"{first}: not a program that the documents may use without a check of their own")


def _python(words: Sequence[str]) -> str:
    if not words:
        return "host"
    if words[0] == "-m":
        if words[1] in {"json.tool", "pytest", "venv", "pip"}:
            return "host"
        raise Wrong(f"-m {words[1]}: no module that the documents may use")
    return _script(words[0], words[1:])


def _script(path: str, words: Sequence[str]) -> str:
    file = ROOT / path.removeprefix("/home/ec2-user/magellan/")
    if not file.is_file():
        raise Wrong(f"{path}: there is no such file")
    told = help_of(file)
    for word in words:
        option = word.partition("=")[0]
        if re.match(r"^--?[A-Za-z]", option) and not re.search(
            rf"(?<![\w-]){re.escape(option)}(?![\w-])", told
        ):
            raise Wrong(f"{path} knows no {option}")
    return "script"


@cache
def help_of(file: Path) -> str:
    """What a script says to --help."""
    interpreter = ["bash"] if file.suffix == ".sh" else [sys.executable]
    ended = subprocess.run(
        [*interpreter, str(file), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if ended.returncode != 0:
        raise Wrong(f"{file.name} --help ends with {ended.returncode}: {ended.stderr}")
    return ended.stdout


def _make(words: Sequence[str]) -> str:
    text = (ROOT / "Makefile").read_text()
    for word in words:
        variable, is_set, _ = word.partition("=")
        if is_set and not re.search(rf"\$\({variable}\)|^{variable} \?=", text, re.MULTILINE):
            raise Wrong(f"the Makefile reads no {variable}")
        if not is_set and not re.search(rf"^{re.escape(word)}:", text, re.MULTILINE):
            raise Wrong(f"the Makefile has no target {word}")
    return "make"


def units() -> list[str]:
    """Names of the unit files that the project ships."""
    found = [*ROOT.glob("deployable_strategies/*/aws_deployment/*"), *ROOT.glob("deploy/*")]
    return [f.name for f in found if f.suffix in {".service", ".timer", ".target"}]


def _unit(word: str) -> None:
    """A unit of ours, by name, pattern or instance of a template."""
    asked = word if re.search(r"\.(service|timer|target)$", word) else f"{word}.service"
    asked = re.sub(r"@[^.]+\.", "@.", asked)
    if not any(fnmatch(unit, asked) for unit in units()):
        raise Wrong(f"{word}: the project ships no such unit")


def _systemctl(words: Sequence[str]) -> str:
    plain = [word for word in words if not word.startswith("-")]
    if not plain or plain[0] not in SYSTEMCTL:
        raise Wrong(f"systemctl {' '.join(plain[:1])}: not a verb that is checked")
    for word in plain[1:]:
        if word.startswith("magellan"):
            _unit(word)
    return "systemd"


def _journalctl(words: Sequence[str]) -> str:
    for option, value in pairwise(words):
        if option in {"-u", "--unit"}:
            _unit(value)
    for word in words:
        field, is_match, _ = word.partition("=")
        if is_match and field.isupper() and field not in OUR_FIELDS:
            raise Wrong(f"{field}: no field that the daemons write")
    return "systemd"


def _analyze(words: Sequence[str]) -> str:
    for word in words[1:]:
        if word.startswith("magellan"):
            _unit(word)
    return "systemd"


def _aws(words: Sequence[str]) -> str:
    """Service, operation and options, by the models that the AWS command line is made from."""
    plain = [w for w in words if not w.startswith("-")]
    service, operation = plain[0], plain[1]
    if (service, operation) == ("configure", "list") or service == "--version":
        return "aws"
    # Commands that the AWS command line adds to the services' operations.
    if (service, operation) in {("cloudformation", "deploy"), ("s3", "cp"), ("s3", "sync")}:
        return "aws"
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        raise Wrong(f"aws {service}: there is no such service")
    model = session.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation == "wait" and len(plain) > 2:
        return "aws"
    if operation not in names:
        raise Wrong(f"aws {service} {operation}: there is no such operation")
    shape = model.operation_model(names[operation]).input_shape
    members = {} if shape is None else shape.members
    known = {f"--{xform_name(m, '-')}" for m in members}
    known |= {f"--no-{xform_name(m, '-')}" for m in members}
    for word in words:
        option = word.partition("=")[0]
        general = {"--region", "--output", "--query", "--profile", "--no-cli-pager"}
        if option.startswith("--") and option not in known | general:
            raise Wrong(f"aws {service} {operation} knows no {option}")
    return "aws"
