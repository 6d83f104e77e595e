"""Where the API keys come from: environment, a private file, or SSM Parameter Store, in that order.

LAW: a key is in no message, no log, no repr and no command line.
"""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from magellan_core.errors import CredentialsError, MagellanError, Unavailable

KEY_NAME, SECRET_NAME = "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"
FILE_NAME = "MAGELLAN_KEYS_FILE"
PENDING = "PENDING_CREATION"

_CHILD = Path(__file__).with_name("credentials_child.py")
_CHILD_SECONDS = 60.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

# What a restart may mend.
_SERVER_ERRORS = range(500, 600)
_BUSY = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_SKEW_WORDS = ("Signature expired", "Signature not yet current")
_KEY_UNUSABLE = frozenset({"InvalidKeyId", "KMSInvalidStateException", "DisabledException"})
_REFUSED_IDENTITY = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "MissingAuthenticationToken",
    }
)


@dataclass(frozen=True, slots=True)
class Keys:
    """An account's API keys; not shown by repr. `source` says where they come from."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """Names of the two SSM parameters. `region` None: AWS_REGION, the profile's, the instance's."""

    key: str
    secret: str
    region: str | None = None


def fetch(
    parameters: Parameters | None, env: Mapping[str, str], patience: float = _CHILD_SECONDS
) -> Keys:
    """The keys of one account; SSM is waited for up to `patience` seconds.

    From APCA_API_KEY_ID and APCA_API_SECRET_KEY; else from the JSON file named by
    MAGELLAN_KEYS_FILE, which holds those two names and only its owner may read; else from SSM.
    Raises CredentialsError where a person must act, Unavailable where a restart may do.
    """
    if env.get(KEY_NAME) or env.get(SECRET_NAME):
        return _keys(env, "environment", f"set both {KEY_NAME} and {SECRET_NAME}, or neither")
    if path := env.get(FILE_NAME):
        return _from_file(Path(path))
    if parameters is None:
        raise CredentialsError(
            f"no API keys: set {KEY_NAME} and {SECRET_NAME}, or {FILE_NAME}, or ssm_parameters in "
            "the configuration"
        )
    return _from_ssm(parameters, env, patience)


def put(
    values: Mapping[str, str], region: str | None, kms_key: str | None, env: Mapping[str, str]
) -> None:
    """Write parameters as SecureStrings, replacing what is there. Raises as `fetch` does."""
    where = _region(region, env)
    told = _ask_child(
        {"put": dict(values), "region": where, "kms_key": kms_key}, env, _CHILD_SECONDS
    )
    if "fault" in told:
        raise _fault(told, list(values), where)


def _region(told: str | None, env: Mapping[str, str]) -> str | None:
    """boto3 itself does not read AWS_REGION."""
    return told or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or None


def _keys(told: Mapping[str, object], source: str, remedy: str) -> Keys:
    values: list[str] = []
    for name in (KEY_NAME, SECRET_NAME):
        value = told.get(name)
        if not isinstance(value, str) or not value.strip():
            raise CredentialsError(f"{source}: {name} is missing or empty: {remedy}")
        # A header takes no line break, and pasted keys often end in one.
        values.append(value.strip())
    if not all(value.isascii() and value.isprintable() for value in values):
        raise CredentialsError(f"{source}: a key holds characters that no key has: {remedy}")
    return Keys(values[0], values[1], source)


def _from_file(path: Path) -> Keys:
    source = f"{FILE_NAME} {path}"
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_mode & _OTHERS:
                raise CredentialsError(
                    f"{source}: others may read it (mode {stat.S_IMODE(found.st_mode):04o}): run "
                    f"chmod 600 {path}, and make new keys if others have access to this machine"
                )
            text = file.read()
    except OSError as error:
        raise CredentialsError(
            f"{source}: {error.strerror or 'cannot be read'}: create it, or unset {FILE_NAME}"
        ) from None
    remedy = f'write {{"{KEY_NAME}": "...", "{SECRET_NAME}": "..."}} to it'
    try:
        told = json.loads(text)
    except ValueError:
        # `from None`: the parser's message may quote the file.
        raise CredentialsError(f"{source}: not JSON: {remedy}") from None
    if not isinstance(told, dict):
        raise CredentialsError(f"{source}: not a JSON object: {remedy}")
    return _keys(told, source, remedy)


def _from_ssm(parameters: Parameters, env: Mapping[str, str], patience: float) -> Keys:
    names = [parameters.key, parameters.secret]
    if any(PENDING in name for name in names):
        raise CredentialsError(
            f"SSM parameter {names[0]}: account_info.account_id is still {PENDING}: create the "
            "paper account at Alpaca, store its keys, and put its id into the configuration"
        )
    region = _region(parameters.region, env)
    told = _ask_child({"names": names, "region": region}, env, patience)
    if "fault" in told:
        raise _fault(told, names, region)
    values = told["values"]
    found = values if isinstance(values, dict) else {}
    source = f"SSM parameters {' and '.join(names)}"
    renamed = {KEY_NAME: found.get(names[0]), SECRET_NAME: found.get(names[1])}
    return _keys(renamed, source, "store them again with scripts/store_credentials.py")


def _ask_child(
    request: Mapping[str, object], env: Mapping[str, str], patience: float
) -> dict[str, object]:
    """Ask boto3 in a process that ends, over pipes; a traceback of it goes to our stderr."""
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-I", str(_CHILD)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            timeout=patience,
            env={name: value for name, value in env.items() if name not in (KEY_NAME, SECRET_NAME)},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"SSM did not answer within {patience:.0f} s: check the network and its VPC endpoint"
        ) from None
    if child.returncode != 0:
        raise Unavailable(
            f"reading SSM failed (exit {child.returncode}): the traceback above says why"
        )
    told: dict[str, object] = json.loads(child.stdout)
    return told


def _fault(told: Mapping[str, object], names: list[str], region: str | None) -> MagellanError:
    """The child's fault as the error of whoever can mend it."""
    code, detail = str(told.get("code", "")), " ".join(str(told.get("detail", "")).split())
    where = f"SSM parameters {' and '.join(names)} in {region or 'the default region'}"
    match told["fault"]:
        case "unreachable":
            return Unavailable(f"{where}: AWS is out of reach ({detail}): check the network")
        case "no metadata":
            return Unavailable(
                f"{where}: the instance's metadata service does not answer yet, so there are no "
                "AWS credentials: a restart tries again"
            )
        case "refused" if code in _BUSY or told.get("status") in _SERVER_ERRORS:
            return Unavailable(f"{where}: AWS is busy ({code}): a restart tries again")
        case "refused" if code in _SKEWED or any(words in detail for words in _SKEW_WORDS):
            return Unavailable(
                f"{where}: this machine's clock is wrong ({detail}): see chronyc tracking; a "
                "restart tries again"
            )
    return CredentialsError(f"{where}: {_remedy(str(told['fault']), code, detail)}")


def _remedy(fault: str, code: str, detail: str) -> str:
    """What only a person can mend: the fault, and how."""
    match fault:
        case "missing":
            return (
                f"no such parameter {detail}: create it in this region with "
                "scripts/store_credentials.py"
            )
        case "no region":
            return "no AWS region: set ssm_parameters.region or AWS_REGION, e.g. us-east-2"
        case "no role":
            return "this instance has no role: attach the instance profile of deploy/"
        case "no credentials":
            return "no AWS credentials: attach the instance role, or set AWS_PROFILE on a laptop"
        case "refused" if "kms" in detail.lower() or code in _KEY_UNUSABLE:
            return (
                f"KMS does not decrypt them ({code}: {detail}): let the role call kms:Decrypt on "
                "their key, and see that the key is enabled"
            )
        case "refused" if code.startswith("AccessDenied"):
            return (
                f"access denied ({detail}): let the role call ssm:GetParameters on them (and "
                "ssm:PutParameter, to store them)"
            )
        case "refused" if code in _REFUSED_IDENTITY:
            return f"AWS does not take our credentials ({code}): renew them, and check the clock"
        case _:
            return f"{code}: {detail}: check the AWS configuration"
