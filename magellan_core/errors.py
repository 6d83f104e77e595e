"""Errors, named by who must act, and the exit codes that they end a process with.

LAW: a message names the fault, the place and the remedy, on one line. Only the types below are
survivable or end a process tidily; any other exception is a bug and crashes into recovery.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Every exit code of every Magellan process. The units list those that must not restart."""

    OK = 0
    CRASH = 1
    USAGE = 64
    DATA = 65
    CONFIG_MISSING = 66
    UNKNOWN_SYMBOL = 67
    NOT_RECONCILED = 68
    UNAVAILABLE = 69
    PORT_IN_USE = 70
    PYTHON_TOO_OLD = 71
    NOT_FLAT = 72
    ALREADY_RUNNING = 73
    JOURNAL = 74
    HALTED = 75
    CLOCK = 76
    CREDENTIALS = 77
    CONFIG = 78
    PREFLIGHT = 79


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "stopped as asked",
    ExitCode.CRASH: "a bug: the traceback is in the log; a restart recovers",
    ExitCode.USAGE: "wrong command-line arguments",
    ExitCode.DATA: "the market data asked for is missing or unreadable",
    ExitCode.CONFIG_MISSING: "the configuration file does not exist or cannot be read",
    ExitCode.UNKNOWN_SYMBOL: "none of the symbols asked for can be traded",
    ExitCode.NOT_RECONCILED: "journal and broker disagree, or a strategy did not trade (demo)",
    ExitCode.UNAVAILABLE: "the broker or another service cannot be reached; a restart may mend it",
    ExitCode.PORT_IN_USE: "another process listens on the port",
    ExitCode.PYTHON_TOO_OLD: "Python 3.12 is needed",
    ExitCode.NOT_FLAT: "an account holds shares or orders, or nobody knows (emergency stop)",
    ExitCode.ALREADY_RUNNING: "another instance holds the state directory's lock",
    ExitCode.JOURNAL: "the journal is corrupt or was written by a newer version",
    ExitCode.HALTED: "trading is halted and the account is flat",
    ExitCode.CLOCK: "the exchange's clock cannot be followed",
    ExitCode.CREDENTIALS: "the API keys are missing or refused; a person must act",
    ExitCode.CONFIG: "the configuration is wrong; a person must act",
    ExitCode.PREFLIGHT: "the preflight check found something red",
}


class MagellanError(Exception):
    """Root of all named errors. Each type says, by its exit code, who can mend it."""

    exit_code: ClassVar[ExitCode] = ExitCode.CRASH


class UsageError(MagellanError):
    """The command line asks for something that does not exist."""

    exit_code = ExitCode.USAGE


class DataError(MagellanError):
    """Market data on disk is missing, unreadable or does not cover the days asked for."""

    exit_code = ExitCode.DATA


class ConfigMissing(MagellanError):
    """The configuration file does not exist or cannot be read."""

    exit_code = ExitCode.CONFIG_MISSING


class ConfigError(MagellanError):
    """A configuration holds faults; all of them are in `faults`, each with its path."""

    exit_code = ExitCode.CONFIG

    def __init__(self, source: str, faults: list[str]) -> None:
        self.source, self.faults = source, faults
        noun = "fault" if len(faults) == 1 else "faults"
        super().__init__(f"{source}: {len(faults)} {noun}: " + "; ".join(faults))


class UnknownSymbol(MagellanError):
    """No symbol that was asked for is known to the exchange or the data."""

    exit_code = ExitCode.UNKNOWN_SYMBOL


class Unavailable(MagellanError):
    """A service did not answer usefully in time. Survivable: journal it and try again."""

    exit_code = ExitCode.UNAVAILABLE


class RateLimited(Unavailable):
    """The broker asks us to slow down (HTTP 429). Survivable."""


class DataUnavailable(Unavailable):
    """The market data cannot be asked: no decisions from bars; what is held is looked after."""


class CredentialsError(MagellanError):
    """The keys are missing, unreadable or refused."""

    exit_code = ExitCode.CREDENTIALS


class PortInUse(MagellanError):
    """The port to listen on is taken."""

    exit_code = ExitCode.PORT_IN_USE


class AlreadyRunning(MagellanError):
    """Another instance of this strategy holds the lock of the state directory."""

    exit_code = ExitCode.ALREADY_RUNNING


class JournalError(MagellanError):
    """The journal is corrupt, or its schema is newer than this version reads."""

    exit_code = ExitCode.JOURNAL


class JournalUnwritable(MagellanError):
    """The journal cannot be written now (disk full, read-only): no entries, exits go out."""

    exit_code = ExitCode.JOURNAL


class ClockError(MagellanError):
    """The exchange's stepped clock broke its protocol or is gone."""

    exit_code = ExitCode.CLOCK


class ImpossibleEvent(MagellanError):
    """An order event that the state table does not know. A bug here or a surprise there."""

    def __init__(self, status: object, event: object) -> None:
        self.status, self.event = status, event
        super().__init__(f"an order that is {status} cannot be {event}")
